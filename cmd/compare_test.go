package cmd

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"legwork/internal/bench/comparison"
)

// Promise: bench --engine --compare measures the engine beside stock asynq, in
// processes of this program's, as a table and as JSON.
func TestBenchCompare(t *testing.T) {
	t.Parallel()
	s := newShell(t, silent(t))
	args := []string{"bench", "--engine", "--compare", "--only", "enqueue", "--rounds", "2", "--scale", "0.01"}
	got := s.run(args...)
	if got.code != exitOK || !strings.HasPrefix(got.out, "FIGURE ") || !strings.Contains(got.err, "2 rounds, scale 0.01") {
		t.Fatalf("got %+v", got)
	}
	for _, row := range []string{
		`enqueue rate +Legwork +jobs/s +\d+ +\d+ +\d+ +-`, `enqueue rate +asynq +jobs/s +\d+`, `enqueue rate +ratio +- +\d.* at least 1.7`,
		`enqueue redis cpu +Legwork +us/job +\d`,
	} {
		if !regexp.MustCompile(`(?m)^` + row).MatchString(got.out) {
			t.Errorf("no row %s in\n%s", row, got.out)
		}
	}
	got = s.run(append(args, "--json")...)
	var r comparison.Report
	if err := json.Unmarshal([]byte(got.out), &r); err != nil || got.code != exitOK {
		t.Fatalf("%v in %+v", err, got)
	}
	if r.Mode != "compare" || r.Rounds != 2 || r.Scale != 0.01 || len(r.Figures) != 9 || len(r.Figures[0].Rounds) != 2 {
		t.Errorf("report = %+v", r)
	}
}

// Promise: a comparison whose Redis is away says so and how.
func TestBenchCompareNoRedis(t *testing.T) {
	t.Parallel()
	s := newShell(t, silent(t))
	s.wantError(exitUnreachable, "connection refused", "bench", "--engine", "--compare", "--redis-url", "redis://127.0.0.1:1")
	s.wantError(exitConfig, "use redis://, rediss:// or unix:// here", "bench", "--engine", "--compare", "--redis-url", "redis-cluster://127.0.0.1:1")
}

// Promise: a comparison has defaults of its own, and given flags count.
func TestBenchCompareDefaults(t *testing.T) {
	t.Parallel()
	o := &benchOrder{compare: true}
	o.settle(func(flag string) bool { return flag == "rounds" })
	if o.Rounds != 0 || o.timeout != compareTimeout {
		t.Errorf("with rounds given: %+v", o)
	}
	o.settle(func(string) bool { return false })
	if o.Rounds != comparison.RoundsDefault {
		t.Errorf("with nothing given: %+v", o)
	}
}

// Promise: figures are printed with three digits that mean something.
func TestThreeDigits(t *testing.T) {
	t.Parallel()
	for v, want := range map[float64]string{0: "0", 12345.6: "12346", 99.94: "99.9", 1.234: "1.23", 0.01234: "0.0123", -3.21: "-3.21", 1e-9: "0.000000"} {
		if got := threeDigits(v); got != want {
			t.Errorf("%g is printed as %s, want %s", v, got, want)
		}
	}
}
