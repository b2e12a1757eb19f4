package inspect_test

import (
	"testing"
	"time"

	"legwork/internal/store"
	"legwork/internal/store/storetest"
	"legwork/jobs"
)

// BenchmarkSearch looks through 100,000 dead letters of five queues, and tells how many a
// second, and how many the first page covers.
func BenchmarkSearch(b *testing.B) {
	r := newRig(b, storetest.Redis(b))
	r.plant(jobs.StateArchived, "j", []string{"a", "b", "c", "d", "e"}, 100_000)
	for name, words := range map[string]string{
		"error": "error=absent", "text": "q=absent", "expression": `error="/absent [0-9]+/"`, "payload": "payload.user.id=1", "tag": "tag=absent",
	} {
		b.Run(name, func(b *testing.B) {
			f := r.filter("state=archived " + words)
			looked, first, pages := 0, 0, 0
			began := time.Now()
			for b.Loop() {
				page, err := r.Jobs(b.Context(), f)
				if err != nil {
					b.Fatal(err)
				}
				looked += page.Looked.Jobs
				if f.Cursor == "" {
					first += page.Looked.Jobs
					pages++
				}
				f.Cursor = page.NextCursor
			}
			b.ReportMetric(float64(looked)/time.Since(began).Seconds(), "jobs/s")
			b.ReportMetric(float64(first)/float64(pages), "first-page")
		})
	}
}

// BenchmarkPage reads one page: the first of a state, one deep in it, and the first of an
// index.
func BenchmarkPage(b *testing.B) {
	r := newRig(b, storetest.Redis(b))
	queues := []string{"a", "b", "c", "d", "e"}
	r.plant(jobs.StateArchived, "j", queues, 100_000)
	r.listed("default", 200_000)
	for name, words := range map[string]string{
		"archived": "state=archived", "pending": "state=pending", "since": "state=archived until=2023-11-14T22:13:30Z",
	} {
		for _, depth := range []int{0, 100} {
			b.Run(name+map[bool]string{true: ", first", false: ", deep"}[depth == 0], func(b *testing.B) {
				f := r.filter(words)
				f.Limit = 500
				for range depth {
					page, err := r.Jobs(b.Context(), f)
					if err != nil {
						b.Fatal(err)
					}
					if page.NextCursor == "" {
						break
					}
					f.Cursor = page.NextCursor
				}
				f.Limit = 50
				for b.Loop() {
					if _, err := r.Jobs(b.Context(), f); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// listed makes n pending jobs of a queue by hand.
func (r *rig) listed(queue string, n int) {
	r.t.Helper()
	ctx, k := r.t.Context(), store.KeysOf(queue)
	for begin := 0; begin < n; begin += 1000 {
		pipe := r.redis.Pipeline()
		pipe.SAdd(ctx, store.KeyQueues, queue)
		for at := begin; at < min(n, begin+1000); at++ {
			m := store.Message{ID: numbered("p", at), Type: "test.ok", Queue: queue, Payload: []byte(`{}`)}
			pipe.HSet(ctx, k.Task(m.ID), store.FieldMessage, m.Encode(), store.FieldState, "pending", store.FieldPendingSince, 1_700_000_000_000_000_000+at)
			pipe.LPush(ctx, k.Pending(), m.ID)
		}
		if _, err := pipe.Exec(ctx); err != nil {
			r.t.Fatal(err)
		}
	}
}
