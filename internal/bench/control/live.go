package control

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"legwork/client"
	"legwork/jobs"
)

const (
	liveQueue = "live"
	liveType  = "live.ping"
	// liveEnd is how long the last live jobs may take to start.
	liveEnd = 30 * time.Second
)

// ping is the payload of a live job.
type ping struct {
	Due int64 `json:"due"` // when it was to be sent, Unix nanoseconds
}

// live sends jobs at an even pace, whatever becomes of those before, and takes down
// how long each waited for its handler: from when it was to be sent.
type live struct {
	started chan time.Duration
}

func newLive() *live { return &live{started: make(chan time.Duration, 1024)} }

func (l *live) register(r *jobs.Registry) {
	jobs.Handle(r, liveType, func(_ context.Context, p ping) (struct{}, error) {
		l.started <- time.Since(time.Unix(0, p.Due))
		return struct{}{}, nil
	}, jobs.Options{Queue: liveQueue})
}

// during sends jobs while do runs, and returns how long each took to start.
func (l *live) during(ctx context.Context, api *client.Client, rate int, do func(context.Context) error) ([]time.Duration, error) {
	stop := make(chan struct{})
	var sent int
	var sendErr error
	var traffic sync.WaitGroup
	traffic.Go(func() { sent, sendErr = send(ctx, api, rate, stop) })
	var waits []time.Duration
	finished := make(chan error, 1)
	go func() { finished <- do(ctx) }()
	for {
		select {
		case w := <-l.started:
			waits = append(waits, w)
			continue
		case err := <-finished:
			close(stop)
			if err != nil {
				traffic.Wait()
				return nil, err
			}
		}
		break
	}
	traffic.Wait()
	if sendErr != nil {
		return nil, wrap("send live jobs", sendErr)
	}
	over := time.After(liveEnd)
	for len(waits) < sent {
		select {
		case w := <-l.started:
			waits = append(waits, w)
		case <-over:
			return nil, fmt.Errorf("%d of %d live jobs have run", len(waits), sent)
		}
	}
	return waits, nil
}

// send hands in jobs until stop is closed, each on time, and returns their number
// when all have been answered.
func send(ctx context.Context, api *client.Client, rate int, stop <-chan struct{}) (int, error) {
	var calls sync.WaitGroup
	defer calls.Wait()
	failed := make(chan error, 1)
	pace := time.Second / time.Duration(rate)
	began := time.Now()
	for n := 0; ; n++ {
		due := began.Add(time.Duration(n) * pace)
		select {
		case <-time.After(time.Until(due)):
		case <-stop:
			calls.Wait()
			select {
			case err := <-failed:
				return n, err
			default:
				return n, nil
			}
		case err := <-failed:
			return n, err
		case <-ctx.Done():
			return n, context.Cause(ctx)
		}
		calls.Go(func() {
			payload, err := json.Marshal(ping{Due: due.UnixNano()})
			if err == nil {
				_, err = api.Enqueue(ctx, client.Enqueue{Type: liveType, Payload: payload})
			}
			if err != nil {
				select {
				case failed <- err:
				default:
				}
			}
		})
	}
}
