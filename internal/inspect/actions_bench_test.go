package inspect_test

import (
	"context"
	"testing"
	"time"

	"legwork/client"
	"legwork/internal/store/storetest"
)

// BenchmarkRetryByFilter retries 100,000 dead letters, and tells how fast, and how many
// commands took Redis 10 ms or more.
func BenchmarkRetryByFilter(b *testing.B) {
	r := newRig(b, storetest.Redis(b))
	a, _ := r.crew()
	ctx := b.Context()
	if err := r.redis.ConfigSet(ctx, "slowlog-log-slower-than", "10000").Err(); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		b.StopTimer()
		r.redis.FlushAll(ctx)
		ids := make([]*client.Enqueue, 10_000)
		for n := range ids {
			ids[n] = &client.Enqueue{Type: "test.ok", Queue: "q"}
		}
		for range 10 {
			r.engine.EnqueueBatch(ctx, ids)
		}
		if out := endedSlowly(b, a.Action, order(b, a, client.ActionRequest{Action: client.ActionArchive, Filter: &client.JobFilter{Queue: "q"}}).ID); out.Done != 100_000 {
			b.Fatalf("archive = %+v", out)
		}
		r.redis.Do(ctx, "slowlog", "reset")
		b.StartTimer()
		began := time.Now()
		out := endedSlowly(b, a.Action, order(b, a, client.ActionRequest{Action: client.ActionRetry, Filter: &client.JobFilter{Queue: "q"}}).ID)
		if out.Done != 100_000 {
			b.Fatalf("retry = %+v", out)
		}
		b.ReportMetric(float64(out.Done)/time.Since(began).Seconds(), "jobs/s")
		slow, _ := r.redis.Do(ctx, "slowlog", "len").Int()
		b.ReportMetric(float64(slow), "slow-commands")
	}
}

// endedSlowly waits for the end of an action that may take minutes.
func endedSlowly(b *testing.B, look func(context.Context, string) (*client.Action, error), id string) *client.Action {
	b.Helper()
	for {
		out, err := look(b.Context(), id)
		if err != nil {
			b.Fatal(err)
		}
		if out.Finished() {
			return out
		}
		time.Sleep(5 * time.Millisecond)
	}
}
