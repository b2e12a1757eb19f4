package thumbnail

import (
	"image"
	"math"
)

// layout is what part of the source becomes a thumbnail of which size.
type layout struct {
	crop          image.Rectangle // from the source's upper left corner
	width, height int
}

// plan lays a source of w by h pixels into a box, of which one side may be zero
// for "follows from the other". No side of the result is zero or larger than in
// the source.
func plan(w, h, boxW, boxH int, cover bool) layout {
	if cover && boxW > 0 && boxH > 0 {
		cw, ch := cut(w, h, boxW, boxH)
		at := image.Pt((w-cw)/2, (h-ch)/2)
		return layout{crop: image.Rectangle{Min: at, Max: at.Add(image.Pt(cw, ch))}, width: min(boxW, cw), height: min(boxH, ch)}
	}
	scale := 1.0
	if boxW > 0 {
		scale = min(scale, float64(boxW)/float64(w))
	}
	if boxH > 0 {
		scale = min(scale, float64(boxH)/float64(h))
	}
	return layout{crop: image.Rect(0, 0, w, h), width: scaled(w, scale), height: scaled(h, scale)}
}

// cut returns the largest size of the box's ratio inside w by h.
func cut(w, h, boxW, boxH int) (int, int) {
	if int64(w)*int64(boxH) > int64(h)*int64(boxW) {
		return scaled(boxW, float64(h)/float64(boxH)), h
	}
	return w, scaled(boxH, float64(w)/float64(boxW))
}

func scaled(side int, by float64) int { return max(1, int(math.Round(float64(side)*by))) }
