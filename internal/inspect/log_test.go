package inspect_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"legwork/client"
	"legwork/internal/inspect"
	"legwork/internal/store"
	"legwork/internal/store/storetest"
	"legwork/jobs"
)

// scribbled is a dead letter with a log of its own: three runs of two attempts, of
// 40, 0 and 5 lines, written as the engine writes them.
func (r *rig) scribbled() string {
	r.t.Helper()
	id := r.post(client.Enqueue{Type: "test.ok"})
	if _, err := r.Archive(context.Background(), id); err != nil {
		r.t.Fatal(err)
	}
	r.scribble(id, "4 7 1795590459962825 1 2 40 0\n5 8 1795590459962826 1 0 0 3\n6 2 1795590459962827 2 1 5 0\nnonsense\n1 2 3 4 5 6 x\n1 2 3 4 99999 6 7", map[string]int{"4:0": 30, "4:1": 10, "6:0": 5})
	return id
}

// scribble puts a log into a job's hash: chunks with their numbers of lines.
func (r *rig) scribble(id, runs string, chunks map[string]int) {
	r.t.Helper()
	key := store.KeysOf("default").Task(id)
	r.redis.HSet(context.Background(), key, store.FieldLogRuns, runs)
	for name, lines := range chunks {
		var text strings.Builder
		for n := range lines {
			fmt.Fprintf(&text, `{"t":1795590459962863,"l":"INFO","m":"%s #%d","a":{"n":%d}}`+"\n", name, n, n)
		}
		r.redis.HSet(context.Background(), key, store.FieldLogPrefix+name, text.String())
	}
}

func told(lines []client.LogLine) []string {
	var all []string
	for _, l := range lines {
		all = append(all, l.ID+" "+l.Message)
	}
	return all
}

// Promise: a log is read in pages that have every line once, over all runs or those
// of one attempt, and goes on where lines have come since.
func TestLogPages(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t))
	id := r.scribbled()
	whole, err := r.Log(t.Context(), id, client.LogFilter{})
	if err != nil {
		t.Fatal(err)
	}
	if len(whole.Lines) != 45 || len(whole.Runs) != 3 || whole.NextCursor != "" || whole.Runs[1].Dropped != 3 || whole.Runs[2].Attempt != 2 {
		t.Fatalf("log = %d lines, %+v, cursor %q", len(whole.Lines), whole.Runs, whole.NextCursor)
	}
	first := whole.Lines[0]
	if first.ID != "4.1" || first.Attempt != 1 || first.Level != "INFO" || first.Message != "4:0 #0" || string(first.Attrs) != `{"n":0}` || first.At.UnixMicro() != 1795590459962863 {
		t.Errorf("first line = %+v", first)
	}
	for limit := 1; limit <= 45; limit += 4 {
		var all []string
		f := client.LogFilter{Limit: limit}
		for pages := 0; ; pages++ {
			page, err := r.Log(t.Context(), id, f)
			if err != nil || len(page.Lines) > limit || pages > 45 {
				t.Fatalf("page %d of %d lines: %d, %v", pages, limit, len(page.Lines), err)
			}
			all = append(all, told(page.Lines)...)
			if f.Cursor = page.NextCursor; f.Cursor == "" {
				break
			}
		}
		if diff := cmp.Diff(told(whole.Lines), all); diff != "" {
			t.Errorf("pages of %d: want (-), got (+)\n%s", limit, diff)
		}
	}
	second, err := r.Log(t.Context(), id, client.LogFilter{Attempt: 2})
	if err != nil || len(second.Lines) != 5 || second.Lines[0].ID != "6.1" {
		t.Errorf("attempt 2: %v, %v", told(second.Lines), err)
	}
	r.scribble(id, "6 2 1795590459962827 2 1 6 0\n7 9 1795590459962828 3 1 1 0", map[string]int{"6:0": 6, "7:0": 1})
	more, err := r.Log(t.Context(), id, client.LogFilter{Cursor: "6.5"})
	if diff := cmp.Diff([]string{"6.6 6:0 #5", "7.1 7:0 #0"}, told(more.Lines)); err != nil || diff != "" {
		t.Errorf("%v, want (-), got (+)\n%s", err, diff)
	}
	if old, err := r.Log(t.Context(), id, client.LogFilter{Cursor: "4.38"}); err != nil || len(old.Lines) != 7 {
		t.Errorf("after a line that is no more: %v, %v", told(old.Lines), err)
	}
}

