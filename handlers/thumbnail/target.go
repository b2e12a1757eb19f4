package thumbnail

import (
	"bufio"
	"crypto/rand"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"legwork/jobs"
)

// checkTarget refuses a target that is the source under another name, or
// something else than a picture: a job must not be able to overwrite the
// settings or the data of a program that shares the folder.
func checkTarget(root *os.Root, name string, src *source) error {
	info, err := root.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fileError("target", name, err)
	}
	if os.SameFile(info, src.info) {
		return jobs.Permanent(fmt.Errorf("target %q: is the source; choose another file", name))
	}
	if !info.Mode().IsRegular() {
		return jobs.Permanent(fmt.Errorf("target %q: exists and is not a file", name))
	}
	file, err := root.Open(name)
	if err != nil {
		return fileError("target", name, err)
	}
	defer file.Close()
	head := make([]byte, headSize)
	n, _ := io.ReadFull(file, head)
	if _, picture := codecOf(head[:n]); !picture {
		return jobs.Permanent(fmt.Errorf("target %q: exists and is not a picture; remove it or choose another file", name))
	}
	return nil
}

// writeTarget writes the picture beside the target and renames it, so that
// readers see the old file or the new one. It returns the size.
func writeTarget(root *os.Root, o order, img image.Image) (size int64, err error) {
	dir := filepath.Dir(o.target)
	if dir != "." {
		if err := root.MkdirAll(dir, 0o755); err != nil {
			return 0, fileError("target", o.target, err)
		}
	}
	temp := filepath.Join(dir, ".legwork-"+rand.Text()+".tmp")
	file, err := root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return 0, fileError("target", o.target, err)
	}
	defer func() {
		if err != nil {
			_ = root.Remove(temp)
		}
	}()
	size, err = encode(file, o, img)
	if closed := file.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = root.Rename(temp, o.target)
	}
	if err != nil {
		return 0, fileError("target", o.target, err)
	}
	return size, nil
}

// encode writes the picture to the disk itself, past its cache.
func encode(file *os.File, o order, img image.Image) (int64, error) {
	w := bufio.NewWriterSize(file, 64<<10)
	var err error
	if o.format == FormatPNG {
		err = png.Encode(w, img)
	} else {
		err = jpeg.Encode(w, img, &jpeg.Options{Quality: o.quality})
	}
	if err == nil {
		err = w.Flush()
	}
	if err == nil {
		err = file.Sync()
	}
	if err != nil {
		return 0, err
	}
	return file.Seek(0, io.SeekCurrent)
}

// background is what shows through a transparent source: JPEG knows no
// transparency.
func background(format string) color.Color {
	if format == FormatJPEG {
		return color.White
	}
	return color.Transparent
}

// fileError words what the file system says of a path. A path that leads
// nowhere stays so; a full disk or a missing permission may be mended.
func fileError(field, name string, err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		err = p.Err
	}
	if l, ok := errors.AsType[*os.LinkError](err); ok {
		err = l.Err
	}
	number, fromSystem := errors.AsType[syscall.Errno](err)
	if !fromSystem {
		return jobs.Permanent(fmt.Errorf("%s %q: %w; only files inside handlers.image_thumbnail.dir can be used, also behind links", field, name, err))
	}
	err = fmt.Errorf("%s %q: %w", field, name, err)
	if slices.Contains(finalErrors(), number) {
		return jobs.Permanent(err)
	}
	return err
}

func finalErrors() []syscall.Errno {
	return []syscall.Errno{
		syscall.EEXIST, syscall.EINVAL, syscall.EISDIR, syscall.ELOOP, syscall.ENAMETOOLONG, syscall.ENOENT, syscall.ENOTDIR,
	}
}
