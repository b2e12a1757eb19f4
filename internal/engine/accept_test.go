package engine_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"legwork/client"
	"legwork/internal/store"
	"legwork/internal/store/storetest"
	"legwork/jobs"
)

func redisZ(score float64, member string) redis.Z { return redis.Z{Score: score, Member: member} }

// Everything wrong with a request is told at once, by pointer, and nothing of it
// is stored.
func TestRefusals(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	type in struct {
		N int `json:"n,omitempty" jsonschema:"minimum=1"`
	}
	r := newRig(t, inst, func(reg *jobs.Registry) {
		jobs.Handle(reg, "image.thumbnail", func(context.Context, in) (struct{}, error) { return struct{}{}, nil }, jobs.Options{})
	})
	many := map[string]string{}
	for i := range 33 {
		many[fmt.Sprint("h", i)] = ""
	}
	now := time.Now()
	for name, c := range map[string]struct {
		job  client.Enqueue
		code jobs.Code
		at   []string
	}{
		"no type":           {client.Enqueue{Type: ""}, jobs.CodeInvalidRequest, []string{"/type"}},
		"type name":         {client.Enqueue{Type: "A B"}, jobs.CodeInvalidRequest, []string{"/type"}},
		"unknown type":      {client.Enqueue{Type: "image.thumbnial"}, jobs.CodeUnknownType, []string{"/type"}},
		"payload":           {client.Enqueue{Payload: json.RawMessage(`{"n":0,"x":1}`)}, jobs.CodeInvalidPayload, []string{"/payload/n", "/payload/x"}},
		"payload not json":  {client.Enqueue{Payload: json.RawMessage(`{`)}, jobs.CodeInvalidPayload, []string{"/payload"}},
		"payload too large": {client.Enqueue{Payload: json.RawMessage(`"` + strings.Repeat("x", 300<<10) + `"`)}, jobs.CodeTooLarge, []string{"/payload"}},
		"names":             {client.Enqueue{Queue: "Q!", ID: "a b"}, jobs.CodeInvalidRequest, []string{"/queue", "/id"}},
		"braces in an id":   {client.Enqueue{ID: "{x}"}, jobs.CodeInvalidRequest, []string{"/id"}},
		"both times":        {client.Enqueue{RunAt: &now, Delay: ptr(client.Duration(1))}, jobs.CodeInvalidRequest, []string{"/delay"}},
		"far past":          {client.Enqueue{RunAt: ptr(now.Add(-25 * time.Hour))}, jobs.CodeInvalidRequest, []string{"/run_at"}},
		"beyond 10 years":   {client.Enqueue{RunAt: ptr(now.AddDate(11, 0, 0))}, jobs.CodeInvalidRequest, []string{"/run_at"}},
		"negative delay":    {client.Enqueue{Delay: ptr(client.Duration(-1))}, jobs.CodeInvalidRequest, []string{"/delay"}},
		"endless delay":     {client.Enqueue{Delay: ptr(client.Duration(1<<63 - 1))}, jobs.CodeInvalidRequest, []string{"/delay"}},
		"negative timeout":  {client.Enqueue{Timeout: ptr(client.Duration(-time.Second))}, jobs.CodeInvalidRequest, []string{"/timeout"}},
		"short timeout":     {client.Enqueue{Timeout: ptr(client.Duration(999 * time.Millisecond))}, jobs.CodeInvalidRequest, []string{"/timeout"}},
		"deadline passed":   {client.Enqueue{Deadline: &now}, jobs.CodeInvalidRequest, []string{"/deadline"}},
		"deadline too soon": {client.Enqueue{Deadline: ptr(now.Add(time.Minute)), Delay: ptr(client.Duration(time.Hour))}, jobs.CodeInvalidRequest, []string{"/deadline"}},
		"retries":           {client.Enqueue{MaxRetries: ptr(-1)}, jobs.CodeInvalidRequest, []string{"/max_retries"}},
		"retention":         {client.Enqueue{Retention: ptr(client.Duration(-1))}, jobs.CodeInvalidRequest, []string{"/retention"}},
		"header names":      {client.Enqueue{Headers: map[string]string{"Legwork": "", "a b": "", "x/y": "\n"}}, jobs.CodeInvalidRequest, []string{"/headers/Legwork", "/headers/a b", "/headers/x~1y"}},
		"many headers":      {client.Enqueue{Headers: many}, jobs.CodeInvalidRequest, []string{"/headers"}},
		"tags":              {client.Enqueue{Tags: []string{"ok", "a,b", ""}}, jobs.CodeInvalidRequest, []string{"/tags/1", "/tags/2"}},
	} {
		t.Run(name, func(t *testing.T) {
			if c.job.Type == "" && name != "no type" {
				c.job.Type = "image.thumbnail"
			}
			_, err := r.Enqueue(t.Context(), c.job, "")
			e, ok := err.(*jobs.Error) //nolint:errorlint // the documented type
			if !ok || e.Code != c.code {
				t.Fatalf("error = %v, want code %s", err, c.code)
			}
			var at []string
			for _, f := range e.Fields {
				at = append(at, f.Pointer)
			}
			if diff := cmp.Diff(c.at, at); diff != "" {
				t.Errorf("pointers (want, got):\n%s", diff)
			}
			if name == "unknown type" && !strings.Contains(err.Error(), `"image.thumbnail"`) {
				t.Errorf("error = %v, want the nearest type in it", err)
			}
		})
	}
	if qs, err := r.inspect.Queues(t.Context(), nil); err != nil || len(qs) != 0 {
		t.Errorf("queues = %v, %v: a refused job left something", qs, err)
	}
}

