package comparison

import (
	"runtime"
	"strings"
	"testing"
	"time"
)

// Promise: drain and enqueue are measured on every side, with what they cost.
func TestDrainAndEnqueue(t *testing.T) {
	t.Parallel()
	r := measure(t, tiny("drain", "enqueue"))
	for _, sc := range []scenario{drain(), enqueue()} {
		for _, s := range sc.sides {
			r.want(t, sc.name, "rate", s.name, 100, 1e6)
			r.want(t, sc.name, "redis_cpu", s.name, 0.5, 2000)
			r.want(t, sc.name, "go_cpu", s.name, 0.5, 20_000)
		}
		r.want(t, sc.name, "rate", SideRatio, 0.02, 50)
		r.want(t, sc.name, "redis_cpu", SideRatio, 0.02, 50)
	}
	if len(r.Scenarios) != 2 || r.Mode != "compare" || !strings.Contains(r.Target, "a private ") {
		t.Errorf("report = %+v", r)
	}
}

// Promise: what a job waits for is measured on both sides: on an idle system,
// and when it is due, where Legwork never starts it early.
func TestWaits(t *testing.T) {
	t.Parallel()
	o := tiny("pickup", "lateness")
	o.Rounds = 1
	r := measure(t, o)
	for _, name := range []string{"p50", "p99"} {
		r.want(t, "pickup", name, sideLegwork, 0.01, 5000)
		r.want(t, "pickup", name, sideStock, 0.01, 10_000)
		r.want(t, "lateness", name, sideLegwork, 0, 5000)
		r.want(t, "lateness", name, sideStock, -1001, 20_000)
	}
	r.want(t, "lateness", "earliest", sideLegwork, 0, 5000)
	r.want(t, "pickup", "p50", SideRatio, 0, 100)
}

// Promise: a process with nothing to do is measured, and its stop.
func TestIdleAndStop(t *testing.T) {
	t.Parallel()
	o := tiny("idle", "stop")
	o.Rounds, o.Scale = 1, 0.1 // in 2 s even stock asynq sends some commands
	r := measure(t, o)
	for _, s := range []string{sideLegwork, sideStock} {
		r.want(t, "idle", "commands", s, 0.4, 100)
		r.want(t, "idle", "commands_and_inside", s, 0.4, 300)
		r.want(t, "idle", "go_cpu", s, 0.001, 80)
		r.want(t, "stop", "took", s, 0.001, 10_000)
	}
}

// Promise: jobs that are due together are measured beside pending ones.
func TestDue(t *testing.T) {
	t.Parallel()
	r := measure(t, tiny("due"))
	r.want(t, "due", "first", sideLegwork, 0, 5000)
	r.want(t, "due", "rate", sideLegwork, 50, 1e6)
	r.want(t, "due", "rate", "Legwork, pending jobs", 50, 1e6)
	r.want(t, "due", "rate", SideRatio, 0.01, 100)
}

// Promise: memory is told for a long backlog, for none, and for many handlers.
func TestMemory(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells it")
	}
	o := tiny("memory", "sleeping")
	o.Rounds = 1
	r := measure(t, o)
	for scenario, side := range map[string]string{"memory": "Legwork, no jobs", "sleeping": sideStock} {
		for _, s := range []string{sideLegwork, side} {
			r.want(t, scenario, "rss", s, 5, 1000)
			r.want(t, scenario, "rss_peak", s, 5, 1000)
			r.want(t, scenario, "heap", s, 0.2, 500)
		}
	}
}

// Promise: every payload has the size that the figures speak of.
func TestPayload(t *testing.T) {
	t.Parallel()
	for _, at := range []time.Time{{}, time.Now(), time.UnixMicro(1)} {
		if p := newPayload(at); len(p) != payloadSize {
			t.Errorf("%s has %d bytes", p, len(p))
		}
	}
}
