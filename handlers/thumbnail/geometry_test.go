package thumbnail

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/color"
	"math"
	"math/rand/v2"
	"testing"

	xdraw "golang.org/x/image/draw"
	"pgregory.net/rapid"
)

func TestPlan(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		w, h, boxW, boxH int
		cover            bool
		want             layout
	}{
		{1600, 1067, 320, 0, false, layout{image.Rect(0, 0, 1600, 1067), 320, 213}},
		{1600, 1067, 0, 100, false, layout{image.Rect(0, 0, 1600, 1067), 150, 100}},
		{400, 200, 100, 100, false, layout{image.Rect(0, 0, 400, 200), 100, 50}},
		{200, 400, 100, 100, false, layout{image.Rect(0, 0, 200, 400), 50, 100}},
		{40, 20, 100, 100, false, layout{image.Rect(0, 0, 40, 20), 40, 20}},
		{40, 20, 100, 10, false, layout{image.Rect(0, 0, 40, 20), 20, 10}},
		{1000, 1, 10, 0, false, layout{image.Rect(0, 0, 1000, 1), 10, 1}},
		{400, 200, 100, 100, true, layout{image.Rect(100, 0, 300, 200), 100, 100}},
		{200, 400, 100, 100, true, layout{image.Rect(0, 100, 200, 300), 100, 100}},
		{400, 200, 100, 0, true, layout{image.Rect(0, 0, 400, 200), 100, 50}},
		{40, 20, 100, 100, true, layout{image.Rect(10, 0, 30, 20), 20, 20}},
		{100, 20, 200, 10, true, layout{image.Rect(0, 7, 100, 12), 100, 5}},
	} {
		if got := plan(c.w, c.h, c.boxW, c.boxH, c.cover); got != c.want {
			t.Errorf("%dx%d into %dx%d, cover %t: %+v, want %+v", c.w, c.h, c.boxW, c.boxH, c.cover, got, c.want)
		}
	}
}

// Whatever the sizes, a thumbnail is neither empty nor larger than its part of
// the source or its box, and keeps the ratio to within a pixel.
func TestPlanHolds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		w, h := rapid.IntRange(1, SideMax).Draw(rt, "w"), rapid.IntRange(1, SideMax).Draw(rt, "h")
		boxW, boxH := rapid.IntRange(0, SideMax).Draw(rt, "boxW"), rapid.IntRange(1, SideMax).Draw(rt, "boxH")
		l := plan(w, h, boxW, boxH, rapid.Bool().Draw(rt, "cover"))
		if !l.crop.In(image.Rect(0, 0, w, h)) || l.crop.Empty() {
			rt.Fatalf("%+v leaves the source", l)
		}
		if l.width < 1 || l.height < 1 || l.width > l.crop.Dx() || l.height > l.crop.Dy() {
			rt.Fatalf("%+v is empty or enlarged", l)
		}
		if boxW > 0 && l.width > boxW || l.height > boxH {
			rt.Fatalf("%+v leaves the box", l)
		}
		across, down := float64(l.width)/float64(l.crop.Dx()), float64(l.height)/float64(l.crop.Dy())
		if math.Abs(across-down)*float64(min(l.crop.Dx(), l.crop.Dy())) > 1.01 {
			rt.Fatalf("%+v is distorted: %f and %f", l, across, down)
		}
	})
}

// The bands in which a picture is scaled do not show: the result is that of
// scaling in one go.
func TestBandsDoNotShow(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	src := image.NewNRGBA(image.Rect(5, 7, 805, 1207))
	for i := range src.Pix {
		src.Pix[i] = uint8(64 + rng.IntN(128)) // no clipping between the two directions
		if i%4 == 3 {
			src.Pix[i] = 255
		}
	}
	l := layout{crop: image.Rect(10, 20, 790, 1180), width: 601, height: 577}
	if rows := workMax / (workPixel * l.width); rows >= l.crop.Dy() {
		t.Fatalf("one band of %d rows: the test needs a larger picture", rows)
	}
	got, err := resample(t.Context(), src, l, color.Transparent)
	if err != nil {
		t.Fatal(err)
	}
	want := image.NewRGBA(image.Rect(0, 0, l.width, l.height))
	xdraw.CatmullRom.Scale(want, want.Rect, src, l.crop.Add(src.Rect.Min), xdraw.Src, nil)
	worst := 0
	for i := range want.Pix {
		worst = max(worst, int(want.Pix[i])-int(got.Pix[i]), int(got.Pix[i])-int(want.Pix[i]))
	}
	if worst > 1 {
		t.Errorf("differs by up to %d", worst)
	}
}

func TestBandsStopWithTheContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	ran := 0
	err := bands(ctx, 1<<20, 1<<16, func(int, int) {
		ran++
		cancel()
	})
	if !errors.Is(err, context.Canceled) || ran != 1 {
		t.Errorf("%v after %d bands", err, ran)
	}
}

// Whatever the bytes, reading the orientation ends with one that exists.
func FuzzOrientation(f *testing.F) {
	f.Add([]byte("\xff\xd8\xff\xe1\x00\x1eExif\x00\x00II*\x00\x08\x00\x00\x00\x01\x00\x12\x01\x03\x00\x01\x00\x00\x00\x06\x00\x00\x00"))
	f.Add([]byte("\xff\xd8\xff\xe1\x00\x10Exif\x00\x00MM\x00*\xff\xff\xff\xff"))
	f.Add([]byte("\xff\xd8\xff\xff\xd0\xff\xe0\x00\x01"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if o := orientation(bytes.NewReader(data)); o < 1 || o > 8 {
			t.Errorf("orientation %d", o)
		}
	})
}
