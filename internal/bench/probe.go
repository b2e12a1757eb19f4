package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"legwork/client"
)

// probeWait is how long a probe may take before it counts as lost.
const probeWait = 20 * time.Second

// sample is the way of one probe.
type sample struct {
	pickUp   time.Duration // accepted until the handler began
	endToEnd time.Duration // handed in until the result was known
}

// probes runs o.Probes jobs one after the other.
func probes(ctx context.Context, t Target, o Options) (pickUp, endToEnd []time.Duration, err error) {
	for n := range o.Probes {
		s, err := t.probe(ctx, o)
		if err != nil {
			return nil, nil, fmt.Errorf("probe %d of %d: %w", n+1, o.Probes, err)
		}
		pickUp, endToEnd = append(pickUp, s.pickUp), append(endToEnd, s.endToEnd)
	}
	return pickUp, endToEnd, nil
}

// newSample reads a probe's end. The job's creation is told by the clock of the
// API, the start by that of the worker.
func newSample(j *client.Job, took time.Duration) (sample, error) {
	switch {
	case !j.Final():
		return sample{}, fmt.Errorf("the job is still %s after %s: does a worker serve queue %s?", j.State, probeWait, j.Queue)
	case j.State != "completed":
		return sample{}, fmt.Errorf("the job is %s: %s", j.State, j.LastError)
	}
	var r result
	if err := json.Unmarshal(j.Result, &r); err != nil || r.StartedAt == 0 {
		return sample{}, fmt.Errorf("the job's result is not that of %s; another handler has that name", Type)
	}
	return sample{pickUp: time.Unix(0, r.StartedAt).Sub(j.CreatedAt), endToEnd: took}, nil
}
