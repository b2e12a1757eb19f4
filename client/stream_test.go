package client

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

// read returns all events of a stream.
func read(t *testing.T, r io.Reader) (all []rawEvent) {
	t.Helper()
	events := newEventReader(r, func() {})
	for {
		e, err := events.next()
		if err != nil {
			if !errors.Is(err, io.EOF) && !errors.Is(err, errEvent) {
				t.Fatal(err)
			}
			return all
		}
		if e.data == "" && e.id == "" && e.event == "" {
			continue // "data" alone
		}
		if strings.Contains(e.id, "\n") || strings.Contains(e.event, "\n") {
			t.Errorf("event %+v", e)
		}
		_, _, _ = e.decode()
		all = append(all, e)
	}
}

// Whatever comes, an event is read the same in pieces of any size, and no more of it when
// the stream is cut off.
func FuzzEvents(f *testing.F) {
	for _, seed := range []string{
		"id: 1\nevent: log\ndata: {}\n\n", ":\n\nid: 2\r\ndata: a\r\ndata: b\r\n\r\n", "data\n\ndata: x", "\n\n\nid\n\nevent:end\ndata:{\"reason\":7}\n\n", "\xff\x00: \n\n",
	} {
		f.Add(seed, 3)
	}
	f.Fuzz(func(t *testing.T, text string, cut int) {
		whole := read(t, strings.NewReader(text))
		if diff := cmp.Diff(whole, read(t, iotest.OneByteReader(strings.NewReader(text))), cmp.AllowUnexported(rawEvent{})); diff != "" {
			t.Errorf("in pieces: %s", diff)
		}
		if cut < 0 || cut > len(text) {
			return
		}
		part := read(t, strings.NewReader(text[:cut]))
		if len(part) > len(whole) || len(part) > 0 && !cmp.Equal(part, whole[:len(part)], cmp.AllowUnexported(rawEvent{})) {
			t.Errorf("cut at %d of %q: %q, whole %q", cut, text, part, whole)
		}
	})
}
