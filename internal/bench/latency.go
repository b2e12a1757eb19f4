package bench

import (
	"slices"
	"time"
)

// Latency is the spread of a duration, in milliseconds: half, 95 % and 99 % of
// the values are at most this.
type Latency struct {
	P50 float64 `json:"p50"`
	P95 float64 `json:"p95"`
	P99 float64 `json:"p99"`
}

// LatencyOf returns the spread of the values.
func LatencyOf(values []time.Duration) Latency {
	sorted := slices.Sorted(slices.Values(values))
	return Latency{P50: percentile(sorted, 50), P95: percentile(sorted, 95), P99: percentile(sorted, 99)}
}

// percentile is the smallest of the sorted values that p percent of them do not
// exceed (the nearest-rank method), in milliseconds; 0 when there are none.
func percentile(sorted []time.Duration, p int) float64 {
	if len(sorted) == 0 {
		return 0
	}
	rank := (len(sorted)*p + 99) / 100
	return float64(sorted[max(rank, 1)-1].Microseconds()) / 1000
}
