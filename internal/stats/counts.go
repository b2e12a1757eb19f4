package stats

import (
	"strconv"
	"strings"
)

// Event is something that happens to a job and is counted.
type Event int

// The events.
const (
	Enqueued  Event = iota // accepted and stored
	Started                // an attempt began
	Succeeded              // an attempt ended well, or discarded its job
	Failed                 // an attempt failed: retried or dead
	Dead                   // and was the last one: the job is a dead letter
	Retried                // and another one will be made
	Events                 // the number of events
)

// marks are the letters of the events in a text, in their order; w and r are the
// buckets of the two histograms.
const (
	marks    = "esofda"
	markWait = 'w'
	markRun  = 'r'
)

// Counts is what was counted of one series in one minute or hour.
type Counts struct {
	N    [Events]int64
	Wait Histogram // from when a job could have started to when it did
	Run  Histogram // of attempts that ended
}

// Merge adds other counts.
func (c *Counts) Merge(other *Counts) {
	for e, n := range other.N {
		c.N[e] += n
	}
	c.Wait.Merge(&other.Wait)
	c.Run.Merge(&other.Run)
}

// Empty reports whether nothing was counted.
func (c *Counts) Empty() bool { return *c == Counts{} }

// Encode writes the counts as words: a letter, for a bucket its number, "=" and how
// many. What is zero is left out.
func (c *Counts) Encode() string {
	var b []byte
	add := func(mark byte, bucket int, n int64) {
		if n == 0 {
			return
		}
		if len(b) > 0 {
			b = append(b, ' ')
		}
		if b = append(b, mark); bucket >= 0 {
			b = strconv.AppendInt(b, int64(bucket), 10)
		}
		b = strconv.AppendInt(append(b, '='), n, 10)
	}
	for e, n := range c.N {
		add(marks[e], -1, n)
	}
	for i, n := range c.Wait {
		add(markWait, i, n)
	}
	for i, n := range c.Run {
		add(markRun, i, n)
	}
	return string(b)
}

// Add reads a text of [Counts.Encode] and adds what it says. Words of another form,
// as a later version may write them, are passed over.
func (c *Counts) Add(text string) {
	scan(text, func(mark byte, bucket int, n int64) {
		switch {
		case bucket < 0:
			addEvent(&c.N, mark, n)
		case mark == markWait && bucket < Buckets:
			c.Wait[bucket] += n
		case mark == markRun && bucket < Buckets:
			c.Run[bucket] += n
		}
	})
}

// AddEvents is [Counts.Add] without the times.
func AddEvents(events *[Events]int64, text string) {
	scan(text, func(mark byte, bucket int, n int64) {
		if bucket < 0 {
			addEvent(events, mark, n)
		}
	})
}

func addEvent(events *[Events]int64, mark byte, n int64) {
	if e := strings.IndexByte(marks, mark); e >= 0 {
		events[e] += n
	}
}

// scan calls fn for each well-formed word, with bucket -1 when it has none. A
// statistic of two days is a million words.
func scan(text string, fn func(mark byte, bucket int, n int64)) {
	for len(text) > 0 {
		var word string
		word, text, _ = strings.Cut(text, " ")
		name, number, ok := strings.Cut(word, "=")
		if !ok || name == "" {
			continue
		}
		bucket := int64(-1)
		if len(name) > 1 {
			bucket, ok = digits(name[1:])
		}
		if n, good := digits(number); ok && good {
			fn(name[0], int(bucket), n)
		}
	}
}

// digitsMax is the length of the numbers that are read: below 10^18.
const digitsMax = 18

// digits reads a number that is written in decimal digits and nothing else.
func digits(text string) (n int64, ok bool) {
	if text == "" || len(text) > digitsMax {
		return 0, false
	}
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return 0, false
		}
		n = 10*n + int64(text[i]-'0')
	}
	return n, true
}
