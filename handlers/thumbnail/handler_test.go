package thumbnail

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"image"
	"image/color"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"legwork/jobs"
)

// Through the registry, as the engine runs it: JSON in, a file and JSON out, and
// progress on the way.
func TestThumbnailIsWritten(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put(t, dir, "photos/a.png", asPNG(t, quadrants(640, 480)))
	r := jobs.NewRegistry()
	Register(r, Options{Dir: dir})
	typ, _ := r.Lookup(TypeName)
	if err := r.Err(); err != nil {
		t.Fatal(err)
	}
	var progress []int64
	ctx := jobs.NewContext(t.Context(), jobs.Scope{Progress: func(done, total int64) { progress = append(progress, done, total) }})
	out, err := typ.Run(ctx, json.RawMessage(`{"source":"photos/a.png","target":"small/deep/a.jpg","width":160}`))
	if err != nil {
		t.Fatal(err)
	}
	var res Result
	if err := json.Unmarshal(out, &res); err != nil {
		t.Fatal(err)
	}
	want := Result{Target: "small/deep/a.jpg", Width: 160, Height: 120, Format: "jpeg", Bytes: int64(len(get(t, dir, "small/deep/a.jpg")))}
	if diff := cmp.Diff(want, res); diff != "" {
		t.Error(diff)
	}
	m, format := decodeFile(t, dir, "small/deep/a.jpg")
	if format != "JPEG" || m.Bounds() != image.Rect(0, 0, 160, 120) || corners(m) != "RG BW" {
		t.Errorf("%s, %v, %s", format, m.Bounds(), corners(m))
	}
	if diff := cmp.Diff([]int64{1, 4, 2, 4, 3, 4, 4, 4}, progress); diff != "" {
		t.Error(diff)
	}
	if got := files(t, dir); got != "photos/a.png small/deep/a.jpg" {
		t.Errorf("files %s", got)
	}
}

// Every format that is read, written in both.
func TestFormats(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put(t, dir, "a.jpg", asJPEG(t, quadrants(64, 48)))
	put(t, dir, "a.png", asPNG(t, quadrants(64, 48)))
	put(t, dir, "a.gif", asGIF(t, quadrants(64, 48)))
	put(t, dir, "a.webp", asWebP(64, 48, color.NRGBA{255, 0, 0, 255}))
	put(t, dir, "named.txt", asPNG(t, quadrants(64, 48)))
	h := newHandler(Options{Dir: dir})
	for source, want := range map[string]string{"a.jpg": "RG BW", "a.png": "RG BW", "a.gif": "RG BW", "a.webp": "RR RR", "named.txt": "RG BW"} {
		for _, c := range []struct{ target, format, want string }{
			{"out.jpg", "", "JPEG"}, {"out.JPEG", "", "JPEG"}, {"out.png", "", "PNG"}, {"out", "png", "PNG"}, {"out.png", "jpeg", "JPEG"},
		} {
			out, err := h.run(t.Context(), Payload{Source: source, Target: c.target, Height: 24, Format: c.format})
			if err != nil {
				t.Fatalf("%s: %v", source, err)
			}
			m, format := decodeFile(t, dir, c.target)
			if format != c.want || strings.ToUpper(out.Format) != c.want || corners(m) != want || m.Bounds().Dx() != 32 {
				t.Errorf("%s to %s: %s, %s, %v", source, c.target, format, corners(m), m.Bounds())
			}
		}
	}
}

// The orientation of a JPEG is applied, in both byte orders: the picture stands
// upright and fits the box as it is seen.
func TestOrientationIsApplied(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	h := newHandler(Options{Dir: dir})
	// what a viewer shows for the stored quarters "RG BW" (CIPA DC-008, 4.6.4)
	for o, want := range map[uint16]string{1: "RG BW", 2: "GR WB", 3: "WB GR", 4: "BW RG", 5: "RB GW", 6: "BR WG", 7: "WG BR", 8: "GW RB", 9: "RG BW", 0: "RG BW"} {
		for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
			put(t, dir, "a.jpg", withOrientation(asJPEG(t, quadrants(80, 40)), o, order))
			out, err := h.run(t.Context(), Payload{Source: "a.jpg", Target: "b.png", Width: 20})
			if err != nil {
				t.Fatal(err)
			}
			m, _ := decodeFile(t, dir, "b.png")
			wantH := 10
			if o >= 5 && o <= 8 {
				wantH = 40
			}
			if corners(m) != want || out.Width != 20 || out.Height != wantH {
				t.Errorf("orientation %d: %s at %dx%d, want %s", o, corners(m), out.Width, out.Height, want)
			}
		}
	}
}

// Transparency stays in a PNG and becomes white in a JPEG, also at soft edges.
func TestTransparency(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	m := image.NewNRGBA(image.Rect(0, 0, 64, 64))
	for y := range 64 {
		for x := range 32 {
			m.Set(x, y, color.NRGBA{255, 0, 0, 255})
		}
	}
	put(t, dir, "a.png", asPNG(t, m))
	h := newHandler(Options{Dir: dir})
	for _, target := range []string{"b.png", "b.jpg"} {
		if _, err := h.run(t.Context(), Payload{Source: "a.png", Target: target, Width: 16, Quality: 100}); err != nil {
			t.Fatal(err)
		}
	}
	kept, _ := decodeFile(t, dir, "b.png")
	if _, _, _, a := kept.At(14, 8).RGBA(); a != 0 {
		t.Errorf("alpha %d in the PNG", a)
	}
	white, _ := decodeFile(t, dir, "b.jpg")
	if got := corners(white); got != "RW RW" {
		t.Errorf("%s in the JPEG", got)
	}
}

// A second run replaces the target with the same bytes, and many at once leave a
// complete file and nothing else.
func TestSameTargetAgain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put(t, dir, "a.png", asPNG(t, quadrants(200, 100)))
	h := newHandler(Options{Dir: dir})
	in := Payload{Source: "a.png", Target: "b.jpg", Width: 50}
	if _, err := h.run(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	first := get(t, dir, "b.jpg")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if _, err := h.run(t.Context(), in); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if string(get(t, dir, "b.jpg")) != string(first) {
		t.Error("the second run wrote another file")
	}
	if got := files(t, dir); got != "a.png b.jpg" {
		t.Errorf("files %s", got)
	}
}

// A cancelled job stops at the next step and leaves nothing behind; it is not
// the job's fault.
func TestCancel(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put(t, dir, "a.png", asPNG(t, quadrants(200, 100)))
	h := newHandler(Options{Dir: dir})
	for at := range int64(steps) {
		ctx, cancel := context.WithCancel(t.Context())
		if at == 0 {
			cancel()
		}
		ctx = jobs.NewContext(ctx, jobs.Scope{Progress: func(done, _ int64) {
			if done == at {
				cancel()
			}
		}})
		_, err := h.run(ctx, Payload{Source: "a.png", Target: "b.jpg", Width: 50})
		if !errors.Is(err, context.Canceled) || jobs.Decide(err).Verdict != jobs.VerdictRetry {
			t.Errorf("cancelled at step %d: %v", at, err)
		}
		cancel()
	}
	if got := files(t, dir); got != "a.png" {
		t.Errorf("files %s", got)
	}
}

// While every slot is taken a job waits, and leaves when it is cancelled.
func TestWaitingForASlot(t *testing.T) {
	t.Parallel()
	h := newHandler(Options{Dir: t.TempDir()})
	for range cap(h.slots) {
		h.slots <- struct{}{}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.run(ctx, Payload{Source: "a.png", Target: "b.jpg", Width: 50}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
