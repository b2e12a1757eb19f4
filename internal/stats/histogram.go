package stats

import (
	"math"
	"math/bits"
	"time"
)

const (
	// ShortestTime is the upper bound of the first bucket: shorter times count as
	// this long.
	ShortestTime = 100 * time.Microsecond
	// Buckets is the number of buckets of a [Histogram]. The last one begins after
	// more than two years.
	Buckets = 160
	// perOctave is how many buckets it takes for the bounds to double.
	perOctave = 4
	// quarter is 2^(1/4), the ratio of a bucket's bounds.
	quarter = 1.189207115002721066717499970560475915
)

// ErrorMax is by what factor a quantile may be off: half a bucket, 2^(1/8). A time
// that is told as 100 ms was between 91.7 and 109.1 ms.
const ErrorMax = 1.0906

// Histogram counts times in buckets that grow by a fourth of an octave, 19 %, each.
type Histogram [Buckets]int64

// Bucket returns the bucket that the time falls into.
func Bucket(d time.Duration) int {
	if d <= ShortestTime {
		return 0
	}
	octave := bits.Len64(uint64(d-1)/uint64(ShortestTime)) - 1
	bucket := perOctave*octave + 1
	part := float64(d) / float64(ShortestTime<<octave) // over 1, up to 2
	for _, bound := range [...]float64{quarter, math.Sqrt2, math.Sqrt2 * quarter} {
		if part > bound {
			bucket++
		}
	}
	return min(bucket, Buckets-1)
}

// Middle is the time that stands for all of the bucket: the geometric middle of
// its bounds.
func Middle(bucket int) time.Duration {
	if bucket <= 0 {
		return ShortestTime
	}
	return time.Duration(float64(ShortestTime) * math.Exp2((float64(bucket)-0.5)/perOctave))
}

// Merge adds the counts of another histogram.
func (h *Histogram) Merge(other *Histogram) {
	for i, n := range other {
		h[i] += n
	}
}

// Count is the number of times in the histogram.
func (h *Histogram) Count() int64 {
	var total int64
	for _, n := range h {
		total += n
	}
	return total
}

// Quantile returns the time below which, or at which, lies the share q of all times,
// by nearest rank, within [ErrorMax]. False: there are none.
func (h *Histogram) Quantile(q float64) (time.Duration, bool) {
	total := h.Count()
	if total == 0 {
		return 0, false
	}
	rank := max(1, int64(math.Ceil(q*float64(total))))
	for i, n := range h {
		if rank -= n; rank <= 0 {
			return Middle(i), true
		}
	}
	return Middle(Buckets - 1), true
}