// Promise: a log goes with its job to another queue, and through an export and an import.
func TestLogGoesAlong(t *testing.T) {
	t.Parallel()
	r, to := newRig(t, storetest.Redis(t)), newRig(t, storetest.Redis(t))
	id := r.scribbled()
	before, err := r.Log(t.Context(), id, client.LogFilter{})
	if err != nil || len(before.Lines) == 0 {
		t.Fatal(before, err)
	}
	r.post(client.Enqueue{Type: "test.ok", Queue: "other", Delay: hours(1)})
	a, _ := r.crew()
	if out := ended(t, a, order(t, a, client.ActionRequest{Action: client.ActionMove, IDs: []string{id}, Queue: "other"}).ID); out.Done != 1 {
		t.Fatalf("%+v", out)
	}
	moved, err := r.Log(t.Context(), id, client.LogFilter{})
	if diff := cmp.Diff(before, moved); err != nil || diff != "" {
		t.Errorf("moved: %v\n%s", err, diff)
	}
	for _, o := range load(t, to.Inspector, export(t, r.Inspector, client.JobFilter{State: "archived"})...) {
		if o.Err != nil {
			t.Fatal(o.Err)
		}
	}
	there, err := to.Log(t.Context(), id, client.LogFilter{})
	if diff := cmp.Diff(before, there); err != nil || diff != "" {
		t.Errorf("imported: %v\n%s", err, diff)
	}
}

// Promise: filters that cannot be are refused, with the place that is wrong.
func TestLogRefusals(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t))
	id := r.scribbled()
	for want, f := range map[string]client.LogFilter{
		"/limit: use 1 to 1000":                 {Limit: 1001},
		"/limit: use":                           {Limit: -1},
		"/attempt: attempts are numbered":       {Attempt: -1},
		"/cursor: is not next_cursor":           {Cursor: "4"},
		"/cursor: is not":                       {Cursor: "4.1.0.active.1"},
		"/cursor: is not next_cursor of":        {Cursor: "04.1"},
		"/cursor: is not next_cursor of a":      {Cursor: "4.-1"},
		"/cursor: is not next_cursor of a page": {Cursor: "99999999999999999999.1"},
	} {
		if _, err := r.Log(t.Context(), id, f); code(err) != jobs.CodeInvalidRequest || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", f, err, want)
		}
	}
	for _, gone := range []string{"", "none"} {
		if _, err := r.Log(t.Context(), gone, client.LogFilter{}); code(err) != jobs.CodeNotFound {
			t.Errorf("job %q: %v", gone, err)
		}
	}
}

// Promise: a log with gaps and foreign text in it is shown as far as it can be.
func TestDamagedLog(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t))
	id := r.scribbled()
	key := store.KeysOf("default").Task(id)
	r.redis.HDel(t.Context(), key, store.FieldLogPrefix+"4:0")
	r.redis.HSet(t.Context(), key, store.FieldLogPrefix+"6:0", "no JSON \xff\n{\"t\":9e99}\n{\"t\":-99999999999999999,\"m\":\"old\"}\n", store.FieldProgress, "{")
	page, err := r.Log(t.Context(), id, client.LogFilter{Cursor: "4.1"})
	if err != nil || len(page.Lines) != 9+3 || page.Lines[9].Message != "no JSON " {
		t.Errorf("log = %+v, %v", page, err)
	}
	if j := r.job(id); j.Progress != nil {
		t.Errorf("progress = %+v", j.Progress)
	}
}

// events looks until there is no more to tell, and returns what was told.
func events(t *testing.T, w *inspect.Watch) (all []client.JobEvent, over bool) {
	t.Helper()
	for range 20 {
		seen, err := w.Look(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, seen.Events...)
		if !seen.More {
			return all, seen.Over
		}
	}
	t.Fatal("there is always more")
	return nil, false
}

