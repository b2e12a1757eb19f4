package inspect_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"legwork/client"
	"legwork/internal/store"
	"legwork/internal/store/storetest"
	"legwork/jobs"
)

// Promise (for any sequence of changes between the pages): a job that stays put
// appears exactly once, however many shards a queue has.
func TestPagesProperty(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t))
	rapid.Check(t, func(rt *rapid.T) {
		r.redis.FlushDB(t.Context())
		if n := rapid.IntRange(1, 4).Draw(rt, "shards of b"); n > 1 {
			r.redis.HSet(t.Context(), store.KeyShards, "b", n)
		}
		w := &world{rig: r.fresh(), rt: rt, where: map[string]jobs.State{}, moved: map[string]bool{}}
		defer w.engine.Stop()
		for range rapid.IntRange(0, 30).Draw(rt, "jobs") {
			w.add()
		}
		known := map[string]bool{}
		for id := range w.where {
			known[id] = true
		}
		f := client.JobFilter{Limit: rapid.IntRange(1, 6).Draw(rt, "limit")}
		changes := rapid.IntRange(0, 3).Draw(rt, "changes per page")
		seen := map[string]int{}
		for pages := 0; ; pages++ {
			page, err := r.Jobs(t.Context(), f)
			if err != nil {
				rt.Fatal(err)
			}
			for _, j := range page.Jobs {
				seen[j.ID]++
			}
			if f.Cursor = page.NextCursor; f.Cursor == "" {
				break
			}
			if pages > 200 {
				rt.Fatal("the pages do not end")
			}
			for range changes {
				w.change(pages < 20, page.Jobs)
			}
		}
		for id := range known {
			if !w.moved[id] && seen[id] != 1 {
				rt.Fatalf("job %s appeared %d times", id, seen[id])
			}
		}
	})
}

// world is what the property test does to the jobs.
type world struct {
	*rig
	rt    *rapid.T
	n     int
	where map[string]jobs.State
	moved map[string]bool // since the first page
}

func (w *world) add() string {
	w.n++
	q := client.Enqueue{Type: "test.ok", ID: fmt.Sprint("job-", w.n), Queue: rapid.SampledFrom([]string{"a", "b"}).Draw(w.rt, "queue")}
	if rapid.Bool().Draw(w.rt, "delayed") {
		q.Delay = ptr(client.Duration(time.Duration(rapid.IntRange(1, 4).Draw(w.rt, "hours")) * time.Hour))
	}
	id := w.post(q)
	w.where[id] = jobs.StatePending
	if rapid.Bool().Draw(w.rt, "archived") {
		if _, err := w.Archive(context.Background(), id); err != nil {
			w.rt.Fatal(err)
		}
	}
	return id
}

// change adds a job, or moves one: as often as not the one that the cursor is at.
func (w *world) change(mayAdd bool, page []client.Job) {
	if mayAdd && rapid.Bool().Draw(w.rt, "add") {
		w.moved[w.add()] = true
		return
	}
	ids := make([]string, 0, len(w.where))
	for id := range w.where {
		ids = append(ids, id)
	}
	if len(ids) == 0 {
		return
	}
	slices.Sort(ids)
	id := rapid.SampledFrom(ids).Draw(w.rt, "job")
	if len(page) > 0 && rapid.Bool().Draw(w.rt, "cursor's job") {
		id = page[len(page)-1].ID
	}
	w.moved[id] = true
	name := rapid.SampledFrom([]string{"retry", "archive", "delete"}).Draw(w.rt, "action")
	if err := actions()[name](w.rig, id); err != nil && jobs.CodeOf(err) != jobs.CodeConflict && jobs.CodeOf(err) != jobs.CodeNotFound {
		w.rt.Fatal(err)
	}
	if name == "delete" {
		delete(w.where, id)
	}
}
