package engine

import (
	"context"
	"time"
)

// every calls fn after each interval until ctx ends. A call that takes longer
// than the interval puts the next one off.
func every(ctx context.Context, interval time.Duration, fn func()) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			fn()
		}
	}
}
