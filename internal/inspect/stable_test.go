package inspect_test

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/redis/go-redis/v9"

	"legwork/client"
	"legwork/internal/store"
	"legwork/internal/store/storetest"
	"legwork/jobs"
)

// plant makes n dead letters or retries of some queues by hand, many of one second, and
// returns the ids in no order.
func (r *rig) plant(state jobs.State, prefix string, queues []string, n int) []string {
	r.t.Helper()
	ctx := context.Background()
	ids := make([]string, n)
	for begin := 0; begin < n; begin += 1000 {
		pipe := r.redis.Pipeline()
		for k := begin; k < min(n, begin+1000); k++ {
			ids[k] = numbered(prefix, k)
			q := queues[k%len(queues)]
			m := store.Message{ID: ids[k], Type: "test.ok", Queue: q, Error: fmt.Sprint("error ", k%7), Payload: fmt.Appendf(nil, `{"user":{"id":%d,"name":"somebody"},"items":["one","two"]}`, k+1000)}
			keys := store.KeysOf(q)
			pipe.SAdd(ctx, store.KeyQueues, q)
			pipe.HSet(ctx, keys.Task(ids[k]), store.FieldMessage, m.Encode(), store.FieldState, string(state))
			pipe.ZAdd(ctx, keys.State(string(state)), redis.Z{Score: float64(1_700_000_000 + k/997), Member: ids[k]})
		}
		if _, err := pipe.Exec(ctx); err != nil {
			r.t.Fatal(err)
		}
	}
	return ids
}

func numbered(prefix string, n int) string { return fmt.Sprintf("%s%06d", prefix, n) }

// Promise: of 12,000 failures in several queues, paged while others come and go in front
// of, behind and at the very place of the cursor, each that stays put is listed exactly
// once; and the list as it is then is in order.
func TestFailuresArePagedExactlyOnce(t *testing.T) {
	t.Parallel()
	for _, state := range []jobs.State{jobs.StateArchived, jobs.StateRetry} {
		for _, words := range []string{"", " error=error"} {
			t.Run(string(state)+words, func(t *testing.T) {
				t.Parallel()
				r := newRig(t, storetest.Redis(t))
				queues := []string{"a", "b", "c", "d", "e"}
				stay := r.plant(state, "stay", queues, 12_000)
				leave := r.plant(state, "leave", queues, 3_000)
				stop, stopped := make(chan struct{}), make(chan struct{})
				go func() {
					defer close(stopped)
					r.disturb(state, queues, leave, stop)
				}()
				f := r.filter("state=" + string(state) + words)
				f.Limit = 97
				seen := map[string]int{}
				for _, id := range r.list(f) {
					seen[id]++
				}
				close(stop)
				<-stopped
				for _, id := range stay {
					if seen[id] != 1 {
						t.Fatalf("%s is listed %d times", id, seen[id])
					}
				}
			})
		}
	}
}

// disturb adds jobs and deletes others until it is told to stop.
func (r *rig) disturb(state jobs.State, queues, leave []string, stop <-chan struct{}) {
	ctx := context.Background()
	for n := 0; ; n++ {
		select {
		case <-stop:
			return
		default:
		}
		pipe := r.redis.Pipeline()
		for range 20 {
			k := rand.IntN(len(leave)) //nolint:gosec // any will do
			keys := store.KeysOf(queues[k%len(queues)])
			pipe.ZRem(ctx, keys.State(string(state)), leave[k])
			pipe.Del(ctx, keys.Task(leave[k]))
			pipe.ZAdd(ctx, keys.State(string(state)), redis.Z{Score: float64(1_700_000_000 + rand.IntN(13)), Member: fmt.Sprint("new", n, "-", k)}) //nolint:gosec // the same
		}
		if _, err := pipe.Exec(ctx); err != nil {
			r.t.Error(err)
			return
		}
	}
}

