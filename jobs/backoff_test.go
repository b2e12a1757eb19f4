package jobs_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"legwork/jobs"
)

// Whatever the settings, a delay is at least the formula's less its jitter, and
// never beyond Max.
func TestBackoffBounds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		b := jobs.Backoff{
			Initial: time.Duration(rapid.Int64Range(int64(time.Second), int64(time.Hour)).Draw(t, "initial")),
			Factor:  rapid.Float64Range(1, 10).Draw(t, "factor"),
			Jitter:  rapid.Float64Range(0.01, 1).Draw(t, "jitter"),
		}
		b.Max = b.Initial + time.Duration(rapid.Int64Range(0, int64(24*time.Hour)).Draw(t, "max"))
		retry := rapid.IntRange(1, 2000).Draw(t, "retry")
		full := math.Min(float64(b.Max), float64(b.Initial)*math.Pow(b.Factor, float64(retry-1)))
		d := b.Delay(retry)
		if least := full * (1 - b.Jitter); float64(d) < least-1 || float64(d) > full+1 || d > b.Max {
			t.Fatalf("delay %s, want %s to %s", d, time.Duration(least), time.Duration(full))
		}
	})
}

// The documented default: 15 retries are spread over about 23 hours.
func TestBackoffDefaultSpan(t *testing.T) {
	t.Parallel()
	var span time.Duration
	for retry := 1; retry <= jobs.MaxRetriesDefault; retry++ {
		span += jobs.Backoff{Jitter: jobs.NoJitter}.Delay(retry)
	}
	if span < 22*time.Hour || span > 24*time.Hour {
		t.Errorf("the default retries span %s, the documentation says about 23 h", span)
	}
}

// Names that may be used, and those that may not.
func TestNames(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 200)
	for _, c := range []struct {
		check     func(string) string
		good, bad []string
	}{
		{jobs.CheckType, []string{"a", "email.send", "a_b-c.9"}, []string{"", "A", "a b", "a{b}", "é", long}},
		{jobs.CheckQueue, []string{"default", "a_b-9"}, []string{"", "a.b", "a:b", "{a}", "a\x00", long}},
		{jobs.CheckID, []string{"Order:12.a_b-c", "01a2056f-d26c-7e6b-a7f3-e7414c04b6e7", "exports"}, []string{"", "a/b", "a b", "{a}", "a\n", ".", "..", "batch", "export", "import", long}},
		{jobs.CheckTag, []string{"blue", "a=b", "x/y#z"}, []string{"", "a b", "a,b", "é", "\x7f", long}},
	} {
		for _, name := range c.good {
			if why := c.check(name); why != "" {
				t.Errorf("%q refused: %s", name, why)
			}
		}
		for _, name := range c.bad {
			if c.check(name) == "" {
				t.Errorf("%q accepted", name)
			}
		}
	}
}
