package engine_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"legwork/client"
	"legwork/internal/store"
	"legwork/internal/store/storetest"
	"legwork/jobs"
)

// Promise: 12,000 jobs that fail in a running worker are 12,000 dead letters beside
// those of a hundred days ago, where asynq keeps 9,999 and 90 days. Each can be listed.
func TestEveryFailureIsADeadLetter(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	r := newRig(t, inst, func(reg *jobs.Registry) {
		jobs.Handle(reg, "test.die", func(context.Context, struct{}) (struct{}, error) {
			return struct{}{}, jobs.Permanent(errors.New("no luck"))
		}, jobs.Options{})
	})
	const failures = 12_000
	k := store.KeysOf("default")
	old := r.post(client.Enqueue{Type: "test.die"})
	r.worker(nil)
	r.until(old, jobs.StateArchived)
	now := inst.Client.Time(t.Context()).Val()
	if err := inst.Client.ZAdd(t.Context(), k.Archived(), redisZ(float64(now.AddDate(0, 0, -100).Unix()), old)).Err(); err != nil {
		t.Fatal(err)
	}
	var batch []*client.Enqueue
	for range failures {
		batch = append(batch, &client.Enqueue{Type: "test.die"})
	}
	want := map[string]bool{old: true}
	for _, result := range r.EnqueueBatch(t.Context(), batch) {
		if result.Err != nil {
			t.Fatal(result.Err)
		}
		want[result.Receipt.Message.ID] = true
	}
	dead := func() int { return int(inst.Client.ZCard(t.Context(), k.Archived()).Val()) }
	eventually(t, func() bool { return dead() == failures+1 }, func() string { return fmt.Sprint(dead(), " dead letters") })
	filter := client.JobFilter{State: "archived", Limit: 500}
	for {
		page, err := r.inspect.Jobs(t.Context(), filter)
		if err != nil {
			t.Fatal(err)
		}
		for _, j := range page.Jobs {
			if !want[j.ID] || j.LastError != "no luck" {
				t.Fatalf("listed %+v", j)
			}
			delete(want, j.ID)
		}
		if filter.Cursor = page.NextCursor; filter.Cursor == "" {
			break
		}
	}
	if len(want) > 0 {
		t.Errorf("%d of %d letters are not listed", len(want), failures+1)
	}
}
