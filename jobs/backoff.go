package jobs

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"
)

// Defaults of [Backoff]. With them and [MaxRetriesDefault] a job that always
// fails is tried over about 23 hours: after 5 s, 10 s, 20 s and so on up to 6 h.
const (
	BackoffInitialDefault = 5 * time.Second
	BackoffMaxDefault     = 6 * time.Hour
	BackoffFactorDefault  = 2.0
	BackoffJitterDefault  = 0.2
)

// NoJitter as [Backoff.Jitter] makes delays exact.
const NoJitter = -1.0

// Backoff spaces the attempts of a failing job: the delay before retry n (from
// 1) is Initial * Factor^(n-1), at most Max, less a random share of up to
// Jitter. Subtracting spreads jobs that failed together without ever exceeding
// Max (Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015).
type Backoff struct {
	// Initial is the delay before the first retry, at least a second. Defaults
	// to [BackoffInitialDefault].
	Initial time.Duration
	// Max bounds every delay. Defaults to [BackoffMaxDefault].
	Max time.Duration
	// Factor multiplies the delay from one retry to the next, at least 1.
	// Defaults to [BackoffFactorDefault]; 1 means a constant delay.
	Factor float64
	// Jitter is the share of the delay left to chance, 0 to 1. Defaults to
	// [BackoffJitterDefault]; [NoJitter] means none.
	Jitter float64
}

func (b Backoff) withDefaults() Backoff {
	if b.Initial == 0 {
		b.Initial = BackoffInitialDefault
	}
	if b.Max == 0 {
		b.Max = max(BackoffMaxDefault, b.Initial)
	}
	if b.Factor == 0 {
		b.Factor = BackoffFactorDefault
	}
	switch b.Jitter {
	case 0:
		b.Jitter = BackoffJitterDefault
	case NoJitter:
		b.Jitter = 0
	}
	return b
}

func (b Backoff) check() error {
	switch {
	case b.Initial < time.Second:
		return fmt.Errorf("backoff initial %s: use at least 1s", b.Initial)
	case b.Max < b.Initial:
		return fmt.Errorf("backoff max %s: use at least the initial %s", b.Max, b.Initial)
	case math.IsNaN(b.Factor) || b.Factor < 1:
		return fmt.Errorf("backoff factor %v: use at least 1", b.Factor)
	case math.IsNaN(b.Jitter) || b.Jitter < 0 || b.Jitter > 1:
		return fmt.Errorf("backoff jitter %v: use 0 to 1, or jobs.NoJitter", b.Jitter)
	}
	return nil
}

// Delay returns the wait before the given retry, counted from 1. An unset field
// of b takes its default.
func (b Backoff) Delay(retry int) time.Duration {
	b = b.withDefaults()
	d := float64(b.Initial) * math.Pow(b.Factor, float64(max(0, retry-1)))
	d = min(d, float64(b.Max))
	return time.Duration(d * (1 - b.Jitter*rand.Float64()))
}
