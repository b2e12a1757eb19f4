package inspect_test

import (
	"strings"
	"testing"

	"legwork/client"
	"legwork/internal/store"
	"legwork/internal/store/storetest"
	"legwork/jobs"
)

// Promise: what is left of a job that is gone is told, whatever holds its id; a job that
// never was is not found, and nothing is made by asking.
func TestWhyWithoutAJob(t *testing.T) {
	t.Parallel()
	storetest.All(t, func(t *testing.T, inst storetest.Instance) {
		r := newRig(t, inst)
		k := store.KeysOf("default")
		for _, state := range jobs.States() {
			id := "gone-" + string(state)
			r.place(k, state, id, nil, 1)
			r.redis.Del(t.Context(), k.Task(id))
			if w := r.why(id); codes(w) != "ghost" || w.State != string(state) || w.Reasons[0].Key != k.State(string(state)) {
				t.Errorf("%s: %+v", state, w)
			}
		}
		r.redis.Set(t.Context(), k.Task("alien"), "x", 0)
		r.redis.HSet(t.Context(), k.Task("half"), store.FieldState, "pending")
		for _, id := range []string{"alien", "half"} {
			if w := r.why(id); codes(w) != "damaged" || w.Reasons[0].Key != k.Task(id) {
				t.Errorf("%s: %+v", id, w)
			}
		}
		before := r.redis.DBSize(t.Context()).Val()
		for _, id := range []string{"never", "", "a b", "\x00", strings.Repeat("x", 5000)} {
			if _, err := r.Why(t.Context(), id); code(err) != jobs.CodeNotFound {
				t.Errorf("%q: %v", id, err)
			}
		}
		if after := r.redis.DBSize(t.Context()).Val(); after != before {
			t.Errorf("%d keys, were %d", after, before)
		}
	})
}

// Promise: on every kind of Redis, and with shards, the answer is the same.
func TestWhyOnEveryRedis(t *testing.T) {
	t.Parallel()
	storetest.All(t, func(t *testing.T, inst storetest.Instance) {
		r := newRig(t, inst).spread("work", 3)
		r.t = t
		r.employ(crew{})
		var ids []string
		for range 30 {
			ids = append(ids, r.post(waiting(client.Enqueue{})))
		}
		ahead := 0
		for _, id := range ids {
			if w := r.why(id); w.Code == client.WhyBehind {
				ahead += *w.Reasons[0].Ahead
			} else if w.Code != client.WhyReady {
				t.Errorf("%+v", w)
			}
		}
		sum := 0
		for _, s := range store.FirstShards("work", 3) {
			n := int(r.redis.LLen(t.Context(), store.KeysOf(s).Pending()).Val())
			sum += n * (n - 1) / 2
		}
		if ahead != sum {
			t.Errorf("behind %d in all, want %d", ahead, sum)
		}
	})
}

// Promise: a key of another type anywhere is told of or passed over, and never a defect.
func TestWhyWithDamage(t *testing.T) {
	t.Parallel()
	k := store.KeysOf("work")
	for _, state := range []jobs.State{jobs.StateActive, jobs.StatePending, jobs.StateScheduled, jobs.StateRetry, jobs.StateArchived, jobs.StateCompleted} {
		t.Run(string(state), func(t *testing.T) {
			t.Parallel()
			inst := storetest.Redis(t)
			for _, key := range []string{
				k.Pending(), k.Active(), k.Holders(), k.Lease(), k.Tokens(), k.Archived(), k.Retry(), k.Completed(), k.Scheduled(), k.Paused(), k.Moving(), k.Started("w1"),
				store.KeyWorkers, store.KeyWorkerPrefix + "w1", store.KeyPulsePrefix + "w1", store.KeyStatusPrefix + "w1", store.KeyWishPrefix + "w1",
				store.KeyScheduler, store.KeyShards, store.KeyQueues, k.Task("x"),
			} {
				for _, kind := range []string{"SET KEY x", "RPUSH KEY x", "HSET KEY x x"} {
					r := newRig(t, inst)
					r.redis.FlushDB(t.Context())
					r.place(k, state, "x", (&store.Message{ID: "x", Type: "test.ok", Queue: "work"}).Encode(), 1)
					r.set("SADD "+store.KeyQueues+" work", "SADD "+store.KeyWorkers+" w1", "DEL "+key, strings.ReplaceAll(kind, "KEY", key))
					if err := r.redis.HSet(t.Context(), k.Holders(), "x", "w1 1").Err(); err != nil && !store.WrongType(err) {
						t.Fatal(err)
					}
					w, err := r.Why(t.Context(), "x")
					if c := code(err); err != nil && c != jobs.CodeUnavailable && c != jobs.CodeNotFound {
						t.Errorf("%s, %s: %v", key, kind, err)
					}
					if err == nil && len(w.Reasons) == 0 {
						t.Errorf("%s, %s: no reason", key, kind)
					}
				}
			}
		})
	}
}
