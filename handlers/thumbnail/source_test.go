package thumbnail

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image/color"
	"runtime"
	"strings"
	"testing"

	"legwork/jobs"
)

// bombs are small files that claim to be huge.
func bombs(t *testing.T) map[string][]byte {
	t.Helper()
	picture := asPNG(t, quadrants(8, 8))
	binary.BigEndian.PutUint32(picture[16:], 60000)
	binary.BigEndian.PutUint32(picture[20:], 60000)
	binary.BigEndian.PutUint32(picture[29:], crc32.ChecksumIEEE(picture[12:29]))

	photo := asJPEG(t, quadrants(8, 8))
	frame := bytes.Index(photo, []byte{0xff, 0xc0})
	binary.BigEndian.PutUint32(photo[frame+5:], 0xffff_ffff)

	animation := asGIF(t, quadrants(8, 8))
	binary.LittleEndian.PutUint32(animation[6:], 0xffff_ffff)

	return map[string][]byte{
		"a.png": picture, "a.jpg": photo, "a.gif": animation, "a.webp": asWebP(16384, 16384, color.NRGBA{A: 255}),
	}
}

// A picture over the pixel limit is refused from its header, before any memory
// is taken for it.
func TestDecompressionBombs(t *testing.T) {
	dir := t.TempDir()
	h := newHandler(Options{Dir: dir})
	for name, data := range bombs(t) {
		put(t, dir, name, data)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := h.run(t.Context(), Payload{Source: name, Target: "b.png", Width: 4})
		runtime.ReadMemStats(&after)
		wantPermanent(t, err, name, "more than the 50000000 of handlers.image_thumbnail.max_pixels")
		if took := after.TotalAlloc - before.TotalAlloc; took > 8<<20 {
			t.Errorf("%s: took %d bytes", name, took)
		}
	}
}

// The limits are inclusive, and a long thin picture has one of its own.
func TestLimits(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	data := asPNG(t, quadrants(20, 10))
	put(t, dir, "a.png", data)
	in := Payload{Source: "a.png", Target: "b.png", Width: 4}
	if _, err := newHandler(Options{Dir: dir, MaxPixels: 200, MaxSourceBytes: int64(len(data))}).run(t.Context(), in); err != nil {
		t.Error(err)
	}
	_, err := newHandler(Options{Dir: dir, MaxPixels: 199}).run(t.Context(), in)
	wantPermanent(t, err, "20 x 10", "handlers.image_thumbnail.max_pixels")
	_, err = newHandler(Options{Dir: dir, MaxSourceBytes: int64(len(data)) - 1}).run(t.Context(), in)
	wantPermanent(t, err, "handlers.image_thumbnail.max_source")
	put(t, dir, "a.png", asPNG(t, quadrants(70000, 1)))
	_, err = newHandler(Options{Dir: dir}).run(t.Context(), in)
	wantPermanent(t, err, "70000 x 1")
}

// What is not a picture, or a broken one, is final and says so.
func TestBadSources(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	whole := asJPEG(t, quadrants(64, 64))
	picture := asPNG(t, quadrants(64, 64))
	frameless := asGIF(t, quadrants(8, 8))
	h := newHandler(Options{Dir: dir})
	for says, data := range map[string][]byte{
		"is not a JPEG":       []byte("hello"),
		"is not a JPEG, PNG":  nil,
		"WebP or GIF":         []byte("<svg xmlns='http://www.w3.org/2000/svg'/>"),
		"readable JPEG":       whole[:len(whole)/2],
		"readable JPEG pict":  whole[:4],
		"readable PNG":        picture[:len(picture)-30],
		"readable PNG pict":   []byte("\x89PNG\r\n\x1a\n"),
		"readable GIF":        append(bytes.Clone(frameless[:13]), 0x3b),
		"readable WebP":       []byte("RIFF\x04\x00\x00\x00WEBP"),
		"readable WebP pict":  asWebP(64, 64, color.NRGBA{})[:26],
		"an empty picture":    []byte("GIF89a\x00\x00\x00\x00\x00\x00\x00\x3b"),
		"source \"a\": is an": []byte("GIF89a\x08\x00\x08\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff,\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x01\x2c\x00;"),
	} {
		put(t, dir, "a", data)
		_, err := h.run(t.Context(), Payload{Source: "a", Target: "b.png", Width: 4})
		wantPermanent(t, err, says)
	}
	if got := files(t, dir); got != "a" {
		t.Errorf("files %s", got)
	}
}

// A payload that cannot work is refused for good and names the field.
func TestBadPayloads(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put(t, dir, "a.png", asPNG(t, quadrants(8, 8)))
	h := newHandler(Options{Dir: dir})
	for says, in := range map[string]Payload{
		"width and height": {Source: "a.png", Target: "b.png"},
		"none negative":    {Source: "a.png", Target: "b.png", Width: -1, Height: 4},
		"fit":              {Source: "a.png", Target: "b.png", Width: 4, Fit: "stretch"},
		"format":           {Source: "a.png", Target: "b.png", Width: 4, Format: "webp"},
		"set format":       {Source: "a.png", Target: "b.webp", Width: 4},
		"quality":          {Source: "a.png", Target: "b.png", Width: 4, Quality: 101},
		"quality: use":     {Source: "a.png", Target: "b.png", Width: 4, Quality: -1},
	} {
		_, err := h.run(t.Context(), in)
		wantPermanent(t, err, says)
	}
	for setting, o := range map[string]Options{"max_pixels": {Dir: dir, MaxPixels: -1}, "max_source": {Dir: dir, MaxSourceBytes: -1}} {
		_, err := newHandler(o).run(t.Context(), Payload{Source: "a.png", Target: "b.png", Width: 4})
		wantPermanent(t, err, "handlers.image_thumbnail."+setting)
	}
}

// The schema refuses at the door what the handler would refuse later.
func TestSchema(t *testing.T) {
	t.Parallel()
	r := jobs.NewRegistry()
	Register(r, Options{})
	if err := r.Err(); err != nil {
		t.Fatal(err)
	}
	typ, _ := r.Lookup(TypeName)
	for payload, want := range map[string]string{
		`{"source":"a.jpg","target":"b.jpg","width":320}`:                        "",
		`{"source":"a.jpg","target":"b.jpg","width":0,"height":9,"fit":"cover"}`: "",
		`{"source":"a.jpg","target":"b.jpg"}`:                                    "/height /width",
		`{"source":"a.jpg","target":"b.jpg","width":0}`:                          "/height /width",
		`{"source":"a.jpg","target":"b.jpg","width":1.5}`:                        "/width",
		`{"source":"a.jpg","target":"b.jpg","width":9,"height":-1}`:              "/height",
		`{"source":"a.jpg","target":"b.jpg","width":9,"fit":"fill"}`:             "/fit",
		`{"source":"a.jpg","target":"b.jpg","width":9,"format":"gif"}`:           "/format",
		`{"source":"a.jpg","target":"b.jpg","width":9,"quality":0}`:              "/quality",
		`{"source":"","target":"b.jpg","width":9}`:                               "/source",
		`{"target":"b.jpg","width":9}`:                                           "/source",
		`{"source":"a.jpg","target":"b.jpg","width":9,"rotate":90}`:              "/rotate",
	} {
		var pointers []string
		for _, f := range typ.Payload.Validate([]byte(payload)) {
			pointers = append(pointers, f.Pointer)
		}
		if got := strings.Join(pointers, " "); got != want {
			t.Errorf("%s: %q, want %q", payload, got, want)
		}
	}
}
