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
	legwork, barest := startFront(b, frontLegwork, inst.Nodes[0].Addr()), startFront(b, frontBarest, inst.Nodes[0].Addr())
	ours := newPoster(b, legwork.url, "/v1/jobs", oneJob(), connections)
	theirs := newPoster(b, barest.url, "/v1/jobs", oneJob(), connections)
	rounds := compare(b, inst.Client, "barest", posts,
		func() float64 { return ours.post(b, posts, 1) },
		func() float64 { return theirs.post(b, posts, 1) })
	reportCPU(b, "legwork", legwork.end(b), rounds*posts)
	reportCPU(b, "barest", barest.end(b), rounds*posts)
}

// BenchmarkBatchPOST compares the jobs per second of Legwork's batch call, 1,000
// jobs each, every one checked against its schema, with those of 64 goroutines
// that enqueue one by one with a stock asynq client: no HTTP, no checks.
func BenchmarkBatchPOST(b *testing.B) {
	inst := benchRedis(b)
	legwork := startFront(b, frontLegwork, inst.Nodes[0].Addr())
	batch := newPoster(b, legwork.url, "/v1/jobs/batch", manyJobs(batchJobs), batchLoad)
	stock := asynq.NewClient(asynq.RedisClientOpt{Addr: inst.Nodes[0].Addr()})
	b.Cleanup(func() { _ = stock.Close() })
	rounds := compare(b, inst.Client, "stock", batchPosts*batchJobs,
		func() float64 { return batch.post(b, batchPosts, batchJobs) },
		func() float64 { return enqueueStock(b, stock, batchPosts*batchJobs) })
	reportCPU(b, "legwork", legwork.end(b), rounds*batchPosts*batchJobs)
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
// empty database every time, and reports the medians: rates, their ratio, and
// the CPU that Redis took for a job of each side. It returns how many rounds each
// side ran.
func compare(b *testing.B, db redis.UniversalClient, other string, jobs int, legwork, peer func() float64) (rounds int) {
	round := func(side func() float64) (rate, redisCPU float64) {
		if err := db.FlushDB(context.Background()).Err(); err != nil {
			b.Fatal(err)
		}
		before := redisTime(b, db)
		rate = side()
		return rate, micros(redisTime(b, db)-before) / float64(jobs)
	}
	round(legwork)
	round(peer)
	rounds = 1
	for b.Loop() {
		var ours, theirs, ratios, ourRedis, theirRedis []float64
		for i := range pairs {
			var mine, its, myRedis, itsRedis float64
			if i%2 == 0 {
				mine, myRedis = round(legwork)
				its, itsRedis = round(peer)
			} else {
				its, itsRedis = round(peer)
				mine, myRedis = round(legwork)
			}
			ours, theirs, ratios = append(ours, mine), append(theirs, its), append(ratios, mine/its)
			ourRedis, theirRedis = append(ourRedis, myRedis), append(theirRedis, itsRedis)
		}
		rounds += pairs
		b.Logf("legwork %.0f, peer %.0f, ratio %.2f", ours, theirs, ratios)
		b.ReportMetric(Median(ours), "legwork_jobs/s")
		b.ReportMetric(Median(theirs), other+"_jobs/s")
		b.ReportMetric(Median(ratios), "ratio")
		b.ReportMetric(slices.Min(ratios), "ratio_min")
		b.ReportMetric(slices.Max(ratios), "ratio_max")
		b.ReportMetric(Median(ourRedis), "legwork_redis_us/job")
		b.ReportMetric(Median(theirRedis), other+"_redis_us/job")
	}
	b.ReportMetric(0, "ns/op")
	return rounds
}

// redisTime is the CPU time that Redis has taken since its start.
func redisTime(b *testing.B, db redis.UniversalClient) time.Duration {
	info, err := db.Info(context.Background(), "cpu").Result()
	if err != nil {
		b.Fatal(err)
	}
	var total time.Duration
	for _, field := range []string{"used_cpu_sys:", "used_cpu_user:"} {
		_, rest, _ := strings.Cut(info, "\n"+field)
		seconds, _, _ := strings.Cut(rest, "\r")
		d, err := time.ParseDuration(seconds + "s")
		if err != nil {
			b.Fatal(err)
		}
		total += d
	}
	return total
}

// reportCPU reports a front's CPU time per job, its start included.
func reportCPU(b *testing.B, name string, taken time.Duration, jobs int) {
	b.ReportMetric(micros(taken)/float64(jobs), name+"_cpu_us/job")
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

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
