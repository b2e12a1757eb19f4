package stats_test

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"legwork/internal/stats"
)

// Promise: a quantile of the histogram is the exact one by nearest rank, off by no
// more than ErrorMax, and times below ShortestTime count as that long.
func TestQuantilesAreWithinTheStatedError(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		longest := rapid.SampledFrom([]time.Duration{time.Millisecond, time.Second, time.Hour, 300 * 24 * time.Hour}).Draw(t, "longest")
		times := rapid.SliceOfN(rapid.Int64Range(0, int64(longest)), 1, 300).Draw(t, "times")
		q := rapid.OneOf(rapid.SampledFrom([]float64{0.5, 0.95, 0.99, 1}), rapid.Float64Range(0.001, 1)).Draw(t, "q")
		var h stats.Histogram
		for _, d := range times {
			h[stats.Bucket(time.Duration(d))]++
		}
		slices.Sort(times)
		exact := max(stats.ShortestTime, time.Duration(times[max(1, int(math.Ceil(q*float64(len(times)))))-1]))
		told, ok := h.Quantile(q)
		if ratio := float64(told) / float64(exact); !ok || ratio > stats.ErrorMax || ratio < 1/stats.ErrorMax {
			t.Fatalf("the %g quantile of %d times is %s, told as %s (%v): off by %.4f", q, len(times), exact, told, ok, ratio)
		}
	})
}

// Promise: a histogram without times has no quantiles; the longest time that there
// is falls into its last bucket.
func TestHistogramAtItsEnds(t *testing.T) {
	t.Parallel()
	var h stats.Histogram
	if d, ok := h.Quantile(0.5); ok {
		t.Errorf("the median of nothing is %s", d)
	}
	for d, want := range map[time.Duration]int{-time.Second: 0, 0: 0, stats.ShortestTime: 0, stats.ShortestTime + 1: 1, 2 * stats.ShortestTime: 4, math.MaxInt64: stats.Buckets - 1} {
		if got := stats.Bucket(d); got != want {
			t.Errorf("%s falls into bucket %d, want %d", d, got, want)
		}
	}
	if last := stats.Middle(stats.Buckets - 1); last < 2*365*24*time.Hour {
		t.Errorf("the last bucket stands for %s", last)
	}
}

// Promise: what is encoded is read back as it was, and two texts read into the same
// counts add up.
func TestCountsSurviveTheirText(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		one, two := draw(t, "one"), draw(t, "two")
		var read stats.Counts
		read.Add(one.Encode())
		if read != *one {
			t.Fatalf("%q is read as %q", one.Encode(), read.Encode())
		}
		read.Add(two.Encode())
		one.Merge(two)
		if read != *one {
			t.Fatalf("the sum is %q, want %q", read.Encode(), one.Encode())
		}
	})
}

func draw(t *rapid.T, label string) *stats.Counts {
	c := &stats.Counts{}
	number := rapid.Int64Range(0, 1<<50)
	for range rapid.IntRange(0, 20).Draw(t, label) {
		c.N[rapid.IntRange(0, int(stats.Events)-1).Draw(t, "event")] = number.Draw(t, "n")
		c.Wait[rapid.IntRange(0, stats.Buckets-1).Draw(t, "bucket")] = number.Draw(t, "n")
		c.Run[rapid.IntRange(0, stats.Buckets-1).Draw(t, "bucket")] = number.Draw(t, "n")
	}
	return c
}

// Promise: words that nobody wrote, or that a later version writes, spoil nothing.
func TestDamagedTextIsPassedOver(t *testing.T) {
	t.Parallel()
	var c stats.Counts
	c.Add("e=2 x=3 e s=-4 o=many w=5 w160=6 w-1=7 r3x=8 =9  q12=1 w3=10 e=99999999999999999999")
	want := stats.Counts{}
	want.N[stats.Enqueued], want.Wait[3] = 2, 10
	if c != want {
		t.Errorf("read %q", c.Encode())
	}
}

// Promise: every pair of names is a field of its own and is read back.
func TestSeriesSurviveTheirField(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.OneOf(rapid.StringMatching(`[a-z|%0-9C]{0,8}`), rapid.String())
		s := stats.Series{Type: name.Draw(t, "type"), Queue: name.Draw(t, "queue")}
		if got, ok := stats.ParseField(s.Field()); !ok || got != s {
			t.Fatalf("%q is read as %q, %v", s.Field(), got, ok)
		}
	})
	for _, field := range []string{"", "a", "a|b|c", "a%|b", "a%7c|b"} {
		if s, ok := stats.ParseField(field); ok {
			t.Errorf("%q is read as %q", field, s)
		}
	}
}

func FuzzCounts(f *testing.F) {
	f.Add("e=1 w3=4 r159=2")
	f.Fuzz(func(t *testing.T, text string) {
		var once, twice stats.Counts
		once.Add(text)
		twice.Add(once.Encode())
		if once != twice {
			t.Errorf("%q is %q, then %q", text, once.Encode(), twice.Encode())
		}
	})
}

func ExampleHistogram_Quantile() {
	var h stats.Histogram
	for ms := range 100 {
		h[stats.Bucket(time.Duration(ms)*time.Millisecond)]++
	}
	p95, _ := h.Quantile(0.95)
	fmt.Println("p95 is about", p95.Round(time.Millisecond))
	// Output: p95 is about 94ms
}
