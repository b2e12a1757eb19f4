package comparison

import (
	"context"
	"time"

	"legwork/internal/store"
)

// usage is CPU time used so far.
type usage struct {
	redis, process time.Duration
}

func (h half) usage(ctx context.Context) (u usage, err error) {
	if u.redis, err = store.ReadCPU(ctx, h.redis.redis); err != nil {
		return u, err
	}
	u.process, err = processCPU()
	return u, err
}

// perJob adds to m what n jobs have cost since u, in microseconds each.
func (h half) perJob(ctx context.Context, m measures, u usage, n int) error {
	now, err := h.usage(ctx)
	if err != nil {
		return err
	}
	m["redis_cpu"] = micros(now.redis-u.redis) / float64(n)
	m["go_cpu"] = micros(now.process-u.process) / float64(n)
	return nil
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
