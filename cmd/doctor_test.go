package cmd

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"legwork/internal/doctor"
	"legwork/internal/store/storetest"
)

// Promise: doctor ends with 0 when all is well, 8 after a warning, 1 after a
// failure and 4 without Redis, and says the same with --json.
func TestDoctorExitCodes(t *testing.T) {
	t.Parallel()
	inst := storetest.RedisWith(t, storetest.Options{AOF: true, Args: []string{"--maxmemory", "100mb"}})
	worker := launch(t, nil, "serve", "--redis-url", inst.URL, "--roles", "worker")
	worker.says(t, "legwork is ready")
	step := func(code exitCode, level doctor.Level, says ...string) {
		t.Helper()
		human := launch(t, nil, "doctor", "--redis-url", inst.URL)
		if got := human.exit(t); got != int(code) {
			t.Errorf("exit code %d, want %d\n%s", got, code, human.stdout.String())
		}
		for _, text := range says {
			if !strings.Contains(human.stdout.String(), text) {
				t.Errorf("%q is missing in\n%s", text, human.stdout.String())
			}
		}
		machine := launch(t, nil, "doctor", "--redis-url", inst.URL, "--json")
		if got := machine.exit(t); got != int(code) {
			t.Errorf("--json: exit code %d, want %d", got, code)
		}
		var r doctor.Report
		if err := json.Unmarshal([]byte(machine.stdout.String()), &r); err != nil || r.Level != level || len(r.Findings) == 0 || r.CheckedAt.IsZero() {
			t.Errorf("--json: %v\n%s", err, machine.stdout.String())
		}
	}
	step(exitOK, doctor.LevelOK, "no failures, no warnings, 17 ok", "ok    workers            1 process; queues: default")
	set := func(name, value string) {
		t.Helper()
		if err := inst.Client.ConfigSet(t.Context(), name, value).Err(); err != nil {
			t.Fatal(err)
		}
	}
	set("maxmemory", "0")
	step(exitWarned, doctor.LevelWarn, "WARN  memory", "no maxmemory", "no failures, 1 warning")
	set("maxmemory-policy", "allkeys-lru")
	step(exitFailure, doctor.LevelFail, "FAIL  eviction_policy    allkeys-lru", "legwork serve does not start like this.", "1 failure, 1 warning")
	worker.stop()
	worker.exit(t)
	inst.Kill()
	step(exitUnreachable, doctor.LevelFail, "FAIL  connection", "1 failure, no warnings, 0 ok")
}

// Promise: the private Redis of legwork dev can be examined too, and the mistake of
// asking for the embedded one says how.
func TestDoctorOfDev(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, mode := range [][]string{nil, {"--redis-durability", "strict"}, {"--in-memory"}} {
		dev := launch(t, nil, append([]string{"dev", "--http-addr", "127.0.0.1:0"}, mode...)...)
		dev.says(t, "Stop with Ctrl-C.")
		if strict := len(mode) == 2; strict != strings.Contains(dev.stderr.String(), "strict is not in force") {
			t.Errorf("%v: stderr = %s", mode, dev.stderr.String())
		}
		if text := dev.stderr.String(); strings.Contains(text, "redis: ") {
			t.Errorf("dev warns of its own Redis:\n%s", text)
		}
		hint := launch(t, nil, "doctor", "--redis-url", "embedded")
		if code := hint.exit(t); code != int(exitConfig) {
			t.Errorf("exit code %d", code)
		}
		_, url, ok := strings.Cut(strings.TrimSpace(hint.stderr.String()), "in this directory ")
		if !ok {
			t.Fatalf("stderr = %s", hint.stderr.String())
		}
		look := launch(t, nil, "doctor", "--redis-url", url)
		if code := look.exit(t); code != int(exitWarned) && code != int(exitOK) || !strings.Contains(look.stdout.String(), "no failures") {
			t.Errorf("%v: exit code %d\n%s", mode, code, look.stdout.String())
		}
		dev.stop()
		dev.exit(t)
	}
}

// Promise: serve ends with 3 on a Redis that would lose jobs, and says the remedy.
func TestServeOnUnfitRedis(t *testing.T) {
	t.Parallel()
	inst := storetest.RedisWith(t, storetest.Options{Args: []string{"--maxmemory-policy", "allkeys-lru"}})
	p := launch(t, nil, "serve", "--http-addr", "127.0.0.1:0", "--redis-url", inst.URL)
	if code := p.exit(t); code != int(exitConfig) || !strings.Contains(p.stderr.String(), "config set maxmemory-policy noeviction") {
		t.Errorf("exit code %d, %s", code, p.stderr.String())
	}
}

// Promise: the report is set for a terminal: the worst first, remedies wrapped and
// indented, what others wrote made harmless.
func TestDoctorReport(t *testing.T) {
	t.Parallel()
	var out stream
	p := &program{env: &environment{stdout: &out, getenv: func(string) string { return "" }, isTerminal: func(any) bool { return false }, now: time.Now}}
	err := p.printReport(&doctor.Report{
		TookMS: 42, Counts: map[doctor.Level]int{doctor.LevelFail: 1, doctor.LevelWarn: 2, doctor.LevelUnknown: 1, doctor.LevelOK: 1},
		Findings: []doctor.Finding{
			{Code: "latency", Level: doctor.LevelOK, Value: "p50 1ms"},
			{Code: "memory", Level: doctor.LevelUnknown, Value: "not known: \x1b[31mno"},
			{Code: "ghost_ids", Level: doctor.LevelWarn, Value: "2 of 3", Remedy: "Tidy up.", Examples: []string{"q/a/1", "q/a/2"}},
			{Code: "clock_skew", Level: doctor.LevelWarn, Value: "1s ahead", Nodes: []string{"a:1", "b:2"}, Remedy: strings.Repeat("word ", 20)},
			{Code: "eviction_policy", Level: doctor.LevelFail, Value: "allkeys-lru", Remedy: "Set it.", RefusesStart: true},
		},
	}, "redis://x")
	if err != nil {
		t.Fatal(err)
	}
	const want = `redis://x, examined in 42ms

FAIL  eviction_policy    allkeys-lru
      Set it.
      legwork serve does not start like this.
WARN  ghost_ids          2 of 3
      Such as q/a/1, q/a/2.
      Tidy up.
WARN  clock_skew         1s ahead (a:1, b:2)
      word word word word word word word word word word word word word word word
      word word word word word
?     memory             not known:  [31mno
ok    latency            p50 1ms

1 failure, 2 warnings, 1 ok, 1 not known
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("want (-), got (+)\n%s", diff)
	}
}
