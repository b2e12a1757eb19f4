package inspect

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"legwork/client"
)

// steady is the rate of a queue whose minutes all have the same counts, seen when the
// minute under way has passed to that part.
func steady(in, out int, passed float64) rate {
	var r rate
	for back := range rateMinutes + 1 {
		share := 1.0
		if back == 0 {
			share = passed
		}
		r.add(fmt.Sprintf("e=%d o=%d d=%d s=1000 w3=1000", int(float64(in)*share), int(float64(out)*share), 0), back, passed)
	}
	return r
}

// Promise: an even load has the same rates at every moment of a minute.
func TestRatesMoveEvenly(t *testing.T) {
	t.Parallel()
	for _, passed := range []float64{0, 0.25, 0.5, 0.75, 1} {
		r := steady(600, 1200, passed)
		for _, got := range []float64{r.in, r.inNow, r.out / 2, r.outNow / 2} {
			if got < 9.99 || got > 10.01 {
				t.Errorf("at %g of the minute: %+v, want 10 in and 20 out per second", passed, r)
			}
		}
	}
}

// Promise: the time to drain is the backlog by what it shrinks in a second; when it
// does not shrink, there is none and the reason is told.
func TestTimeToDrain(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in, out int
		queue   client.Queue
		want    time.Duration // -1: none
		reason  string
	}{
		{600, 1200, client.Queue{Backlog: 1000}, 100 * time.Second, ""},
		{0, 60, client.Queue{Backlog: 1}, time.Second, ""},
		{600, 600, client.Queue{Backlog: 1}, -1, "as many jobs"},
		{600, 540, client.Queue{Backlog: 1}, -1, "as many jobs"},
		{0, 1, client.Queue{Backlog: 1e9}, -1, "as many jobs"},
		{60, 0, client.Queue{Backlog: 1}, -1, "no job"},
		{0, 60, client.Queue{Backlog: 1, Paused: true}, -1, "paused"},
		{600, 0, client.Queue{}, 0, ""},
		{0, 0, client.Queue{}, 0, ""},
	} {
		q := c.queue
		steady(c.in, c.out, 0).tell(&q)
		switch {
		case c.want < 0 && (q.DrainTime != nil || !strings.Contains(q.DrainReason, c.reason)),
			c.want >= 0 && (q.DrainTime == nil || time.Duration(*q.DrainTime) != c.want || q.DrainReason != ""):
			t.Errorf("%d in and %d out a minute: %+v (%v), want %s %s", c.in, c.out, q, q.DrainTime, c.want, c.reason)
		}
	}
}