// An id belongs to one job over all queues, whoever comes first and however
// many try at once; a batch is no way around it.
func TestChosenIDsAreUniqueOverAllQueues(t *testing.T) {
	t.Parallel()
	storetest.All(t, func(t *testing.T, inst storetest.Instance) {
		r := newRig(t, inst, noop)
		r.post(client.Enqueue{Type: "test.ok", ID: "seed", Queue: "q0"})
		const callers = 20
		var wg sync.WaitGroup
		won := make(chan int, callers)
		for i := range callers {
			wg.Go(func() {
				queue := fmt.Sprint("q", i%4)
				_, err := r.Enqueue(t.Context(), client.Enqueue{Type: "test.ok", ID: "order-1", Queue: queue}, "")
				switch jobs.CodeOf(err) {
				case jobs.CodeConflict:
				default:
					if err != nil {
						t.Error(err)
					}
					won <- i
				}
			})
		}
		wg.Wait()
		if len(won) != 1 {
			t.Errorf("%d callers won the id, want 1", len(won))
		}
		results := r.EnqueueBatch(t.Context(), []*client.Enqueue{
			{Type: "test.ok", ID: "seed", Queue: "q3"}, {Type: "test.ok", ID: "twin"}, {Type: "test.ok", ID: "twin", Queue: "q2"}, {Type: "test.ok"},
		})
		var codes []string
		for _, res := range results {
			code := ""
			if res.Err != nil {
				code = string(jobs.CodeOf(res.Err))
			}
			codes = append(codes, code)
		}
		if want := []string{"conflict", "", "conflict", ""}; !slices.Equal(codes, want) {
			t.Errorf("batch = %q, want %q", codes, want)
		}
	})
}

// A bad item in the middle of a batch does not touch its neighbours, and the
// order of the results is that of the items.
func TestBatchItemsAreJudgedAlone(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t), noop)
	batch := make([]*client.Enqueue, 2500)
	for i := range batch {
		batch[i] = &client.Enqueue{Type: "test.ok", Queue: fmt.Sprint("q", i%3)}
	}
	batch[1200].Type = "nonsense"
	batch[1300] = nil
	results := r.EnqueueBatch(t.Context(), batch)
	seen := map[string]bool{}
	for i, res := range results {
		switch {
		case i == 1200 && jobs.CodeOf(res.Err) != jobs.CodeUnknownType:
			t.Errorf("bad item: %v", res.Err)
		case i == 1300 && (res.Receipt != nil || res.Err != nil):
			t.Errorf("passed over item: %+v", res)
		case i != 1200 && i != 1300:
			if res.Err != nil || res.Receipt.Message.Queue != batch[i].Queue {
				t.Fatalf("item %d: %+v", i, res)
			}
			seen[res.Receipt.Message.ID] = true
		}
	}
	if len(seen) != 2498 {
		t.Errorf("%d ids, want 2498 different ones", len(seen))
	}
}

