package httpapi

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"legwork/client"
	"legwork/jobs"
)

// metricsKept is how long one look at the queues answers scrapes.
const metricsKept = time.Second

// registerMetrics serves /metrics in the formats of Prometheus. It has a registry of
// its own: two servers in one process do not meet.
func (s *server) registerMetrics(e *echo.Echo) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(newGauges(s))
	e.GET("/metrics", echo.WrapHandler(promhttp.HandlerFor(registry, promhttp.HandlerOpts{ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelWarn)})))
}

// gauges tell of the queues as they stand in Redis: every server that is asked says
// the same, so take the maximum over servers and not the sum.
type gauges struct {
	s                       *server
	up, letters, jobs, wait *prometheus.Desc

	mu     sync.Mutex
	looked time.Time      // guarded by mu
	queues []client.Queue // guarded by mu; nil when Redis could not be asked
}

func newGauges(s *server) *gauges {
	queue := []string{"queue"}
	return &gauges{
		s:       s,
		up:      prometheus.NewDesc("legwork_redis_up", "1 when Redis answers, else 0; without it there is nothing else to tell.", nil, nil),
		letters: prometheus.NewDesc("legwork_dead_letters", "Dead letters in the queue.", queue, nil),
		jobs:    prometheus.NewDesc("legwork_jobs", "Jobs in the queue, by state.", []string{"queue", "state"}, nil),
		wait:    prometheus.NewDesc("legwork_oldest_pending_age_seconds", "How long the job that is next in the queue has been pending; 0 when none is.", queue, nil),
	}
}

// Describe implements [prometheus.Collector].
func (g *gauges) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{g.up, g.letters, g.jobs, g.wait} {
		out <- d
	}
}

// Collect implements [prometheus.Collector].
func (g *gauges) Collect(out chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	queues := g.look()
	if queues == nil {
		gauge(g.up, 0)
		return
	}
	gauge(g.up, 1)
	for _, q := range queues {
		name := strings.ToValidUTF8(q.Name, "\ufffd")
		gauge(g.letters, float64(q.States[string(jobs.StateArchived)]), name)
		gauge(g.wait, time.Duration(q.OldestPendingAge).Seconds(), name)
		for _, state := range jobs.States() {
			gauge(g.jobs, float64(q.States[string(state)]), name, string(state))
		}
	}
}

// look reads the queues, at most once a second, however many ask.
func (g *gauges) look() []client.Queue {
	g.mu.Lock()
	defer g.mu.Unlock()
	if time.Since(g.looked) < metricsKept {
		return g.queues
	}
	ctx, cancel := g.s.bounded(context.Background())
	defer cancel()
	queues, err := g.s.Inspector.Queues(ctx, nil)
	if err != nil {
		_ = g.s.fail(ctx, err) // tells the log
		queues = nil
	}
	g.queues, g.looked = queues, time.Now()
	return queues
}
