package thumbnail

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"

	"legwork/jobs"
)

// Register adds the type to r. Options that fail [Options.Check] make every job
// of the type fail permanently with what is wrong, and so does a missing folder.
func Register(r *jobs.Registry, o Options) {
	jobs.Handle(r, TypeName, newHandler(o).run, jobs.Options{
		Summary:    "Writes a smaller copy of a JPEG, PNG, WebP or GIF picture.",
		MaxRetries: 3,
		Examples: []any{
			Payload{Source: "examples/pictures/valley.jpg", Target: ".legwork/valley-320.jpg", Width: 320},
		},
	})
}

// steps of one job, for its progress.
const steps = 4

type handler struct {
	o      Options
	slots  chan struct{} // one token per picture being worked on
	broken error         // why the options cannot be used
}

func newHandler(o Options) *handler {
	h := &handler{o: o.withDefaults(), slots: make(chan struct{}, runtime.GOMAXPROCS(0)), broken: o.Check()}
	if o.Dir == "" {
		h.broken = errors.New("no folder is configured; set handlers.image_thumbnail.dir")
	}
	return h
}

func (h *handler) run(ctx context.Context, in Payload) (Result, error) {
	if h.broken != nil {
		return Result{}, jobs.Permanent(h.broken)
	}
	o, err := newOrder(in)
	if err != nil {
		return Result{}, jobs.Permanent(err)
	}
	select {
	case h.slots <- struct{}{}:
		defer func() { <-h.slots }()
	case <-ctx.Done():
		return Result{}, context.Cause(ctx)
	}
	root, err := os.OpenRoot(h.o.Dir)
	if err != nil {
		return Result{}, fmt.Errorf("open handlers.image_thumbnail.dir: %w", err)
	}
	defer root.Close()
	out, err := h.shrink(ctx, root, o)
	if err != nil {
		return Result{}, err
	}
	out.Target = in.Target
	return out, nil
}

// shrink makes the thumbnail, step by step.
func (h *handler) shrink(ctx context.Context, root *os.Root, o order) (Result, error) {
	src, err := openSource(root, o.source, h.o)
	if err != nil {
		return Result{}, err
	}
	defer src.file.Close()
	if err := checkTarget(root, o.target, src); err != nil {
		return Result{}, err
	}
	jobs.Progress(ctx, 1, steps)
	picture, err := src.decode(ctx, o.source)
	if err != nil {
		return Result{}, err
	}
	jobs.Progress(ctx, 2, steps)
	boxW, boxH := o.width, o.height
	if turned(src.orientation) {
		boxW, boxH = boxH, boxW
	}
	l := plan(picture.Bounds().Dx(), picture.Bounds().Dy(), boxW, boxH, o.cover)
	small, err := resample(ctx, picture, l, background(o.format))
	if err != nil {
		return Result{}, err
	}
	small = turn(small, src.orientation)
	jobs.Progress(ctx, 3, steps)
	if ctx.Err() != nil {
		return Result{}, context.Cause(ctx)
	}
	size, err := writeTarget(root, o, small)
	if err != nil {
		return Result{}, err
	}
	jobs.Progress(ctx, steps, steps)
	return Result{Width: small.Rect.Dx(), Height: small.Rect.Dy(), Bytes: size, Format: o.format}, nil
}