// Promise: pages of dead letters that all died in one second go on at their very job,
// whether the last one is still there or not, at no more cost than others.
func TestPagesWithinOneSecond(t *testing.T) {
	t.Parallel()
	storetest.All(t, func(t *testing.T, inst storetest.Instance) {
		r := newRig(t, inst)
		ctx := t.Context()
		var want []string
		for _, q := range []string{"a", "b"} {
			k, pipe := store.KeysOf(q), r.redis.Pipeline()
			pipe.SAdd(ctx, store.KeyQueues, q)
			for n := range 1000 {
				id := fmt.Sprintf("%s%04d\xff é", q, n*7919%1000)
				m := store.Message{ID: id, Type: "test.ok", Queue: q}
				pipe.HSet(ctx, k.Task(id), store.FieldMessage, m.Encode(), store.FieldState, "archived")
				pipe.ZAdd(ctx, k.Archived(), redis.Z{Score: 1_700_000_000, Member: id})
				want = append(want, id)
			}
			if _, err := pipe.Exec(ctx); err != nil {
				t.Fatal(err)
			}
		}
		slices.Sort(want)
		slices.Reverse(want)
		f := r.filter("state=archived")
		f.Limit = 300
		var got []string
		for {
			page, err := r.Jobs(ctx, f)
			if err != nil {
				t.Fatal(err)
			}
			for _, j := range page.Jobs {
				got = append(got, j.ID)
			}
			if f.Cursor = page.NextCursor; f.Cursor == "" {
				break
			}
			if last := page.Jobs[len(page.Jobs)-1].ID; len(got)%600 == 0 {
				if err := r.Delete(ctx, last); err != nil {
					t.Fatal(err)
				}
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%d jobs, want %d in order", len(got), len(want))
		}
	})
}

// Promise: lists over many queues are merged with few reads of each, and page by page
// yield every job once in order of time; a cursor takes 48 bytes for each of them at most.
func TestManyQueuesAreMerged(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t))
	var pending, scheduled []string
	var batch []*client.Enqueue
	for n := range 2000 {
		q := fmt.Sprint("queue-", n*7919%200)
		batch = append(batch, &client.Enqueue{Type: "test.ok", Queue: q}, &client.Enqueue{Type: "test.ok", Queue: q, Delay: hours(n + 1)})
	}
	for n, res := range r.engine.EnqueueBatch(t.Context(), batch) {
		if res.Err != nil {
			t.Fatal(res.Err)
		}
		if n%2 == 0 {
			pending = append(pending, res.Receipt.Message.ID)
		} else {
			scheduled = append(scheduled, res.Receipt.Message.ID)
		}
	}
	f := r.filter("state=scheduled")
	f.Limit = 150
	if got := r.list(f); !slices.Equal(got, scheduled) {
		t.Errorf("%d scheduled jobs, want %d in order", len(got), len(scheduled))
	}
	f = r.filter("state=pending")
	longest := 0
	var got []string
	for {
		page, err := r.Jobs(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		for _, j := range page.Jobs {
			got = append(got, j.ID)
		}
		longest = max(longest, len(page.NextCursor))
		if f.Cursor = page.NextCursor; f.Cursor == "" {
			break
		}
	}
	slices.Sort(got)
	slices.Sort(pending)
	if !slices.Equal(got, pending) || longest > 200*48 {
		t.Errorf("%d pending jobs, want %d; a cursor of %d bytes", len(got), len(pending), longest)
	}
}

