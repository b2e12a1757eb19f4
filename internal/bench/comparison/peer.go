package comparison

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

const (
	jobType = "bench.compare"
	queue   = "bench"
	// payloadSize is the size of every job's payload, in bytes.
	payloadSize = 100
	// callers is how many goroutines hand in jobs where that is to be fast.
	callers = 64
)

// peer is one engine that takes in and runs jobs: Legwork's, or asynq itself.
type peer interface {
	// enqueue hands in one job, to run now or at the given time.
	enqueue(ctx context.Context, at time.Time) error
	// fill hands in many jobs as fast as the engine can.
	fill(ctx context.Context, n int, at time.Time) error
	// start begins to run jobs, once.
	start(ctx context.Context, w work) error
	// stop ends what start began, if anything; twice is once.
	stop(ctx context.Context) error
	// close disconnects a peer that is stopped.
	close() error
}

// work is what a peer is to run.
type work struct {
	concurrency int
	queues      []string
	handle      func(ctx context.Context, due time.Time)
	// due says that handle wants to know when the job was due; without it stock
	// asynq is spared reading payloads, which Legwork always does.
	due bool
}

// openPeer connects the side to the Redis at the URL.
func openPeer(ctx context.Context, url string, s side) (peer, error) {
	if s.stock {
		return openStock(url)
	}
	return openLegwork(ctx, url, s)
}

// payload is what a job carries.
type payload struct {
	Due int64  `json:"due" jsonschema:"minimum=0,description=Unix time in microseconds when the job is to start; 0 for at once"`
	Pad string `json:"pad" jsonschema:"minLength=1"`
}

// newPayload returns the payload, of payloadSize bytes, of a job that is due at
// the time, or at once for the zero time.
func newPayload(at time.Time) json.RawMessage {
	due := int64(0)
	if !at.IsZero() {
		due = at.UnixMicro()
	}
	head := fmt.Sprintf(`{"due":%d,"pad":"`, due)
	return json.RawMessage(head + strings.Repeat("x", payloadSize-len(head)-2) + `"}`)
}

func (p payload) due() time.Time {
	if p.Due == 0 {
		return time.Time{}
	}
	return time.UnixMicro(p.Due)
}
