package cmd

import (
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"

	"legwork/client"
)

// showFailure prints a failure group for people.
func (s *session) showFailure(w io.Writer, g *client.FailureGroup) error {
	queues := make([]string, 0, len(g.Queues))
	for _, name := range slices.Sorted(maps.Keys(g.Queues)) {
		queues = append(queues, fmt.Sprintf("%s %d", name, g.Queues[name]))
	}
	sample := ""
	if g.SampleJob != nil {
		sample = g.SampleJob.ID + " in " + g.SampleJob.Queue
	}
	fields := [][2]string{
		{"fingerprint", clean(g.Fingerprint)},
		{"type", clean(g.Type)},
		{"kind", clean(g.Kind)},
		{"frame", clean(g.Frame)},
		{"state", s.standing(g)},
		{"failures", fmt.Sprint(g.Count)},
		{"dead", fmt.Sprint(g.Dead)},
		{"retrying", fmt.Sprint(g.Retrying)},
		{"first seen", s.moment(&g.FirstSeen)},
		{"last seen", s.moment(&g.LastSeen)},
		{"queues", clean(strings.Join(queues, ", "))},
		{"sample job", clean(sample)},
		{"trend", sparkline(g.Trend)},
	}
	var out strings.Builder
	for _, f := range fields {
		if f[1] != "" {
			fmt.Fprintf(&out, "%-13s%s\n", f[0], f[1])
		}
	}
	block(&out, "message", g.Message)
	block(&out, "last error", g.LastError)
	_, err := io.WriteString(w, out.String())
	return err
}

// standing words the state of a group.
func (s *session) standing(g *client.FailureGroup) string {
	state := clean(g.State)
	if s.env.colour() {
		state = paint(state)
	}
	switch {
	case g.IgnoredUntil != nil:
		return state + " until " + s.moment(g.IgnoredUntil)
	case g.ResolvedAt != nil:
		return state + " since " + s.moment(g.ResolvedAt)
	case g.RegressedAt != nil:
		return fmt.Sprintf("%s since %s, %d failures", state, s.moment(g.RegressedAt), g.CountSince)
	}
	return state
}

// sparklineMax is how many columns a sparkline has at most.
const sparklineMax = 28

// sparkline draws the counts as bars. Of more hours than there are columns, several
// share one.
func sparkline(trend []client.HourCount) string {
	per := (len(trend) + sparklineMax - 1) / sparklineMax
	if per == 0 {
		return ""
	}
	var sums []int64
	for lot := range slices.Chunk(trend, per) {
		var sum int64
		for _, h := range lot {
			sum += max(0, h.Count)
		}
		sums = append(sums, sum)
	}
	return bars(sums)
}

// bars draws the numbers as a row of bars, the highest one full, a dot for none.
func bars(numbers []int64) string {
	top := slices.Max(numbers)
	blocks := []rune("▁▂▃▄▅▆▇█")
	var out strings.Builder
	for _, n := range numbers {
		if n <= 0 {
			out.WriteRune('·')
			continue
		}
		height := int(math.Ceil(float64(n) / float64(top) * float64(len(blocks))))
		out.WriteRune(blocks[max(height, 1)-1])
	}
	return out.String()
}