// Promise: of 12,000 pending jobs in several queues, paged while workers take the oldest,
// others are deleted and new ones come, each that stays put is listed exactly once.
func TestPendingIsPagedExactlyOnce(t *testing.T) {
	t.Parallel()
	r, ctx := newRig(t, storetest.Redis(t)), context.Background()
	queues := []string{"a", "b", "c"}
	stay, leave := map[string]int{}, []string{}
	for n := range 15_000 {
		id := numbered("p", n)
		if n < 1500 || n%5 == 0 { // the oldest are taken, some are deleted
			leave = append(leave, id)
		} else {
			stay[id] = 0
		}
	}
	for begin := 0; begin < 15_000; begin += 1000 {
		pipe := r.redis.Pipeline()
		for n := begin; n < begin+1000; n++ {
			q := queues[n/7%3] // seven at a time have one time
			k := store.KeysOf(q)
			m := store.Message{ID: numbered("p", n), Type: "test.ok", Queue: q}
			pipe.SAdd(ctx, store.KeyQueues, q)
			pipe.HSet(ctx, k.Task(m.ID), store.FieldMessage, m.Encode(), store.FieldState, "pending", store.FieldPendingSince, 1_700_000_000_000_000_000+n/7)
			pipe.LPush(ctx, k.Pending(), m.ID)
		}
		if _, err := pipe.Exec(ctx); err != nil {
			t.Fatal(err)
		}
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for n := 0; ; n++ {
			select {
			case <-stop:
				return
			default:
			}
			k := store.KeysOf(queues[n%3])
			pipe := r.redis.Pipeline()
			if n < 1200 {
				pipe.RPop(ctx, k.Pending())
			}
			pipe.LRem(ctx, k.Pending(), 1, leave[len(leave)-1-n%len(leave)])
			pipe.LPush(ctx, k.Pending(), fmt.Sprint("new", n))
			if _, err := pipe.Exec(ctx); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	f := r.filter("state=pending")
	f.Limit = 97
	for _, id := range r.list(f) {
		if _, stays := stay[id]; stays {
			stay[id]++
		}
	}
	close(stop)
	<-stopped
	for id, n := range stay {
		if n != 1 {
			t.Fatalf("%s is listed %d times", id, n)
		}
	}
}

// Promise: a list of waiting jobs goes on where it was when every job around the end of
// the page has left, and others were taken from its end, or put there.
func TestPendingGoesOnWithoutItsJobs(t *testing.T) {
	t.Parallel()
	for _, front := range []int{0, 300} {
		storetest.All(t, func(t *testing.T, inst storetest.Instance) { goOnWithoutJobs(t, newRig(t, inst), front) })
	}
}

func goOnWithoutJobs(t *testing.T, r *rig, front int) {
	t.Helper()
	r.listed("default", 1000)
	k := store.KeysOf("default")
	f := r.filter("state=pending")
	f.Limit = 100
	first, err := r.Jobs(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	for _, j := range first.Jobs[90:] {
		r.redis.LRem(t.Context(), k.Pending(), 1, j.ID)
	}
	r.redis.RPopCount(t.Context(), k.Pending(), 50)
	r.redis.LPush(t.Context(), k.Pending(), "new")
	for n := range front {
		r.redis.RPush(t.Context(), k.Pending(), fmt.Sprint("front", n))
	}
	f.Cursor = first.NextCursor
	rest := r.list(f)
	if len(rest) != 850+front || rest[0] != numbered("p", 899) || rest[849] != numbered("p", 50) {
		t.Errorf("%d jobs, from %s to %s", len(rest), rest[0], rest[len(rest)-1])
	}
}

// Promise: jobs of one id in several queues, as other asynq clients make them, are listed
// each, whatever the size of a page.
func TestOneIDInManyQueues(t *testing.T) {
	t.Parallel()
	r, ctx := newRig(t, storetest.Redis(t)), t.Context()
	for _, q := range []string{"a", "b", "b~1", "c"} {
		k := store.KeysOf(q)
		r.redis.SAdd(ctx, store.KeyQueues, q)
		for n := range 9 {
			m := store.Message{ID: fmt.Sprint(n), Type: "test.ok", Queue: q}
			r.redis.HSet(ctx, k.Task(m.ID), store.FieldMessage, m.Encode(), store.FieldState, "archived")
			r.redis.ZAdd(ctx, k.Archived(), redis.Z{Score: 1_700_000_000, Member: m.ID})
		}
	}
	for _, limit := range []int{1, 2, 5, 500} {
		f := r.filter("state=archived")
		f.Limit = limit
		got := r.list(f)
		if len(got) != 36 || !slices.IsSortedFunc(got, func(a, b string) int { return -cmp.Compare(a, b) }) {
			t.Errorf("limit %d: %v", limit, got)
		}
	}
}