func kinds(all []client.JobEvent) string {
	var words []string
	for _, e := range all {
		switch {
		case e.State != nil:
			words = append(words, e.State.State)
		case e.Log != nil:
			words = append(words, e.Log.ID)
		case e.Progress != nil:
			words = append(words, fmt.Sprintf("%d/%d", e.Progress.Done, e.Progress.Total))
		case e.End != nil:
			words = append(words, "end:"+e.End.Reason)
		}
	}
	return strings.Join(words, " ")
}

// Promise: a watch tells of each state, line and report once, the start of a run
// before what it says, and its end after that; it is over when the job has ended.
func TestWatchTellsEverythingOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t))
	id := r.post(client.Enqueue{Type: "test.hold"})
	w, err := r.Watch(id, "")
	if err != nil {
		t.Fatal(err)
	}
	expect := func(want string, wantOver bool) {
		t.Helper()
		if all, over := events(t, w); kinds(all) != want || over != wantOver {
			t.Errorf("told %q, over %v; want %q, %v", kinds(all), over, want, wantOver)
		}
	}
	key := store.KeysOf("default").Task(id)
	expect("pending", false)
	expect("", false)
	r.pool("default")
	r.until(id, jobs.StateActive)
	r.scribble(id, "1 1 1795590459962825 1 1 2 0", map[string]int{"1:0": 2})
	r.redis.HSet(t.Context(), key, store.FieldProgress, `{"done":1,"total":2,"at":1795590459962,"n":1}`)
	expect("active 1.1 1.2 1/2", false)
	expect("", false)
	r.scribble(id, "1 1 1795590459962825 1 1 3 0", map[string]int{"1:0": 3})
	expect("1.3", false)
	r.scribble(id, "1 1 1795590459962825 1 2 4 0", map[string]int{"1:1": 1})
	close(r.release)
	r.until(id, jobs.StateCompleted)
	expect("1.4 completed end:completed", true)
	expect("", true)
	if err := r.Delete(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	expect("deleted end:deleted", true)
	expect("", true)
}

// Promise: a watch that is taken up after any of its events tells the rest, no more
// and no less.
func TestWatchIsTakenUpAfterAnyEvent(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t))
	id := r.scribbled()
	r.redis.HSet(t.Context(), store.KeysOf("default").Task(id), store.FieldProgress, `{"done":1,"total":2,"at":1795590459962,"n":1}`)
	first, err := r.Watch(id, "")
	if err != nil {
		t.Fatal(err)
	}
	all, over := events(t, first)
	if len(all) != 45+3 || !over || all[len(all)-2].State.State != "archived" || all[len(all)-1].End.Reason != "archived" {
		t.Fatalf("told %q", kinds(all))
	}
	for n, e := range all {
		again, err := r.Watch(id, e.ID)
		if err != nil {
			t.Fatalf("after %s: %v", e.ID, err)
		}
		rest, over := events(t, again)
		if diff := cmp.Diff(all[n+1:], rest); len(all[n+1:])+len(rest) > 0 && diff != "" || !over {
			t.Errorf("after %s: want (-), got (+)\n%s", e.ID, diff)
		}
	}
}

// Promise: what is not the id of an event is refused; a job that never was is
// not found.
func TestWatchRefusals(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t))
	for _, after := range []string{"1", "1.2", "1.2.3.4.5", "1.2.3.flying.5", "1.2.3.active.x", "1.2.3.active.5.6", "01.2.3.active.5", "-1.2.3.active.5", "1.2.3.active.5\n", "1.2.3.active.5.end.end", ".end", "1.2.3.active.end"} {
		if _, err := r.Watch("x", after); code(err) != jobs.CodeInvalidRequest {
			t.Errorf("after %q: %v", after, err)
		}
	}
	w, err := r.Watch("none", "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Look(t.Context()); code(err) != jobs.CodeNotFound {
		t.Errorf("a job that never was: %v", err)
	}
}
