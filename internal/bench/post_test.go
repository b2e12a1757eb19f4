package bench

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"legwork/internal/store/storetest"
)

const (
	pairs       = 7      // interleaved rounds of each side
	connections = 64     // of the HTTP load, and goroutines of the stock client
	posts       = 20_000 // jobs of a round, one by one
	batchJobs   = 1000
	batchPosts  = 60 // batches of a round
	batchLoad   = 4  // connections that send batches
)

// BenchmarkOneJobPOST compares Legwork's API with the barest honest front (see
// serveBarest), one job per POST: two processes over one Redis, loaded in turn
// by the same 64 connections. The metric ratio is the median over the rounds of
// Legwork's rate to the barest front's right beside it; ratio_min and ratio_max
// are the least and the greatest.
func BenchmarkOneJobPOST(b *testing.B) {
	inst := benchRedis(b)
	legwork := newPoster(b, startFront(b, frontLegwork, inst.Nodes[0].Addr()), "/v1/jobs", oneJob(), connections)
	barest := newPoster(b, startFront(b, frontBarest, inst.Nodes[0].Addr()), "/v1/jobs", oneJob(), connections)
	compare(b, inst.Client, "barest_jobs/s",
		func() float64 { return legwork.post(b, posts, 1) },
		func() float64 { return barest.post(b, posts, 1) })
}

// BenchmarkBatchPOST compares the jobs per second of Legwork's batch call, 1,000
// jobs each, every one checked against its schema, with those of 64 goroutines
// that enqueue one by one with a stock asynq client: no HTTP, no checks.
func BenchmarkBatchPOST(b *testing.B) {
	inst := benchRedis(b)
	batch := newPoster(b, startFront(b, frontLegwork, inst.Nodes[0].Addr()), "/v1/jobs/batch", manyJobs(batchJobs), batchLoad)
	stock := asynq.NewClient(asynq.RedisClientOpt{Addr: inst.Nodes[0].Addr()})
	b.Cleanup(func() { _ = stock.Close() })
	compare(b, inst.Client, "stock_jobs/s",
		func() float64 { return batch.post(b, batchPosts, batchJobs) },
		func() float64 { return enqueueStock(b, stock, batchPosts*batchJobs) })
}

func benchRedis(b *testing.B) storetest.Instance {
	return storetest.RedisWith(b, storetest.Options{
		TCP: true, Args: []string{"--appendonly", "yes", "--appendfsync", "everysec", "--auto-aof-rewrite-percentage", "0"},
	})
}

func oneJob() []byte { return []byte(`{"type":"order.place","payload":` + orderPayload() + `}`) }

func manyJobs(n int) []byte {
	one := string(oneJob())
	return []byte(`{"jobs":[` + strings.Repeat(one+",", n-1) + one + `]}`)
}

// compare runs both sides in turn, each going first every other time, in an
// empty database every time, and reports the medians.
func compare(b *testing.B, db redis.UniversalClient, other string, legwork, peer func() float64) {
	round := func(side func() float64) float64 {
		if err := db.FlushDB(context.Background()).Err(); err != nil {
			b.Fatal(err)
		}
		return side()
	}
	round(legwork)
	round(peer)
	for b.Loop() {
		var ours, theirs, ratios []float64
		for i := range pairs {
			var mine, its float64
			if i%2 == 0 {
				mine, its = round(legwork), round(peer)
			} else {
				its, mine = round(peer), round(legwork)
			}
			ours, theirs, ratios = append(ours, mine), append(theirs, its), append(ratios, mine/its)
		}
		b.Logf("legwork %.0f, peer %.0f, ratio %.2f", ours, theirs, ratios)
		b.ReportMetric(Median(ours), "legwork_jobs/s")
		b.ReportMetric(Median(theirs), other)
		b.ReportMetric(Median(ratios), "ratio")
		b.ReportMetric(slices.Min(ratios), "ratio_min")
		b.ReportMetric(slices.Max(ratios), "ratio_max")
	}
	b.ReportMetric(0, "ns/op")
}

// poster sends one request over and over, on a number of connections.
type poster struct {
	request []byte
	wires   []*wire
}

func newPoster(b *testing.B, u *url.URL, path string, body []byte, connections int) *poster {
	p := &poster{request: request(u, path, "", body)}
	for range connections {
		w, err := dial(context.Background(), u)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(w.close)
		p.wires = append(p.wires, w)
	}
	return p
}

// post sends n requests of so many jobs each and returns jobs per second.
func (p *poster) post(b *testing.B, n, jobs int) float64 {
	var left atomic.Int64
	left.Store(int64(n))
	var wg sync.WaitGroup
	began := time.Now()
	for _, w := range p.wires {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				status, body, err := w.exchange(p.request)
				good := status == http.StatusAccepted ||
					status == http.StatusOK && bytes.HasPrefix(body, fmt.Appendf(nil, `{"enqueued":%d,`, jobs))
				if err != nil || !good {
					b.Errorf("status %d, %v: %.200s", status, err, body)
					return
				}
			}
		})
	}
	wg.Wait()
	return float64(n*jobs) / time.Since(began).Seconds()
}

func enqueueStock(b *testing.B, c *asynq.Client, n int) float64 {
	payload := []byte(orderPayload())
	var left atomic.Int64
	left.Store(int64(n))
	var wg sync.WaitGroup
	began := time.Now()
	for range connections {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				if _, err := c.EnqueueContext(context.Background(), asynq.NewTask("order.place", payload)); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	return float64(n) / time.Since(began).Seconds()
}
