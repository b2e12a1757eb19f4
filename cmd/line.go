package cmd

import (
	"bufio"
	"errors"
	"io"
)

// errTooLong is the error of a line longer than the limit. It was read over.
var errTooLong = errors.New("the line is too long")

// lines reads lines of at most limit bytes, in memory bounded by it.
type lines struct {
	in    *bufio.Reader
	limit int
	line  []byte
}

func newLines(r io.Reader, limit int) *lines {
	return &lines{in: bufio.NewReaderSize(r, 64<<10), limit: limit}
}

// next returns one line with its end, valid until the next call. At the end of
// input it returns io.EOF, together with a last line that has no end.
func (l *lines) next() ([]byte, error) {
	l.line = l.line[:0]
	tooLong := false
	for {
		piece, err := l.in.ReadSlice('\n')
		tooLong = tooLong || len(l.line)+len(piece) > l.limit
		if !tooLong {
			l.line = append(l.line, piece...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case tooLong && (err == nil || errors.Is(err, io.EOF)):
			return nil, errTooLong
		}
		return l.line, err
	}
}
