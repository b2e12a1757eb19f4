package inspect_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"legwork/client"
	"legwork/internal/inspect"
	"legwork/internal/store"
	"legwork/internal/store/storetest"
	"legwork/jobs"
)

// Promise: on every kind of Redis the pages yield each job once, in the order of the
// states and, over all queues, of the times; filters narrow them.
func TestListOnEveryRedis(t *testing.T) {
	t.Parallel()
	storetest.All(t, func(t *testing.T, inst storetest.Instance) {
		r := newRig(t, inst)
		r.t = t
		var pending, scheduled []string
		for i := range 12 {
			q := fmt.Sprint("q", i%3)
			pending = append(pending, r.post(client.Enqueue{Type: "test.ok", Queue: q, ID: fmt.Sprintf("p-%s-%02d", q, 99-i), Tags: []string{fmt.Sprint("t", i%2)}}))
			scheduled = append(scheduled, r.post(client.Enqueue{Type: "test.fail", Queue: q, ID: fmt.Sprintf("s-%s-%02d", q, i), Delay: hours(i + 1)}))
		}
		slices.Reverse(pending)
		want := append(pending, scheduled...)
		for _, limit := range []int{0, 1, 5, 24, 500} {
			if diff := cmp.Diff(want, r.list(client.JobFilter{Limit: limit})); diff != "" {
				t.Errorf("limit %d (want, got):\n%s", limit, diff)
			}
		}
		for words, n := range map[string]int{
			"state=pending": 12, "queue=q1": 8, "type=test.fail": 12, "tag=t0": 6, "tag=t0 queue=q0 state=pending type=test.ok": 2,
			"queue=nowhere": 0, "state=completed": 0,
		} {
			f := r.filter(words)
			f.Limit = 2
			if got := r.list(f); len(got) != n {
				t.Errorf("%+v: %d jobs, want %d", f, len(got), n)
			}
		}
	})
}

// Promise: a cursor whose job is gone, or has moved within its own list, goes
// on where the job stood; what stays put is not passed over.
func TestCursorOutlivesItsJob(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*rig, jobs.State, string){
		"deleted": func(r *rig, _ jobs.State, id string) {
			if err := r.Delete(context.Background(), id); err != nil {
				r.t.Error(err)
			}
		},
		"due later": func(r *rig, s jobs.State, id string) {
			r.redis.ZIncrBy(context.Background(), store.KeysOf("default").State(string(s)), 1e9, id)
		},
		"due sooner": func(r *rig, s jobs.State, id string) {
			r.redis.ZIncrBy(context.Background(), store.KeysOf("default").State(string(s)), -1e9, id)
		},
		"to the back": func(r *rig, _ jobs.State, id string) {
			key := store.KeysOf("default").Pending()
			r.redis.LRem(context.Background(), key, 1, id)
			r.redis.LPush(context.Background(), key, id)
		},
	} {
		for _, state := range []jobs.State{jobs.StatePending, jobs.StateScheduled, jobs.StateArchived} {
			if (name == "to the back") == (state != jobs.StatePending) && name != "deleted" {
				continue
			}
			t.Run(name+" "+string(state), func(t *testing.T) {
				t.Parallel()
				r := newRig(t, storetest.Redis(t))
				for i := range 10 {
					q := client.Enqueue{Type: "test.ok", ID: fmt.Sprint("job-", i)}
					if state != jobs.StatePending {
						q.Delay = hours(i + 1)
					}
					r.post(q)
					if state == jobs.StateArchived {
						if _, err := r.Archive(t.Context(), q.ID); err != nil {
							t.Fatal(err)
						}
					}
				}
				f := client.JobFilter{State: string(state)}
				all := r.list(f)
				f.Limit = 4
				first, err := r.Jobs(t.Context(), f)
				if err != nil {
					t.Fatal(err)
				}
				change(r, state, all[3])
				r.post(client.Enqueue{Type: "test.ok"})
				f.Cursor = first.NextCursor
				rest := r.list(f)
				for _, id := range all[4:] {
					if !slices.Contains(rest, id) {
						t.Errorf("%s was passed over: %v of %v", id, rest, all)
					}
				}
			})
		}
	}
}

// Promise: a rare tag does not cost a round trip for each job that lacks it,
// however small the page.
func TestRareTagIsFoundInFewReads(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t))
	var batch []*client.Enqueue
	for range 6000 {
		batch = append(batch, &client.Enqueue{Type: "test.ok"})
	}
	rare := r.post(client.Enqueue{Type: "test.ok", Tags: []string{"rare"}})
	for _, res := range r.engine.EnqueueBatch(t.Context(), batch) {
		if res.Err != nil {
			t.Fatal(res.Err)
		}
	}
	r.redis.ConfigResetStat(t.Context())
	if got := r.list(client.JobFilter{Tag: "rare", Limit: 1}); !slices.Equal(got, []string{rare}) {
		t.Errorf("list = %v", got)
	}
	stats := r.redis.Info(t.Context(), "commandstats").Val()
	var reads int
	_, rest, _ := strings.Cut(stats, "cmdstat_lrange:calls=")
	if _, err := fmt.Sscanf(rest, "%d", &reads); err != nil || reads > 50 {
		t.Errorf("%d reads of the list, %v", reads, err)
	}
}

// Promise: wrong filters are told field by field.
func TestWrongFilters(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t))
	since, many := time.Now(), map[string]string{}
	for n := range 11 {
		many[fmt.Sprint("a", n)] = "1"
	}
	long := strings.Repeat("x", 257)
	for want, all := range map[string][]client.JobFilter{
		"/state": {{State: "x"}}, "/queue": {{Queue: "X"}}, "/type": {{Type: "X"}}, "/tag": {{Tag: "a b"}},
		"/limit": {{Limit: -1}, {Limit: inspect.LimitMax + 1}}, "/cursor": {{Cursor: "x"}},
		"/error":        {{Error: "/(/"}, {Error: long}, {Error: "/(a{1000}){1000}/"}, {Error: "/.*a.{900}b/"}, {Error: "/" + strings.Repeat("(.{1,900}b)|", 20) + "x/"}},
		"/q":            {{Q: "/[/"}, {Q: long}, {Q: "/(?=a)/"}},
		"/fingerprint":  {{Fingerprint: "x"}, {Fingerprint: "0123456789ABCDEF"}, {Fingerprint: "0123456789abcdef", State: "pending"}},
		"/since":        {{Since: &since, Until: &since}},
		"/payload":      {{Payload: many}, {Payload: map[string]string{"a": long}}, {Payload: map[string]string{long: "a"}}},
		"/payload.a..b": {{Payload: map[string]string{"a..b": "1"}}}, "/payload.": {{Payload: map[string]string{"": "1"}}},
		"/payload.a~1b": {{Payload: map[string]string{"a/b": "/+/"}}},
	} {
		for _, f := range all {
			_, err := r.Jobs(t.Context(), f)
			e, ok := errors.AsType[*jobs.Error](err)
			if !ok || e.Code != jobs.CodeInvalidRequest || len(e.Fields) != 1 || e.Fields[0].Pointer != want {
				t.Errorf("%+v: %v", f, err)
			}
		}
	}
}
