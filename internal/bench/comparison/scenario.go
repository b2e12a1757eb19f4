package comparison

import (
	"context"
	"time"
)

// Names of the usual sides.
const (
	sideLegwork = "Legwork"
	sideStock   = "asynq"
)

// scenario is one thing to measure, on several sides.
type scenario struct {
	name  string
	about string // what its figures are of, for people
	sides []side
	// fill prepares the emptied database of a half round; nil when it is to stay
	// empty. It is not measured, and runs in the parent.
	fill func(ctx context.Context, p peer, h half) error
	// measure is the half round itself, in the child.
	measure func(ctx context.Context, p peer, h half) (measures, error)
	metrics []metric
}

// side is one of those that a scenario compares.
type side struct {
	name        string
	stock       bool // asynq itself rather than Legwork's engine
	peer        bool // Legwork's figures are compared with the best of such sides
	concurrency int
	retain      bool // Legwork keeps completed jobs for its default time
	uncounted   bool // Legwork keeps no statistics
}

// measures are what a half round came to, by the names of the metrics.
type measures map[string]float64

// metric says how to report a measure.
type metric struct {
	name, unit string
	lower      bool // less is better
	compare    bool // report the ratio of Legwork to the best of its peers
	promise    *promise
}

// promise is the bound that a median is to keep.
type promise struct {
	ratio  bool // of the ratio rather than of Legwork's own figure
	most   bool // the bound is the greatest allowed rather than the least
	always bool // every round is to keep it, not the median alone
	bound  float64
}

// half is the half round under way, as scenarios see it.
type half struct {
	side  side
	scale float64
	redis *probe
}

// count scales a number of jobs; the least is 1.
func (h half) count(n int) int { return max(1, int(float64(n)*h.scale)) }

// span scales the length of an observation; the least is 100 ms.
func (h half) span(d time.Duration) time.Duration {
	return max(100*time.Millisecond, time.Duration(float64(d)*h.scale))
}

// scenarios returns all of them.
func scenarios() []scenario {
	return []scenario{drain(), enqueue(), pickup(), idle(), lateness(), due(), stop(), memory(), sleeping(), counting()}
}
