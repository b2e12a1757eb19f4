package thumbnail

import (
	"context"
	"image"
	"image/color"
	"image/draw"

	xdraw "golang.org/x/image/draw"
)

// workMax bounds the intermediate buffer of one scaling step, in bytes.
const workMax = 8 << 20

// workPixel is what the kernel scaler keeps per pixel: four float64.
const workPixel = 32

// resample scales the layout's part of src with the Catmull-Rom kernel.
//
// The scaler keeps an intermediate of target width times source height at 32
// bytes a pixel, more than the source itself. So the two directions are done
// one after the other, in bands, which bounds it and lets a cancelled job go
// between two of them.
func resample(ctx context.Context, src image.Image, l layout, background color.Color) (*image.RGBA, error) {
	from := l.crop.Add(src.Bounds().Min)
	narrow := image.NewRGBA(image.Rect(0, 0, l.width, from.Dy()))
	err := bands(ctx, from.Dy(), l.width, func(lo, hi int) {
		part := image.Rect(from.Min.X, from.Min.Y+lo, from.Max.X, from.Min.Y+hi)
		xdraw.CatmullRom.Scale(narrow, image.Rect(0, lo, l.width, hi), src, part, xdraw.Src, nil)
	})
	if err != nil {
		return nil, err
	}
	out := image.NewRGBA(image.Rect(0, 0, l.width, l.height))
	draw.Draw(out, out.Rect, image.NewUniform(background), image.Point{}, draw.Src)
	err = bands(ctx, l.width, from.Dy(), func(lo, hi int) {
		xdraw.CatmullRom.Scale(out, image.Rect(lo, 0, hi, l.height), narrow, image.Rect(lo, 0, hi, from.Dy()), xdraw.Over, nil)
	})
	return out, err
}

// bands calls fn for pieces of 0 to n whose intermediate, each of them across
// pixels, stays within workMax.
func bands(ctx context.Context, n, across int, fn func(lo, hi int)) error {
	step := max(1, workMax/(workPixel*across))
	for lo := 0; lo < n; lo += step {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		fn(lo, min(n, lo+step))
	}
	return nil
}
