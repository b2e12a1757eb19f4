package control

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// small is a run of seconds.
func small() Options {
	return Options{Pending: 2000, Retry: 500, Dead: 12_000, Requests: 10, LiveRate: 20, Log: slog.New(slog.DiscardHandler)}
}

// Promise: of 12,000 failures exactly as many dead letters can be listed, searched
// and retried: nothing is trimmed, left out, or done twice.
func TestEveryDeadLetter(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	r, err := Run(ctx, small(), nil)
	if err != nil {
		t.Fatal(err)
	}
	var table strings.Builder
	if err := r.Print(&table); err != nil {
		t.Fatal(err)
	}
	t.Log(table.String())
	for _, name := range []string{
		"dead letters listed", "dead letters listed by type", "dead letters listed by fingerprint",
		"dead letters with the word of all", "dead letters retried",
	} {
		i := slices.IndexFunc(r.Figures, func(f Figure) bool { return f.Name == name })
		if i < 0 || r.Figures[i].Value != 12_000 || !r.Figures[i].Kept {
			t.Errorf("%s: not 12,000", name)
		}
	}
	for _, f := range r.Figures {
		if f.Exact && !f.Kept {
			t.Errorf("%s = %g, want %g", f.Name, f.Value, f.Most)
		}
		if f.Spread != nil && (f.Spread.P50 <= 0 || f.Spread.P50 > f.Spread.P99 || f.Spread.P99 > f.Spread.Max || f.Most > 0 && f.Spread.Requests < searchMin) {
			t.Errorf("%s = %+v", f.Name, f.Spread)
		}
	}
}

// Promise: options that can measure nothing are refused before anything is started.
func TestOptions(t *testing.T) {
	t.Parallel()
	for want, spoil := range map[string]func(*Options){
		"at least one job": func(o *Options) { o.Dead = 4 },
		"no p99":           func(o *Options) { o.Requests = 9 },
		"live traffic":     func(o *Options) { o.LiveRate = 0 },
	} {
		o := small()
		spoil(&o)
		if _, err := Run(t.Context(), o, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error = %v, want %q", err, want)
		}
	}
}

// Promise: a figure beyond its bound is missed, and so is a slow command.
func TestMissed(t *testing.T) {
	t.Parallel()
	r := &Report{}
	r.latency("kept", []time.Duration{time.Millisecond}, 1)
	r.latency("late", []time.Duration{time.Millisecond, 3 * time.Millisecond}, 2)
	r.latency("short", []time.Duration{time.Millisecond}, 2).shorten(3)
	r.rate("fast", 10, 10)
	r.rate("lame", 9, 10)
	r.count("all", 5, 5)
	r.count("more", 6, 5)
	r.Slow = []Slow{{Micros: 10_001, Command: "KEYS *"}}
	if got := strings.Join(r.Missed(), "; "); got != "late; short; lame; more; 1 Redis commands above 10ms" {
		t.Errorf("missed = %s", got)
	}
	var table strings.Builder
	if err := r.Print(&table); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"at most 2, MISSED", "MISSED: 3 too short", "at least 10, kept", "exactly 5, MISSED", "10001 us  KEYS *"} {
		if !strings.Contains(table.String(), want) {
			t.Errorf("the table lacks %q:\n%s", want, table.String())
		}
	}
}
