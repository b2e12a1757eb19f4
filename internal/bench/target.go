package bench

import (
	"context"
	"fmt"

	"legwork/client"
)

// Target is what is measured: a running [Server] or an [Engine] in this process.
type Target interface {
	// About says for people what the figures are of.
	About() string
	// Mode is "http" or "engine".
	Mode() string

	// check says why the target cannot be measured with the options, or is nil.
	check(ctx context.Context, o Options) error
	// senders returns one sender per connection; each hands in per jobs at a
	// time. close gives the connections up.
	senders(ctx context.Context, o Options, per int) (all []sender, closeAll func(), err error)
	// probe hands in one job and returns how it went once its result is known.
	probe(ctx context.Context, o Options) (sample, error)
	// queue reads how full the queue is.
	queue(ctx context.Context, name string) (*client.Queue, error)
}

// sender hands in jobs on one connection and returns when they are accepted.
type sender func() error

// job is the job that a target hands in.
func job(o Options) client.Enqueue {
	return client.Enqueue{Type: Type, Queue: o.Queue, Payload: padded(o.Payload)}
}

// checkQueue refuses a queue that would spoil the figures, or be spoilt.
func checkQueue(q *client.Queue) error {
	if q.Paused {
		return fmt.Errorf("queue %s is paused: resume it, or choose another with --queue", q.Name)
	}
	if n := q.States["pending"] + q.States["active"]; n > 0 {
		return fmt.Errorf("queue %s is at work, %d jobs wait or run: measure when it is idle, or choose another with --queue that a worker serves", q.Name, n)
	}
	return nil
}
