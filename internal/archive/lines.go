package archive

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"errors"
	"io"
	"iter"
)

// ErrCut is the error of [Lines] where a compressed source ends within a gzip member,
// which is what its writer was writing when it died, or goes on with something else.
// Every line before is good.
var ErrCut = errors.New("is cut off or damaged here; every line before is good")

// ErrTooLong is the error of [Lines] for a line above the limit. The lines after it
// are still read.
var ErrTooLong = errors.New("the line is longer than allowed")

// Plain returns what r holds, uncompressed: it looks for the mark of gzip (RFC 1952,
// section 2.3.1), and at no name.
func Plain(r io.Reader) (io.Reader, error) {
	b := bufio.NewReaderSize(r, 64<<10)
	head, err := b.Peek(2)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if !bytes.Equal(head, []byte{0x1f, 0x8b}) {
		return b, nil
	}
	return gzip.NewReader(b)
}

// Lines yields the lines of r, compressed or not, without their ends. Each is valid
// until the next. An error comes instead of a line: [ErrTooLong], after which it goes
// on; [ErrCut], or what reading failed with, at the end.
func Lines(r io.Reader, limit int) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		plain, err := Plain(r)
		if err != nil {
			yield(nil, cutOr(err))
			return
		}
		b := bufio.NewReaderSize(plain, 64<<10)
		var line []byte
		for {
			var err error
			line, err = readLine(b, line[:0], limit)
			switch {
			case errors.Is(err, ErrTooLong):
				if !yield(nil, err) {
					return
				}
			case errors.Is(err, io.EOF):
				if len(line) > 0 {
					yield(line, nil) // many a program leaves the last line without an end
				}
				return
			case err != nil:
				yield(nil, cutOr(err))
				return
			case !yield(line, nil):
				return
			}
		}
	}
}

// readLine appends the next line to buf. Of one that is too long it reads the rest,
// too.
func readLine(b *bufio.Reader, buf []byte, limit int) ([]byte, error) {
	long := false
	for {
		part, err := b.ReadSlice('\n')
		if long = long || len(buf)+len(part) > limit+1; long {
			buf = buf[:0]
		} else {
			buf = append(buf, part...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
		case long && (err == nil || errors.Is(err, io.EOF)):
			return nil, ErrTooLong
		case err != nil:
			return buf, err
		default:
			return buf[:len(buf)-1], nil
		}
	}
}

// cutOr takes the errors of a torn gzip member for what they are.
func cutOr(err error) error {
	if _, corrupt := errors.AsType[flate.CorruptInputError](err); corrupt {
		return ErrCut
	}
	for _, torn := range []error{io.ErrUnexpectedEOF, io.EOF, gzip.ErrHeader, gzip.ErrChecksum} {
		if errors.Is(err, torn) {
			return ErrCut
		}
	}
	return err
}
