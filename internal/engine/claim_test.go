package engine_test

import (
	"testing"
	"time"

	"legwork/client"
	"legwork/internal/store"
	"legwork/internal/store/storetest"
	"legwork/jobs"
)

// An id that is only claimed belongs to no job: a caller that comes again after
// its call was cut off is not told "conflict", for it would believe the job stored
// or the id somebody else's.
func TestClaimedIDIsNotAConflict(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	r := newRig(t, inst, noop)
	mine := client.Enqueue{Type: "test.ok", ID: "mine"}
	claim := func(ttl time.Duration) { inst.Client.Set(t.Context(), store.KeyIDClaimPrefix+"mine", "default", ttl) }
	claim(time.Minute)
	began := time.Now()
	if _, err := r.Enqueue(t.Context(), mine, ""); jobs.CodeOf(err) != jobs.CodeUnavailable || time.Since(began) > 2*time.Second {
		t.Errorf("claimed by a call that broke off: %v after %s", err, time.Since(began))
	}
	results := r.EnqueueBatch(t.Context(), []*client.Enqueue{{Type: "test.ok"}, &mine, {Type: "test.ok", ID: "other"}, {Type: "test.ok", ID: "other"}})
	for i, want := range []jobs.Code{"", jobs.CodeUnavailable, "", jobs.CodeConflict} {
		if got := jobs.CodeOf(results[i].Err); results[i].Err != nil && got != want || results[i].Err == nil && want != "" {
			t.Errorf("item %d of the batch: %v, want %q", i, results[i].Err, want)
		}
	}
	claim(50 * time.Millisecond) // as long as a call takes
	if _, err := r.Enqueue(t.Context(), mine, ""); err != nil {
		t.Errorf("claimed by a call that ends: %v", err)
	}
	claim(time.Minute)
	if _, err := r.Enqueue(t.Context(), mine, ""); jobs.CodeOf(err) != jobs.CodeConflict {
		t.Errorf("claimed, and stored: %v", err)
	}
}