// Jobs that arrive at the same time share writes and all arrive.
func TestSinglesShareWrites(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	r := newRig(t, inst, noop)
	r.post(client.Enqueue{Type: "test.ok"})
	before := calls(t, inst, "evalsha")
	const callers, each = 64, 20
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			for range each {
				if _, err := r.Enqueue(t.Context(), client.Enqueue{Type: "test.ok"}, ""); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if n := inst.Client.LLen(t.Context(), "asynq:{default}:pending").Val(); n != callers*each+1 {
		t.Errorf("%d pending jobs, want %d", n, callers*each+1)
	}
	if n := calls(t, inst, "evalsha") - before; n >= callers*each/2 {
		t.Errorf("%d script calls for %d jobs: nothing was merged", n, callers*each)
	}
}

func calls(t *testing.T, inst storetest.Instance, command string) int {
	t.Helper()
	info := inst.Client.Info(t.Context(), "commandstats").Val()
	_, rest, _ := strings.Cut(info, "cmdstat_"+command+":calls=")
	var n int
	_, _ = fmt.Sscanf(rest, "%d", &n)
	return n
}

// A heavier queue is served more; with strict priority it is emptied first.
func TestQueuePriorities(t *testing.T) {
	t.Parallel()
	for _, strict := range []bool{false, true} {
		t.Run(fmt.Sprint("strict ", strict), func(t *testing.T) {
			t.Parallel()
			order := make(chan string, 400)
			r := newRig(t, storetest.Redis(t), func(reg *jobs.Registry) {
				jobs.Handle(reg, "test.note", func(ctx context.Context, _ struct{}) (struct{}, error) {
					order <- jobs.Info(ctx).Queue
					return struct{}{}, nil
				}, jobs.Options{})
			})
			for range 200 {
				r.post(client.Enqueue{Type: "test.note", Queue: "high"})
				r.post(client.Enqueue{Type: "test.note", Queue: "low"})
			}
			r.worker(func(o *options) {
				o.Queues, o.StrictPriority, o.Concurrency = map[string]int{"high": 9, "low": 1}, strict, 1
			})
			low := 0
			for range 200 {
				if receive(t, order) == "low" {
					low++
				}
			}
			if strict && low != 0 || !strict && (low < 2 || low > 60) {
				t.Errorf("%d of the first 200 jobs came from the light queue", low)
			}
		})
	}
}

// With strict priority no job of a lighter queue passes those of a heavier one that were
// taken ahead and are on their way back to Redis.
func TestStrictPriorityWhileJobsGoBack(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	proxy, far := proxied(t, inst, store.Options{})
	const total = 300
	order := make(chan string, total+1)
	var runs atomic.Int64
	r := newRig(t, inst, func(reg *jobs.Registry) {
		jobs.Handle(reg, "test.note", func(ctx context.Context, _ struct{}) (struct{}, error) {
			order <- jobs.Info(ctx).Queue
			if runs.Add(1) == total-20 { // the others have been taken ahead, and go back while this one runs
				proxy.Latency(100 * time.Millisecond)
				time.AfterFunc(time.Second, func() { proxy.Latency(0) })
				time.Sleep(100 * time.Millisecond)
			}
			return struct{}{}, nil
		}, jobs.Options{})
	})
	for range total {
		r.post(client.Enqueue{Type: "test.note", Queue: "high"})
	}
	r.post(client.Enqueue{Type: "test.note", Queue: "low"})
	r.worker(func(o *options) {
		o.Redis, o.Queues, o.StrictPriority, o.Concurrency = far, map[string]int{"high": 9, "low": 1}, true, 1
	})
	for n := range total {
		if q := receive(t, order); q != "high" {
			t.Fatalf("job %d came from the queue %s", n+1, q)
		}
	}
}
