package thumbnail

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"legwork/jobs"
)

// put writes a file into the folder, with its parents.
func put(t *testing.T, dir, name string, data []byte) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

func get(t *testing.T, dir, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// quadrants is a picture with a colour in each corner: red, green, blue, white.
func quadrants(w, h int) *image.NRGBA {
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			m.Set(x, y, cornerColours()[2*(2*y/h)+2*x/w])
		}
	}
	return m
}

func cornerColours() [4]color.NRGBA {
	return [4]color.NRGBA{{255, 0, 0, 255}, {0, 255, 0, 255}, {0, 0, 255, 255}, {255, 255, 255, 255}}
}

// corners names the colours of a picture's quarters, row by row: "RG BW".
func corners(m image.Image) string {
	b, out := m.Bounds(), ""
	for _, at := range []image.Point{{1, 1}, {3, 1}, {1, 3}, {3, 3}} {
		c := color.NRGBAModel.Convert(m.At(b.Min.X+at.X*b.Dx()/4, b.Min.Y+at.Y*b.Dy()/4)).(color.NRGBA)
		out += nearest(c)
	}
	return out[:2] + " " + out[2:]
}

func nearest(c color.NRGBA) string {
	for i, want := range cornerColours() {
		if near(c.R, want.R) && near(c.G, want.G) && near(c.B, want.B) {
			return "RGBW"[i : i+1]
		}
	}
	return "?"
}

func near(a, b uint8) bool { return max(a, b)-min(a, b) < 40 }

func asPNG(t *testing.T, m image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func asJPEG(t *testing.T, m image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: 95}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func asGIF(t *testing.T, m image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := gif.Encode(&b, m, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// asWebP is a lossless picture of one colour: each of its five prefix codes has
// a single symbol, so that the pixels take no bits at all (RFC 9649, 3.7).
func asWebP(w, h int, c color.NRGBA) []byte {
	var bits []byte
	put := func(value, n int) {
		for i := range n {
			bits = append(bits, byte(value>>i&1))
		}
	}
	put(0x2f, 8)
	put(w-1, 14)
	put(h-1, 14)
	put(0, 1+3+1+1+1) // no alpha, version 0, no transform, no colour cache, no meta codes
	for _, symbol := range []uint8{c.G, c.R, c.B, c.A, 0} {
		put(0b101, 3) // a simple code, one symbol, of 8 bits
		put(int(symbol), 8)
	}
	data := make([]byte, (len(bits)+7)/8)
	for i, bit := range bits {
		data[i/8] |= bit << (i % 8)
	}
	data = append(data, make([]byte, len(data)%2)...)
	chunk := append([]byte("WEBPVP8L"), binary.LittleEndian.AppendUint32(nil, uint32(len(data)))...)
	chunk = append(chunk, data...)
	return append(append([]byte("RIFF"), binary.LittleEndian.AppendUint32(nil, uint32(len(chunk)))...), chunk...)
}

// withOrientation puts an EXIF segment into a JPEG.
func withOrientation(picture []byte, o uint16, order binary.AppendByteOrder) []byte {
	tiff := []byte("II")
	if order == binary.AppendByteOrder(binary.BigEndian) {
		tiff = []byte("MM")
	}
	tiff = order.AppendUint16(tiff, 42)
	tiff = order.AppendUint32(tiff, 8)
	tiff = order.AppendUint16(tiff, 2)
	for _, entry := range [][2]uint16{{0x010f, 7}, {0x0112, o}} { // a foreign tag first
		tiff = order.AppendUint16(tiff, entry[0])
		tiff = order.AppendUint16(tiff, 3)
		tiff = order.AppendUint32(tiff, 1)
		tiff = order.AppendUint16(tiff, entry[1])
		tiff = order.AppendUint16(tiff, 0)
	}
	body := append([]byte("Exif\x00\x00"), order.AppendUint32(tiff, 0)...)
	segment := binary.BigEndian.AppendUint16([]byte{0xff, 0xe1}, uint16(len(body)+2))
	out := append(bytes.Clone(picture[:2]), segment...)
	out = append(out, body...)
	return append(out, picture[2:]...)
}

func decodeFile(t *testing.T, dir, name string) (image.Image, string) {
	t.Helper()
	data := get(t, dir, name)
	c, ok := codecOf(data[:min(len(data), headSize)])
	if !ok {
		t.Fatalf("%s is no picture", name)
	}
	m, err := c.decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return m, c.name
}

func wantPermanent(t *testing.T, err error, says ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("the job completed")
	}
	d := jobs.Decide(err)
	if d.Verdict != jobs.VerdictPermanent {
		t.Errorf("verdict %d for %q", d.Verdict, err)
	}
	for _, s := range says {
		if !strings.Contains(d.Reason, s) {
			t.Errorf("%q does not say %q", d.Reason, s)
		}
	}
}

// files lists what is in the folder, however deep.
func files(t *testing.T, dir string) string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			name, _ := filepath.Rel(dir, path)
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(names, " ")
}
