package inspect_test

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"legwork/client"
	"legwork/internal/archive"
	"legwork/internal/inspect"
	"legwork/internal/store/storetest"
	"legwork/jobs"
)

// exporter returns Actions that write exports to dir; "" is none.
func (r *rig) exporter(dir string) (a *inspect.Actions, stop func()) {
	r.t.Helper()
	a = inspect.NewActions(r.Inspector, inspect.ActionsOptions{
		Look: 20 * time.Millisecond, Lease: time.Second, Log: slog.New(slog.DiscardHandler),
		Export: func(name string) (inspect.ExportFile, error) {
			if dir == "" {
				return nil, nil
			}
			f, err := archive.Create(dir, name)
			if err != nil {
				return nil, err
			}
			return f, nil
		},
	})
	if err := a.Start(context.Background()); err != nil {
		r.t.Fatal(err)
	}
	stop = func() { _ = a.Stop(context.Background()) }
	r.t.Cleanup(stop)
	return a, stop
}

// exported returns the lines of a file, sorted.
func exported(t testing.TB, path string) []string {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for line, err := range archive.Lines(bytes.NewReader(raw), 1<<20) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, string(line))
	}
	slices.Sort(out)
	return out
}

// entries are the names in a directory.
func entries(t testing.TB, dir string) (names []string) {
	t.Helper()
	all, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		names = append(names, e.Name())
	}
	return names
}

// Promise: on every kind of Redis an export action writes each job of its selection once
// to one file, the lines of an export over HTTP, changes nothing, and imports.
func TestExportActionOnEveryRedis(t *testing.T) {
	t.Parallel()
	storetest.All(t, func(t *testing.T, inst storetest.Instance) {
		r := newRig(t, inst).spread("many", 3)
		r.t = t
		dir := t.TempDir()
		a, _ := r.exporter(dir)
		ids := append(r.dead("many", 230), r.dead("other", 3)...)
		waits := r.post(client.Enqueue{Type: "test.ok", Queue: "many"})
		out := ended(t, a, order(t, a, client.ActionRequest{Action: client.ActionExport, Filter: &client.JobFilter{Queue: "many"}}).ID)
		if out.State != client.ActionDone || out.Done != 230 || out.Skipped+out.Failed != 0 || out.Matched != 230 || len(out.Files) != 1 {
			t.Fatalf("action = %+v", out)
		}
		if want := export(t, r.Inspector, client.JobFilter{Queue: "many", State: "archived"}); !slices.Equal(exported(t, out.Files[0]), want) {
			t.Errorf("%d lines differ from an export over HTTP", len(want))
		}
		named := ended(t, a, order(t, a, client.ActionRequest{Action: client.ActionExport, IDs: append(ids[228:], waits, "nobody")}).ID)
		if named.Done != 6 || named.Reasons["not_found"] != 1 || len(exported(t, named.Files[0])) != 6 {
			t.Errorf("by id: %+v", named)
		}
		dry := ended(t, a, order(t, a, client.ActionRequest{Action: client.ActionExport, Filter: &client.JobFilter{State: "pending"}, DryRun: true}).ID)
		if dry.Matched != 1 || len(dry.Sample) != 1 || len(dry.Files) != 0 {
			t.Errorf("dry run: %+v", dry)
		}
		if names := entries(t, dir); len(names) != 2 {
			t.Errorf("left are %q", names)
		}
		other := newRig(t, storetest.Redis(t))
		for _, in := range load(t, other.Inspector, exported(t, out.Files[0])...) {
			if in.Err != nil {
				t.Errorf("import of %s: %v", in.ID, in.Err)
			}
		}
		if got := other.list(client.JobFilter{State: "archived"}); len(got) != 230 {
			t.Errorf("%d were imported", len(got))
		}
	})
}

// Promise: an export that another process takes over, or goes on with after a restart,
// has every job once; one that is aborted leaves nothing.
func TestExportActionIsTakenOver(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t))
	r.dead("q", 250)
	dir := t.TempDir()
	begin := func(a *inspect.Actions) string {
		t.Helper()
		id := order(t, a, client.ActionRequest{Action: client.ActionExport, Filter: &client.JobFilter{Queue: "q"}, Rate: 200}).ID
		eventually(t, func() bool {
			now, err := a.Action(t.Context(), id)
			return err == nil && now.Done > 20
		}, func() string { return "the export does not begin" })
		return id
	}
	a, stop := r.exporter(dir)
	id := begin(a)
	stop()
	if now, err := a.Action(t.Context(), id); err != nil || now.Finished() {
		t.Fatalf("%+v %v", now, err)
	}
	r.exporter("") // has no directory, and leaves it alone
	b, _ := r.exporter(dir)
	out := ended(t, b, id)
	if out.State != client.ActionDone || out.Done != 250 {
		t.Fatalf("action = %+v", out)
	}
	if want := export(t, r.Inspector, client.JobFilter{State: "archived"}); !slices.Equal(exported(t, out.Files[0]), want) {
		t.Error("the lines are not each job once")
	}
	second := begin(b)
	if _, err := b.Abort(t.Context(), second); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Abort(t.Context(), second); code(err) != jobs.CodeConflict {
		t.Errorf("abort twice: %v", err)
	}
	if out := ended(t, b, second); out.State != client.ActionAborted || len(out.Files) != 0 || out.Done == 0 {
		t.Errorf("aborted = %+v", out)
	}
	if names := entries(t, dir); len(names) != 1 {
		t.Errorf("left are %q", names)
	}
}

// Promise: without a directory, or with one that cannot be written to, an export is
// refused with what to do; one whose directory goes away fails with that.
func TestExportActionRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t))
	ids := r.dead("q", 60)
	q := client.ActionRequest{Action: client.ActionExport, Filter: &client.JobFilter{Queue: "q"}, Rate: 100}
	none, stop := r.exporter("")
	if _, err := none.Order(t.Context(), q); code(err) != jobs.CodeConflict || !strings.Contains(err.Error(), "dead_letters.archive_dir") || !strings.Contains(err.Error(), "legwork jobs export") {
		t.Errorf("without a directory: %v", err)
	}
	stop()
	dir := filepath.Join(t.TempDir(), "mounted")
	a, _ := r.exporter(dir)
	if _, err := a.Order(t.Context(), q); code(err) != jobs.CodeConflict || !strings.Contains(err.Error(), "Create the directory") {
		t.Errorf("directory that is none: %v", err)
	}
	mustMkdir(t, dir)
	id := order(t, a, q).ID
	eventually(t, func() bool { now, err := a.Action(t.Context(), id); return err == nil && now.Done > 0 }, func() string { return "the export does not begin" })
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if out := ended(t, a, id); out.State != client.ActionFailed || !strings.Contains(out.Error, "Create the directory") || len(out.Files) != 0 {
		t.Errorf("action = %+v", out)
	}
	for _, wrong := range []client.ActionRequest{
		{Action: client.ActionExport}, {Action: client.ActionExport, IDs: ids, Front: true}, {Action: client.ActionExport, IDs: ids, Queue: "x"},
		{Action: client.ActionExport, IDs: ids, Delay: hours(1)}, {Action: client.ActionExport, Filter: &client.JobFilter{State: "lost"}},
	} {
		if _, err := a.Order(t.Context(), wrong); code(err) != jobs.CodeInvalidRequest {
			t.Errorf("%+v: %v", wrong, err)
		}
	}
}
