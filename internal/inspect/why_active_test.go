package inspect_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"legwork/client"
	"legwork/internal/store"
	"legwork/internal/store/storetest"
	"legwork/jobs"
)

// Promise: a job that failed tells when its next attempt is due and which one failed;
// an ended one tells its end; each by its code.
func TestWhyAfterItRan(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t))
	r.employ(crew{run: true})
	retry := r.post(client.Enqueue{Type: "test.fail", Queue: "work"})
	r.until(retry, jobs.StateRetry)
	if w := r.why(retry); codes(w) != "waits_until" || w.Reasons[0].Attempt != 1 || w.Reasons[0].Error != "no luck" || w.Reasons[0].Until == nil || !strings.Contains(w.Message, "attempt 1 of") {
		t.Errorf("retry: %+v", w)
	}
	dead := r.post(client.Enqueue{Type: "test.die", Queue: "work"})
	r.until(dead, jobs.StateArchived)
	if w := r.why(dead); codes(w) != "ended_archived" || w.Reasons[0].Error != "dead" || w.Reasons[0].Since == nil || !strings.Contains(w.Reasons[0].Remedy, "jobs retry "+dead) {
		t.Errorf("dead: %+v", w)
	}
	done := r.post(client.Enqueue{Type: "test.ok", Queue: "work", Retention: hours(1)})
	r.until(done, jobs.StateCompleted)
	if w := r.why(done); codes(w) != "ended_completed" || w.Reasons[0].Since == nil {
		t.Errorf("done: %+v", w)
	}
}

// Promise: of an active job it is told who has it, since when it runs, and whether it is
// only taken, or its worker is lost; the next job behind it hears that all slots are busy.
func TestWhyActiveJobs(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t))
	r.employ(crew{run: true})
	k := store.KeysOf("work")
	held := r.post(client.Enqueue{Type: "test.hold", Queue: "work"})
	r.until(held, jobs.StateActive)
	var w *client.Why
	eventually(t, func() bool {
		w = r.why(held)
		return w.Code == client.WhyRunning && w.Reasons[0].Since != nil
	}, func() string { return fmt.Sprintf("not told to run: %+v", w) })
	if m := w.Reasons[0]; codes(w) != "running" || !slices.Equal(m.Workers, []string{"w1"}) || m.Attempt != 1 || m.Until == nil {
		t.Errorf("running: %+v", w)
	}
	next := r.post(waiting(client.Enqueue{}))
	if w := r.why(next); codes(w) != "slots_busy" || !slices.Equal(w.Reasons[0].Workers, []string{"w1"}) {
		t.Errorf("the next one: %+v", w)
	}
	claim := r.redis.HGet(t.Context(), k.Holders(), held).Val()
	status := r.redis.Get(t.Context(), store.KeyStatusPrefix+"w1").Val()
	for name, c := range map[string]struct {
		commands []string
		want     string
	}{
		"started, and not told of yet": {[]string{"SET " + store.KeyPulsePrefix + "w3 2026-01-01T00:00:00Z", "SET " + k.Started("w3") + " 7", "HSET " + k.Holders() + " ID w3\x007"}, "running"},
		"taken":                        {[]string{"SET " + store.KeyPulsePrefix + "w4 2026-01-01T00:00:00Z", "SET " + k.Started("w4") + " 6", "HSET " + k.Holders() + " ID w4\x007"}, "taken"},
		"its worker is lost":           {[]string{"HSET " + k.Holders() + " ID w5\x007"}, "worker_lost"},
		"an asynq server has it":       {[]string{"HDEL " + k.Holders() + " ID", "ZADD " + k.Lease() + " 4000000000 ID"}, "running"},
		"an asynq server had it":       {[]string{"HDEL " + k.Holders() + " ID", "ZADD " + k.Lease() + " 1000000000 ID"}, "worker_lost"},
		"nobody has it":                {[]string{"HDEL " + k.Holders() + " ID", "ZREM " + k.Lease() + " ID"}, "misplaced"},
	} {
		id := "x" + strings.ReplaceAll(name, " ", "-")
		r.place(k, jobs.StateActive, id, (&store.Message{ID: id, Type: "test.ok", Queue: "work", Retry: 3}).Encode(), 0)
		r.redis.SAdd(t.Context(), store.KeyQueues, "work")
		for _, line := range c.commands {
			var args []any
			for _, word := range strings.Fields(strings.ReplaceAll(line, "ID", id)) {
				args = append(args, strings.ReplaceAll(word, "\x00", " "))
			}
			if err := r.redis.Do(t.Context(), args...).Err(); err != nil {
				t.Fatal(err)
			}
		}
		if w := r.why(id); codes(w) != c.want {
			t.Errorf("%s: %s, want %s: %+v", name, codes(w), c.want, w.Reasons)
		}
	}
	if claim == "" || status == "" {
		t.Errorf("claim %q, status %q", claim, status)
	}
}

// Promise: a dead worker's job says that nobody will give it to others while nobody is
// there who would.
func TestWhyNobodyReaps(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t))
	k := store.KeysOf("work")
	r.place(k, jobs.StateActive, "x", (&store.Message{ID: "x", Type: "test.ok", Queue: "work"}).Encode(), 0)
	r.redis.SAdd(t.Context(), store.KeyQueues, "work")
	r.redis.HSet(t.Context(), k.Holders(), "x", "dead 1")
	if w := r.why("x"); codes(w) != "worker_lost" || !strings.Contains(w.Reasons[0].Remedy, "--roles scheduler") {
		t.Errorf("nobody there: %+v", w)
	}
	r.keeper()
	if w := r.why("x"); codes(w) != "worker_lost" || !strings.Contains(w.Reasons[0].Remedy, "Wait") {
		t.Errorf("a scheduler there: %+v", w)
	}
}
