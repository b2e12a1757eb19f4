package engine_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"legwork/client"
	"legwork/internal/store"
	"legwork/internal/store/storetest"
	"legwork/jobs"
)

// BenchmarkShards enqueues b.N jobs in batches of 1,000 from four callers and then
// drains them with one pool, over 1 and 8 shards, on a Cluster of three nodes and on
// a single Redis. It also reports the CPU time per job of the busiest node, which is
// what bounds a queue where nodes have processors of their own, and of all nodes.
// Run it with -benchtime 50000x.
func BenchmarkShards(b *testing.B) {
	for _, kind := range []struct {
		name  string
		start func(testing.TB) storetest.Instance
	}{{"cluster", storetest.Cluster}, {"redis", storetest.Redis}} {
		for _, n := range []int{1, 8} {
			b.Run(fmt.Sprintf("%s/%d", kind.name, n), func(b *testing.B) { benchmarkShards(b, kind.start(b), n) })
		}
	}
}

func benchmarkShards(b *testing.B, inst storetest.Instance, n int) {
	var left atomic.Int64
	left.Store(int64(b.N))
	drained := make(chan struct{})
	r := newRig(b, inst, func(reg *jobs.Registry) {
		jobs.Handle(reg, "test.ok", func(context.Context, struct{}) (struct{}, error) {
			if left.Add(-1) == 0 {
				close(drained)
			}
			return struct{}{}, nil
		}, jobs.Options{Retention: jobs.NoRetention})
	})
	e := r.spread("default", n)
	const callers, most = 4, 1000
	before := cpuOf(b, inst)
	b.ResetTimer()
	began := time.Now()
	var wg sync.WaitGroup
	for c := range callers {
		wg.Go(func() {
			for todo := (b.N + c) / callers; todo > 0; todo -= most {
				for _, res := range e.EnqueueBatch(context.Background(), batch(min(todo, most), client.Enqueue{Type: "test.ok"})) {
					if res.Err != nil {
						b.Error(res.Err)
						return
					}
				}
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(b.N)/time.Since(began).Seconds(), "enqueued/s")
	began = time.Now()
	r.worker(func(o *options) {
		o.Concurrency = 100
		o.Queues = store.ShardWeights(o.Queues, map[string][]string{"default": store.FirstShards("default", n)}, false)
	})
	select {
	case <-drained:
	case <-time.After(time.Minute):
		b.Fatalf("%d jobs left", left.Load())
	}
	b.ReportMetric(float64(b.N)/time.Since(began).Seconds(), "drained/s")
	busiest, all := time.Duration(0), time.Duration(0)
	for i, used := range cpuOf(b, inst) {
		busiest, all = max(busiest, used-before[i]), all+used-before[i]
	}
	b.ReportMetric(float64(busiest.Nanoseconds())/float64(b.N), "busiest-ns/job")
	b.ReportMetric(float64(all.Nanoseconds())/float64(b.N), "redis-ns/job")
}

// cpuOf returns the CPU time that each node has used so far.
func cpuOf(b *testing.B, inst storetest.Instance) []time.Duration {
	b.Helper()
	var out []time.Duration
	for _, node := range inst.Nodes {
		url := "unix://" + node.Addr()
		if len(inst.Nodes) > 1 {
			url = "redis://" + node.Addr()
		}
		c, err := store.Open(store.Options{URL: url})
		if err != nil {
			b.Fatal(err)
		}
		used, err := store.ReadCPU(context.Background(), c)
		if err != nil {
			b.Fatal(err)
		}
		_ = c.Close()
		out = append(out, used)
	}
	return out
}
