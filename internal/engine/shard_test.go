package engine_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/redis/go-redis/v9"

	"legwork/client"
	"legwork/internal/engine"
	"legwork/internal/store"
	"legwork/internal/store/storetest"
	"legwork/jobs"
)

// spread makes the queue have n shards and returns an engine that knows.
func (r *rig) spread(queue string, n int) *engine.Engine {
	r.t.Helper()
	log := slog.New(slog.DiscardHandler)
	shards := store.NewShards(r.redis, log)
	if _, err := shards.Serve(context.Background(), []string{queue}, map[string]int{queue: n}); err != nil {
		r.t.Fatal(err)
	}
	if err := shards.Start(context.Background()); err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = shards.Stop(context.Background()) })
	e := engine.New(engine.Options{Redis: r.redis, Catalog: r.catalog, Shards: shards, Log: log})
	r.t.Cleanup(e.Stop)
	return e
}

func batch(n int, q client.Enqueue) []*client.Enqueue {
	all := make([]*client.Enqueue, n)
	for i := range all {
		all[i] = &q
	}
	return all
}

func accepted(t *testing.T, results []engine.BatchResult) {
	t.Helper()
	for _, r := range results {
		if r.Err != nil {
			t.Fatal(r.Err)
		}
	}
}

// keysOf lists the keys that belong to queues.
func keysOf(t *testing.T, c redis.UniversalClient) []string {
	t.Helper()
	keys, err := c.Keys(t.Context(), "asynq:{*").Result()
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// Promise: a batch is spread evenly over the shards in few calls of the script; the
// scripts' keys are those of one shard each, and jobs of other queues stay as they
// were.
func TestBatchIsSpreadOverShards(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t), noop)
	e := r.spread("default", 8)
	r.redis.ConfigResetStat(t.Context())
	accepted(t, e.EnqueueBatch(t.Context(), batch(800, client.Enqueue{Type: "test.ok"})))
	for _, shard := range store.FirstShards("default", 8) {
		if n := r.redis.LLen(t.Context(), store.KeysOf(shard).Pending()).Val(); n != 100 {
			t.Errorf("shard %s got %d of 800 jobs", shard, n)
		}
	}
	if stats := r.redis.Info(t.Context(), "commandstats").Val(); !strings.Contains(stats, "cmdstat_evalsha:calls=8,") {
		t.Errorf("not 8 calls of the script: %s", stats)
	}
	accepted(t, e.EnqueueBatch(t.Context(), batch(100, client.Enqueue{Type: "test.ok", Queue: "low"})))
	if n := r.redis.LLen(t.Context(), store.KeysOf("low").Pending()).Val(); n != 100 {
		t.Errorf("the queue of one shard got %d of 100 jobs", n)
	}
}

// Promise: a queue of one shard keeps every key that it has without shards.
func TestOneShardChangesNoKey(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t), noop)
	e := r.spread("default", 1)
	for n := range 100 {
		if _, err := e.Enqueue(t.Context(), client.Enqueue{Type: "test.ok", ID: fmt.Sprint("id-", n)}, ""); err != nil {
			t.Fatal(err)
		}
	}
	accepted(t, e.EnqueueBatch(t.Context(), batch(100, client.Enqueue{Type: "test.ok"})))
	for _, key := range keysOf(t, r.redis) {
		if !strings.HasPrefix(key, "asynq:{default}:") {
			t.Errorf("key %s", key)
		}
	}
	if names := r.redis.SMembers(t.Context(), store.KeyQueues).Val(); len(names) != 1 || names[0] != "default" {
		t.Errorf("queues %v", names)
	}
}

// Promise: a chosen id is unique over all shards, also after the queue has grown and
// for processes that do not know yet.
func TestChosenIDsAreUniqueOverShards(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t), noop)
	grown := r.spread("default", 8)
	for n := range 40 {
		q := client.Enqueue{Type: "test.ok", ID: fmt.Sprint("id-", n)}
		var both sync.WaitGroup
		errs := make([]error, 2)
		for i, e := range []*engine.Engine{r.Engine, grown} {
			both.Go(func() { _, errs[i] = e.Enqueue(t.Context(), q, "") })
		}
		both.Wait()
		if (errs[0] == nil) == (errs[1] == nil) {
			t.Fatalf("id %s: %v, %v", q.ID, errs[0], errs[1])
		}
		for _, e := range []*engine.Engine{r.Engine, grown} {
			if _, err := e.Enqueue(t.Context(), q, ""); jobs.CodeOf(err) != jobs.CodeConflict {
				t.Errorf("id %s again: %v", q.ID, err)
			}
		}
	}
}

// Promise: a handler is told the queue's name, not the shard's.
func TestHandlerSeesTheQueue(t *testing.T) {
	t.Parallel()
	queues := make(chan string, 100)
	r := newRig(t, storetest.Redis(t), func(reg *jobs.Registry) {
		jobs.Handle(reg, "test.where", func(ctx context.Context, _ any) (string, error) {
			queues <- jobs.Info(ctx).Queue
			return "", nil
		}, jobs.Options{})
	})
	e := r.spread("default", 4)
	for n := range 20 {
		if _, err := e.Enqueue(t.Context(), client.Enqueue{Type: "test.where", ID: fmt.Sprint("id-", n)}, ""); err != nil {
			t.Fatal(err)
		}
	}
	r.worker(func(o *options) {
		o.Queues = store.ShardWeights(o.Queues, map[string][]string{"default": store.FirstShards("default", 4)}, false)
	})
	for range 20 {
		if q := receive(t, queues); q != "default" {
			t.Errorf("queue %q", q)
		}
	}
}
