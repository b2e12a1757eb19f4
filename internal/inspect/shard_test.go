package inspect_test

import (
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"legwork/client"
	"legwork/internal/store"
	"legwork/internal/store/storetest"
	"legwork/jobs"
)

// Promise: the shards of a queue are listed as one, in order, whatever the size of
// the page: the newest first, and while scheduled the next due first.
func TestShardsAreListedInOrder(t *testing.T) {
	t.Parallel()
	for kind, start := range map[string]func(testing.TB) storetest.Instance{"redis": storetest.Redis, "cluster": storetest.Cluster} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, start(t)).spread("q", 4)
			r.t = t
			var pending, scheduled, dead []string
			for n := range 40 {
				pending = append(pending, r.post(client.Enqueue{Type: "test.ok", Queue: "q", ID: fmt.Sprint("p", n)}))
				scheduled = append(scheduled, r.post(client.Enqueue{Type: "test.ok", Queue: "q", ID: fmt.Sprint("s", n), Delay: hours(1 + n*7%40)}))
				dead = append(dead, r.post(client.Enqueue{Type: "test.ok", Queue: "q", ID: fmt.Sprint("d", n), Delay: hours(99)}))
				if _, err := r.Archive(t.Context(), dead[n]); err != nil {
					t.Fatal(err)
				}
				// a second apart: scores of dead letters are whole seconds
				shard := store.KeysOf(shardOf(r, dead[n]))
				r.redis.ZIncrBy(t.Context(), shard.Archived(), float64(n), dead[n])
			}
			slices.Reverse(pending)
			slices.Reverse(dead)
			due := slices.Clone(scheduled)
			slices.SortFunc(due, func(a, b string) int { return slices.Index(scheduled, a)*7%40 - slices.Index(scheduled, b)*7%40 })
			want := slices.Concat(pending, due, dead)
			for _, limit := range []int{1, 7, 50, 500} {
				if diff := cmp.Diff(want, inStates(r.list(client.JobFilter{Queue: "q", Limit: limit}))); diff != "" {
					t.Errorf("limit %d (want, got):\n%s", limit, diff)
				}
			}
			if got := r.list(client.JobFilter{}); len(got) != 120 {
				t.Errorf("%d jobs without a filter", len(got))
			}
		})
	}
}

// inStates sorts ids of the test above by their states, keeping the order in each.
func inStates(ids []string) []string {
	slices.SortStableFunc(ids, func(a, b string) int { return slices.Index([]byte("psd"), a[0]) - slices.Index([]byte("psd"), b[0]) })
	return ids
}

// shardOf returns the shard that holds the job.
func shardOf(r *rig, id string) string {
	for _, name := range r.redis.SMembers(r.t.(*testing.T).Context(), store.KeyQueues).Val() {
		if r.redis.Exists(r.t.(*testing.T).Context(), store.KeysOf(name).Task(id)).Val() > 0 {
			return name
		}
	}
	r.t.Fatalf("no shard holds job %s", id)
	return ""
}

// Promise: a queue shows the sum of its shards; jobs in any of them show the queue's
// name, and can be moved; a shard's own name means nothing.
func TestShardsAreOneQueue(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t)).spread("q", 4)
	var ids []string
	used := map[string]bool{}
	for n := range 40 {
		id := r.post(client.Enqueue{Type: "test.ok", Queue: "q", ID: fmt.Sprint("job-", n)})
		ids, used[shardOf(r, id)] = append(ids, id), true
	}
	if len(used) != 4 {
		t.Fatalf("the jobs are in %v", used)
	}
	for n, id := range ids {
		act := []string{"cancel", "archive", "delete"}[n%3]
		if err := actions()[act](r, id); err != nil {
			t.Errorf("%s %s: %v", act, id, err)
		}
		if act != "delete" && r.job(id).Queue != "q" {
			t.Errorf("job %s is in queue %q", id, r.job(id).Queue)
		}
	}
	q, err := r.Queue(t.Context(), "q", map[string]int{"q": 3})
	if err != nil || q.Weight != 3 || q.States["archived"] != 27 || q.States["pending"] != 0 {
		t.Errorf("queue %+v, %v", q, err)
	}
	for _, id := range ids {
		if n := slices.Index(ids, id); n%3 != 2 {
			if _, err := r.Retry(t.Context(), id); err != nil {
				t.Error(err)
			}
		}
	}
	all, err := r.Queues(t.Context(), nil)
	if err != nil || len(all) != 1 || all[0].Name != "q" || all[0].States["pending"] != 27 || all[0].OldestPendingAge <= 0 {
		t.Errorf("queues %+v, %v", all, err)
	}
	if _, err := r.Queue(t.Context(), "q~1", nil); code(err) != jobs.CodeNotFound {
		t.Errorf("a shard by its name: %v", err)
	}
	if _, err := r.Jobs(t.Context(), client.JobFilter{Queue: "q~1"}); code(err) != jobs.CodeInvalidRequest {
		t.Errorf("a list of a shard: %v", err)
	}
	if _, err := r.engine.Enqueue(t.Context(), client.Enqueue{Type: "test.ok", Queue: "q~1"}, ""); code(err) != jobs.CodeInvalidRequest {
		t.Errorf("a job for a shard: %v", err)
	}
}

// Promise: a pause or a resume holds for all shards, also those that are added at
// that very moment.
func TestPauseWhileAQueueGrows(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t))
	for n := range 60 {
		queue, pause := fmt.Sprint("q", n), n%2 == 0
		r.post(client.Enqueue{Type: "test.ok", Queue: queue})
		turn := r.Resume
		if pause {
			turn = r.Pause
		} else if _, err := r.Pause(t.Context(), queue, nil); err != nil {
			t.Fatal(err)
		}
		var both sync.WaitGroup
		both.Go(func() {
			if _, err := turn(t.Context(), queue, nil); err != nil {
				t.Error(err)
			}
		})
		both.Go(func() {
			s := store.NewShards(r.redis, slog.New(slog.DiscardHandler))
			if _, err := s.Serve(t.Context(), []string{queue}, map[string]int{queue: 5}); err != nil {
				t.Error(err)
			}
		})
		both.Wait()
		for _, shard := range store.FirstShards(queue, 5) {
			if paused := r.redis.Exists(t.Context(), store.KeysOf(shard).Paused()).Val() == 1; paused != pause {
				t.Errorf("%s: paused is %t, want %t", shard, paused, pause)
			}
		}
	}
}

// Promise: a page goes on in the right place when the queue has grown meanwhile.
func TestCursorOutlivesGrowth(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t))
	for n := range 20 {
		r.post(client.Enqueue{Type: "test.ok", Queue: "q", ID: fmt.Sprint("old-", n)})
	}
	first, err := r.Jobs(t.Context(), client.JobFilter{Queue: "q", Limit: 10})
	if err != nil {
		t.Fatal(err)
	}
	r = r.spread("q", 4)
	for n := range 20 {
		r.post(client.Enqueue{Type: "test.ok", Queue: "q", ID: fmt.Sprint("new-", n)})
	}
	rest := r.list(client.JobFilter{Queue: "q", Limit: 10, Cursor: first.NextCursor})
	for n := range 10 {
		if got := slices.Index(rest, fmt.Sprint("old-", n)); got < 0 || slices.Contains(rest, first.Jobs[n].ID) {
			t.Errorf("old-%d is at %d of %v", n, got, rest)
		}
	}
}
