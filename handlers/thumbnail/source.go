package thumbnail

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/image/webp"

	"legwork/jobs"
)

// codec reads one picture format. The registry of package image is not used,
// because any import of a program adds formats to it.
type codec struct {
	name   string
	config func(io.Reader) (image.Config, error)
	decode func(io.Reader) (image.Image, error)
}

// codecOf recognises a picture by its first bytes.
func codecOf(head []byte) (codec, bool) {
	s := string(head)
	switch {
	case strings.HasPrefix(s, "\xff\xd8\xff"):
		return codec{"JPEG", jpeg.DecodeConfig, jpeg.Decode}, true
	case strings.HasPrefix(s, "\x89PNG\r\n\x1a\n"):
		return codec{"PNG", png.DecodeConfig, png.Decode}, true
	case strings.HasPrefix(s, "GIF87a"), strings.HasPrefix(s, "GIF89a"):
		return codec{"GIF", gif.DecodeConfig, gif.Decode}, true
	case len(s) >= headSize && s[:4] == "RIFF" && s[8:headSize] == "WEBP":
		return codec{"WebP", webp.DecodeConfig, webp.Decode}, true
	}
	return codec{}, false
}

// headSize is how many bytes codecOf wants to see.
const headSize = 12

// source is an opened picture.
type source struct {
	file        *os.File
	info        fs.FileInfo
	codec       codec
	orientation int
}

// openSource opens the picture and refuses what is too large, from the file's
// size and header alone.
func openSource(root *os.Root, name string, o Options) (*source, error) {
	info, err := root.Stat(name)
	if err != nil {
		return nil, fileError("source", name, err)
	}
	if !info.Mode().IsRegular() {
		return nil, jobs.Permanent(fmt.Errorf("source %q: is not a file", name))
	}
	if info.Size() > o.MaxSourceBytes {
		return nil, jobs.Permanent(fmt.Errorf("source %q: has %d bytes, more than the %d of handlers.image_thumbnail.max_source",
			name, info.Size(), o.MaxSourceBytes))
	}
	file, err := root.Open(name)
	if err != nil {
		return nil, fileError("source", name, err)
	}
	s := &source{file: file, info: info, orientation: upright}
	if err := s.inspect(o.MaxPixels); err != nil {
		_ = file.Close()
		return nil, sourceError(name, err)
	}
	return s, nil
}

// reader starts at the file's beginning and ends where the file ended when it
// was opened.
func (s *source) reader() io.Reader { return io.NewSectionReader(s.file, 0, s.info.Size()) }

func (s *source) inspect(maxPixels int) error {
	head := make([]byte, headSize)
	n, err := io.ReadFull(s.reader(), head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	var known bool
	if s.codec, known = codecOf(head[:n]); !known {
		return errors.New("is not a JPEG, PNG, WebP or GIF picture")
	}
	config, err := s.codec.config(bufio.NewReader(s.reader()))
	if err != nil {
		return fmt.Errorf("is not a readable %s picture: %w", s.codec.name, err)
	}
	w, h := config.Width, config.Height
	switch {
	case w < 1 || h < 1:
		return errors.New("is an empty picture")
	case w > SideMax || h > SideMax:
		return fmt.Errorf("has %d x %d pixels; a side may have %d", w, h, SideMax)
	case int64(w)*int64(h) > int64(maxPixels):
		return fmt.Errorf("has %d x %d pixels, more than the %d of handlers.image_thumbnail.max_pixels", w, h, maxPixels)
	}
	if s.codec.name == "JPEG" {
		s.orientation = orientation(s.reader())
	}
	return nil
}

// decode reads the whole picture, and stops reading when ctx ends.
func (s *source) decode(ctx context.Context, name string) (image.Image, error) {
	img, err := s.codec.decode(bufio.NewReaderSize(contextReader{ctx, s.reader()}, 64<<10))
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case err != nil:
		return nil, sourceError(name, fmt.Errorf("is not a readable %s picture: %w", s.codec.name, err))
	case img.Bounds().Empty():
		return nil, sourceError(name, errors.New("is an empty picture"))
	}
	return img, nil
}

// sourceError is permanent unless the file system failed.
func sourceError(name string, err error) error {
	err = fmt.Errorf("source %q: %w", name, err)
	if _, ok := errors.AsType[*fs.PathError](err); ok {
		return err
	}
	return jobs.Permanent(err)
}

// contextReader fails with the context.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c contextReader) Read(p []byte) (int, error) {
	if c.ctx.Err() != nil {
		return 0, context.Cause(c.ctx)
	}
	return c.r.Read(p)
}
