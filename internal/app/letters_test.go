package app_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"legwork/client"
	"legwork/configs"
	"legwork/internal/archive"
	"legwork/internal/store"
	"legwork/internal/store/storetest"
	"legwork/jobs"
)

// die registers a type whose every job becomes a dead letter.
func die(reg *jobs.Registry) {
	jobs.Handle(reg, "test.die", func(context.Context, json.RawMessage) (any, error) {
		return nil, jobs.Permanent(errors.New("no luck"))
	}, jobs.Options{})
}

// kill makes n dead letters and returns their ids, sorted.
func (p *process) kill(inst storetest.Instance, n int) []string {
	p.t.Helper()
	line := `{"type":"test.die","payload":{"padding":"` + strings.Repeat("x", 200) + `"}}` + "\n"
	status, text := p.call("POST", "/v1/jobs/batch", strings.Repeat(line, n), "Content-Type", "application/x-ndjson")
	result := decode[client.BatchResult](p.t, text)
	if status != 200 || result.Enqueued != n {
		p.t.Fatalf("%d %.300s", status, text)
	}
	var ids []string
	for _, item := range result.Results {
		ids = append(ids, item.ID)
	}
	slices.Sort(ids)
	eventually(p.t, func() bool { return len(dead(p.t, inst)) >= n }, func() string { return fmt.Sprint(len(dead(p.t, inst)), " of ", n, " jobs died") })
	return ids
}

// dead returns the ids of the dead letters of the default queue, sorted.
func dead(t testing.TB, inst storetest.Instance) []string {
	t.Helper()
	ids, err := inst.Client.ZRange(t.Context(), store.KeysOf("default").Archived(), 0, -1).Result()
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(ids)
	return ids
}

// archived returns the ids of the lines in a directory, sorted.
func archived(t testing.TB, dir string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*"+archive.Suffix))
	if err != nil {
		t.Fatal(err)
	}
	ids := []string{}
	for _, path := range paths {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		for line, err := range archive.Lines(f, 1<<20) {
			if err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			ids = append(ids, decode[client.ExportedJob](t, string(line)).ID)
		}
		_ = f.Close()
	}
	slices.Sort(ids)
	return ids
}

// Promise: by default no dead letter goes; a retention that is configured, also while
// the process runs, deletes what is in the archive and nothing else, and can be turned
// off again.
func TestRetention(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	c := config(inst)
	p := start(t, c, die)
	all := p.kill(inst, 30)
	if log := p.log.String(); strings.Contains(log, "retention") {
		t.Errorf("log: %s", log)
	}
	change := func(d configs.DeadLetters) {
		t.Helper()
		c.DeadLetters = d
		if later, err := p.app.Reconfigure(t.Context(), c); err != nil || len(later) > 0 {
			t.Fatalf("reconfigure: %v, %v wait", err, later)
		}
	}
	dir := t.TempDir()
	change(configs.DeadLetters{MaxCount: 10, Archive: true, ArchiveDir: dir, ArchiveFileLimit: configs.MiB})
	eventually(t, func() bool { return len(dead(t, inst)) == 10 }, func() string { return fmt.Sprint(len(dead(t, inst)), " letters") })
	if got := slices.Sorted(slices.Values(slices.Concat(dead(t, inst), archived(t, dir)))); !slices.Equal(got, all) {
		t.Errorf("%d letters are kept or archived, want the %d there were", len(got), len(all))
	}
	change(configs.DeadLetters{})
	more := p.kill(inst, 25)
	change(configs.DeadLetters{WarnAt: []int{1000}})
	if err := p.stop(); err != nil {
		t.Fatal(err)
	}
	if n := len(dead(t, inst)); n != 10+len(more) {
		t.Errorf("%d letters without a retention, want %d", n, 10+len(more))
	}
	c.DeadLetters = configs.DeadLetters{MaxAge: time.Millisecond, ArchiveDir: dir}
	c.Roles = []string{configs.RoleScheduler}
	start(t, c, nil)
	eventually(t, func() bool { return len(dead(t, inst)) == 0 }, func() string { return fmt.Sprint(len(dead(t, inst)), " letters are too old") })
	if n := len(archived(t, dir)); n != 20 {
		t.Errorf("%d lines are archived, want the 20 from before archive was false", n)
	}
}

// Promise: a process without the scheduler role deletes nothing.
func TestRetentionIsTheSchedulers(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	c := config(inst, configs.RoleAPI, configs.RoleWorker, configs.RoleDashboard)
	c.DeadLetters.MaxCount, c.DeadLetters.Archive = 1, false
	p := start(t, c, die)
	all := p.kill(inst, 5)
	if later, err := p.app.Reconfigure(t.Context(), config(inst)); err != nil || !slices.Equal(later, []string{"roles"}) {
		t.Errorf("reconfigure: %v, %v wait", err, later)
	}
	if err := p.stop(); err != nil {
		t.Fatal(err)
	}
	if got := dead(t, inst); !slices.Equal(got, all) {
		t.Errorf("%d letters are left of %d", len(got), len(all))
	}
}

// Promise: a directory that is missing stops nothing but the deletion, and the log
// says what to do.
func TestRetentionWithoutDirectory(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	c := config(inst)
	dir := filepath.Join(t.TempDir(), "unmounted")
	c.DeadLetters = configs.DeadLetters{MaxCount: 1, Archive: true, ArchiveDir: dir}
	p := start(t, c, die)
	all := p.kill(inst, 5)
	if later, err := p.app.Reconfigure(t.Context(), c); err != nil || len(later) > 0 {
		t.Fatalf("reconfigure: %v, %v wait", err, later)
	}
	if got := dead(t, inst); !slices.Equal(got, all) {
		t.Errorf("%d letters are left of %d", len(got), len(all))
	}
	if log := p.log.String(); !strings.Contains(log, "level=WARN") || !strings.Contains(log, dir) || !strings.Contains(log, "Create the directory") {
		t.Errorf("log: %s", log)
	}
}
