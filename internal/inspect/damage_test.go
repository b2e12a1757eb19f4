package inspect_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"testing"

	"github.com/redis/go-redis/v9"

	"legwork/client"
	"legwork/internal/store"
	"legwork/internal/store/storetest"
	"legwork/jobs"
)

// Promise: a job whose message cannot be read is shown as damaged, is left
// alone by every action but delete, and hides no other job.
func TestDamagedMessages(t *testing.T) {
	t.Parallel()
	for name, message := range map[string]string{"garbage": "\xff\xff", "cut": "\x0a\x20abc", "text": "hello", "no id": "\x0a\x01a"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, storetest.Redis(t))
			r.pool("work")
			ids := r.eachState("x")
			for _, state := range jobs.States() {
				queue := "work"
				if state == jobs.StatePending {
					queue = "idle"
				}
				id := ids[state]
				if err := r.redis.HSet(t.Context(), store.KeysOf(queue).Task(id), store.FieldMessage, message).Err(); err != nil {
					t.Fatal(err)
				}
				if j := r.job(id); j.State != string(state) || j.Queue != queue || j.LastError == "" || string(j.Payload) != "null" {
					t.Errorf("job = %+v", j)
				}
				for action, do := range actions() {
					if action == "delete" {
						continue
					}
					if err := do(r, id); code(err) != jobs.CodeConflict {
						t.Errorf("%s %s: %v", action, state, err)
					}
				}
			}
			if n := len(r.list(client.JobFilter{})); n != 6 {
				t.Errorf("%d jobs in the list", n)
			}
			if n := len(r.list(client.JobFilter{Type: "test.ok"})); n != 0 {
				t.Errorf("%d jobs of a type", n)
			}
			for _, state := range jobs.States() {
				if err := r.Delete(t.Context(), ids[state]); (err != nil) != (state == jobs.StateActive) {
					t.Errorf("delete %s: %v", state, err)
				}
			}
		})
	}
}

// Promise: numbers that no clock can have are left out, and the job is shown.
func TestAbsurdNumbers(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t))
	k := store.KeysOf("default")
	for i, number := range []int64{math.MaxInt64, math.MinInt64, -1, 253402300800, 1 << 60} {
		meta, _ := json.Marshal(store.Meta{Created: number, RunAt: number, Timeout: number, Until: number})
		for _, headers := range []map[string]string{nil, {store.MetaHeader: string(meta)}, {store.MetaHeader: "{"}} {
			for _, state := range jobs.States() {
				id := fmt.Sprint(state, "-", i, "-", len(headers[store.MetaHeader]))
				m := store.Message{
					ID: id, Type: "x", Queue: "default", Headers: headers, Retry: int(number), Retried: int(number),
					LastFailedAt: number, Timeout: number, Deadline: number, Retention: number, CompletedAt: number,
				}
				r.place(k, state, id, m.Encode(), float64(number))
				if j := r.job(id); j.State != string(state) {
					t.Errorf("job = %+v", j)
				}
			}
		}
	}
	for _, score := range []float64{math.Inf(1), math.Inf(-1), 1e300, -1e300} {
		m := store.Message{ID: fmt.Sprint("at", score), Type: "x"}
		r.place(k, jobs.StateScheduled, m.ID, m.Encode(), score)
		r.job(m.ID)
	}
	if n := len(r.list(client.JobFilter{Limit: 7})); n != 5*3*6+4 {
		t.Errorf("%d jobs in the list", n)
	}
}

// place writes a job into Redis by hand.
func (r *rig) place(k store.Keys, state jobs.State, id string, message []byte, score float64) {
	r.t.Helper()
	ctx := context.Background()
	key := k.State(string(state))
	pipe := r.redis.Pipeline()
	pipe.SAdd(ctx, store.KeyQueues, "default")
	pipe.HSet(ctx, k.Task(id), store.FieldMessage, message, store.FieldState, string(state), store.FieldFinished, fmt.Sprint(int64(score)))
	if state == jobs.StatePending || state == jobs.StateActive {
		pipe.LPush(ctx, key, id)
	} else {
		pipe.ZAdd(ctx, key, redis.Z{Score: score, Member: id})
	}
	if _, err := pipe.Exec(ctx); err != nil {
		r.t.Fatal(err)
	}
}

// Promise: an id without a job behind it is shown as missing, and hides no job, however
// many there are; no filter by what a job is takes it for one. A job that is in no list
// can still be deleted.
func TestGhosts(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t))
	k := store.KeysOf("default")
	want := map[string]bool{}
	for i := range 40 {
		for _, q := range []client.Enqueue{{Type: "test.ok"}, {Type: "test.ok", Delay: hours(1)}} {
			want[r.post(q)] = true
			ghost := fmt.Sprint("ghost-", i, "-", len(want))
			r.redis.LPush(t.Context(), k.Pending(), ghost)
			r.redis.ZAdd(t.Context(), k.Scheduled(), redis.Z{Score: float64(1e10 + i), Member: ghost})
			r.redis.ZAdd(t.Context(), k.Archived(), redis.Z{Score: 1, Member: ghost})
		}
	}
	for _, limit := range []int{1, 3, 500} {
		if got := r.list(client.JobFilter{Type: "test.ok", Limit: limit}); len(got) != len(want) {
			t.Errorf("limit %d: %d jobs of a type, want %d", limit, len(got), len(want))
		}
		found, ghosts := 0, 0
		for f := (client.JobFilter{Limit: limit}); ; {
			page, err := r.Jobs(t.Context(), f)
			if err != nil {
				t.Fatal(err)
			}
			for _, j := range page.Jobs {
				if j.Missing == want[j.ID] || j.Missing && j.LastError == "" {
					t.Errorf("limit %d: job = %+v", limit, j)
				}
				if found++; j.Missing {
					ghosts++
				}
			}
			if f.Cursor = page.NextCursor; f.Cursor == "" {
				break
			}
		}
		if found-ghosts != len(want) || ghosts != 3*len(want) {
			t.Errorf("limit %d: %d jobs and %d ghosts, want %d and %d", limit, found-ghosts, ghosts, len(want), 3*len(want))
		}
	}
	if _, err := r.Job(t.Context(), "ghost-0-1"); code(err) != jobs.CodeNotFound {
		t.Errorf("a ghost: %v", err)
	}
	lost := r.post(client.Enqueue{Type: "test.ok", ID: "lost"})
	r.redis.LRem(t.Context(), k.Pending(), 1, lost)
	if _, err := r.Archive(t.Context(), lost); code(err) != jobs.CodeConflict {
		t.Errorf("archive: %v", err)
	}
	if err := r.Delete(t.Context(), lost); err != nil {
		t.Errorf("delete: %v", err)
	}
}

// Promise: a call that its caller has given up is no defect.
func TestCancelledCalls(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, one := r.Job(ctx, "x")
	_, list := r.Jobs(ctx, client.JobFilter{Queue: "default"})
	_, queues := r.Queues(ctx, nil)
	for _, err := range []error{one, list, queues} {
		if code(err) != jobs.CodeUnavailable || !errors.Is(err, context.Canceled) {
			t.Errorf("error = %v", err)
		}
	}
}
