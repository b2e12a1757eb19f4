package cmd

import (
	"bufio"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

// Promise: ages are words of one unit, cut down, for the past and the future.
func TestAgo(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		0: "now", 999 * time.Millisecond: "now", -999 * time.Millisecond: "now", time.Second: "1s ago", 59 * time.Second: "59s ago",
		time.Minute: "1m ago", 59*time.Minute + 59*time.Second: "59m ago", time.Hour: "1h ago", 47 * time.Hour: "47h ago",
		48 * time.Hour: "2d ago", 800 * 24 * time.Hour: "800d ago", -90 * time.Second: "in 1m", -72 * time.Hour: "in 3d",
	} {
		if got := ago(noon(), noon().Add(-d)); got != want {
			t.Errorf("%s: got %q, want %q", d, got, want)
		}
	}
	if got := ago(noon(), time.Time{}); got != "" {
		t.Errorf("unset: got %q", got)
	}
}

// Promise: no text of others moves the cursor, sets a colour or hides itself.
func TestClean(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"plain": "plain", "\x1b[31mred": "[31mred", "a\tb\r\nc": "a b  c", "\u202eevil": "evil", "\u009b2J": "2J", "\u00fcml\u00e4ut": "\u00fcml\u00e4ut",
	} {
		if got := clean(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

// Promise: cutting respects characters.
func TestShort(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"": "", "abcdef": "abcdef", "abcdefg": "abc...", "äöüäöüä": "äöü..."} {
		if got := short(in, 6); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

// Promise: lines come out whole however the reader cuts them, too long ones are
// skipped in bounded memory, and errors of the reader stay.
func TestLines(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 10)
	input := "a\n\n" + long + "\n" + "bcd"
	for name, r := range map[string]io.Reader{"whole": strings.NewReader(input), "bytes": iotest.OneByteReader(strings.NewReader(input))} {
		source := &lines{in: bufio.NewReaderSize(r, 16), limit: 5}
		var got []string
		for {
			line, err := source.next()
			got = append(got, string(line))
			if errors.Is(err, errTooLong) {
				got = append(got, "LONG")
			}
			if errors.Is(err, io.EOF) {
				break
			}
		}
		if joined := strings.Join(got, "|"); joined != "a\n|\n||LONG|bcd" {
			t.Errorf("%s: got %q", name, joined)
		}
	}
	source := newLines(strings.NewReader(strings.Repeat("y", 200_000)+"\n"+long), 100)
	if _, err := source.next(); !errors.Is(err, errTooLong) {
		t.Errorf("got %v", err)
	}
	if line, err := source.next(); string(line) != long || !errors.Is(err, io.EOF) {
		t.Errorf("got %q, %v", line, err)
	}
	broken := errors.New("broken")
	if _, err := newLines(iotest.ErrReader(broken), 5).next(); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}
