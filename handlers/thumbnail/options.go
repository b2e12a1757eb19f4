package thumbnail

import (
	"errors"
	"fmt"
)

// TypeName is the name of the job type.
const TypeName = "image.thumbnail"

// Defaults and bounds.
const (
	MaxPixelsDefault      = 50_000_000
	MaxSourceBytesDefault = 64 << 20
	QualityDefault        = 82
	// SideMax bounds width and height of a source: JPEG's own limit.
	SideMax = 65535
)

// Options are the operator's settings of the type.
type Options struct {
	// Dir is the folder that sources and targets are in. Without it every job
	// of the type fails.
	Dir string
	// MaxPixels bounds width times height of a source. Defaults to
	// [MaxPixelsDefault].
	MaxPixels int
	// MaxSourceBytes bounds the size of a source file. Defaults to
	// [MaxSourceBytesDefault].
	MaxSourceBytes int64
}

// Check says what is wrong with the options, naming the setting, or is nil. A
// missing folder is not wrong: not everybody makes thumbnails.
func (o Options) Check() error {
	var errs []error
	if o.MaxPixels < 0 {
		errs = append(errs, fmt.Errorf("handlers.image_thumbnail.max_pixels %d: use a positive number", o.MaxPixels))
	}
	if o.MaxSourceBytes < 0 {
		errs = append(errs, fmt.Errorf("handlers.image_thumbnail.max_source %d: use a positive number", o.MaxSourceBytes))
	}
	return errors.Join(errs...)
}

func (o Options) withDefaults() Options {
	if o.MaxPixels == 0 {
		o.MaxPixels = MaxPixelsDefault
	}
	if o.MaxSourceBytes == 0 {
		o.MaxSourceBytes = MaxSourceBytesDefault
	}
	return o
}
