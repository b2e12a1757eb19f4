package cmd

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"legwork/configs"
	"legwork/internal/app"
	"legwork/internal/bench"
	"legwork/internal/store/storetest"
	"legwork/jobs"
)

// Promise: bench refuses what makes no sense before any call, and says what does.
func TestBenchWrongUsage(t *testing.T) {
	t.Parallel()
	s := newShell(t, silent(t))
	for args, want := range map[string]string{
		"--jobs 0 --rounds 99":           "--jobs 0: use 1 to 1000000; --rounds 99: use 1 to 20",
		"--jobs many":                    "invalid argument",
		"--connections 5000":             "--connections 5000: use 1 to 1024",
		"--batch -1":                     "--batch -1: use 0 to 10000",
		"--payload 300000":               "--payload 300000: use 2 to 204800",
		"--queue UP":                     "--queue: a queue is made of",
		"--timeout 0s":                   "--timeout 0s: use more than 0s",
		"--redis-url redis://127.0.0.1":  "--redis-url goes with --engine",
		"--engine --queue default":       "[engine queue]",
		"--compare":                      "--compare goes with --engine",
		"--engine --only drain":          "--only and --scale go with --engine --compare",
		"--engine --compare --only none": "--only none: no such scenario; there are drain, enqueue,",
		"--engine --compare --scale 2":   "--scale 2: use 0.001 to 1",
		"--engine --compare --jobs 5":    "[compare jobs]",
		"--engine --compare --rounds 0":  "--rounds 0: use 1 to 20",
		"now":                            "takes no arguments",
		"--server http://example.com":    "example.com is not this machine: a load test can bring a server down",
		"--server http://10.0.0.1:8080":  "give --any-host",
		"--engine --redis-url redis://h": "h is not this machine",
	} {
		s.wantError(exitUsage, want, append([]string{"bench"}, strings.Fields(args)...)...)
	}
	s.env["LEGWORK_API_URL"] = "http://example.com"
	s.wantError(exitUsage, "example.com is not this machine", "bench")
}

// Promise: --any-host lifts the refusal, and nothing else.
func TestBenchAnyHost(t *testing.T) {
	t.Parallel()
	s := newShell(t, routes(t, map[string]string{"GET /v1/types/bench.noop": downJSON}))
	here := strings.Replace(s.api.URL, "127.0.0.1", "0.0.0.0", 1) // not a loopback address, yet this machine
	s.wantError(exitUsage, "0.0.0.0 is not this machine", "bench", "--server", here)
	s.wantError(exitUnreachable, "Redis cannot be reached", "bench", "--server", here, "--any-host")
}

// Promise: a server of another version is told apart from one that is away.
func TestBenchUnknownType(t *testing.T) {
	t.Parallel()
	newShell(t, routes(t, map[string]string{"GET /v1/types/bench.noop": `404 {"code":"not_found","detail":"no such job type"}`})).
		wantError(exitNotFound, "the server does not know job type bench.noop", "bench")
	newShell(t, routes(t, map[string]string{"GET /v1/types/bench.noop": downJSON})).
		wantError(exitUnreachable, "Redis cannot be reached", "bench")
}

// Promise: a run that takes too long says how far it came and what to change.
func TestBenchTimeout(t *testing.T) {
	t.Parallel()
	s := newShell(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	s.wantError(exitFailure, "the bench did not finish within 50ms, but came as far as start; --timeout gives it longer", "bench", "--timeout", "50ms")
}

// Promise: bench measures a running server, as a table and as JSON.
func TestBenchServer(t *testing.T) {
	t.Parallel()
	s := newShell(t, silent(t))
	s.env["LEGWORK_API_URL"] = startServer(t)
	args := []string{"bench", "--jobs", "60", "--connections", "3", "--batch", "20", "--probes", "2", "--rounds", "2"}
	got := s.run(args...)
	if got.code != exitOK || !strings.HasPrefix(got.out, "FIGURE ") || !strings.Contains(got.err, "2 rounds; 60 jobs to a load") {
		t.Fatalf("got %+v", got)
	}
	for _, row := range []string{
		`one by one: enqueued +jobs/s +\d+ +\d+ +\d+`, `batches of 20: completed +jobs/s +\d+ +\d+ +\d+`,
		`idle: pick-up p50 +ms +\d+\.\d\d +\d+\.\d\d +\d+\.\d\d`, `idle: end-to-end p99 +ms +\d`,
	} {
		if !regexp.MustCompile(`(?m)^` + row).MatchString(got.out) {
			t.Errorf("no row %s in\n%s", row, got.out)
		}
	}
	s.terminal = true
	if got := s.run(args...); !strings.Contains(got.err, "round 2 of 2: jobs in batches\n") {
		t.Errorf("no steps on a terminal: %s", got.err)
	}
	s.terminal = false
	checkBenchJSON(t, s.run(append(args, "--json")...), "http")
}

// Promise: bench --engine needs no server.
func TestBenchEngine(t *testing.T) {
	t.Parallel()
	s := newShell(t, silent(t))
	checkBenchJSON(t, s.run("bench", "--engine", "--jobs", "60", "--connections", "3", "--batch", "0", "--probes", "1", "--rounds", "2", "--json"), "engine")
}

func checkBenchJSON(t *testing.T, got output, mode string) {
	t.Helper()
	var r bench.Report
	if err := json.Unmarshal([]byte(got.out), &r); err != nil || got.code != exitOK || strings.Count(got.out, "\n") != 1 {
		t.Fatalf("%v in %+v", err, got)
	}
	if r.Mode != mode || len(r.Rounds) != 2 || len(r.Figures) < 10 || r.Options.Jobs != 60 {
		t.Errorf("report = %+v", r)
	}
}

// startServer runs Legwork with all roles and returns its URL.
func startServer(t *testing.T) string {
	t.Helper()
	cfg := configs.Default()
	cfg.HTTP.Addr, cfg.Redis.URL = "127.0.0.1:0", storetest.Redis(t).URL
	p := &program{register: func(*jobs.Registry, configs.Config) {}}
	a, err := app.New(app.Options{Config: cfg, Registry: p.registry(cfg), Version: "test", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- a.Run(ctx, func() { close(ready) }) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("stop: %v", err)
		}
	})
	select {
	case <-ready:
	case err := <-ended:
		ended <- err
		t.Fatal(err)
	}
	return "http://" + a.Addr()
}
