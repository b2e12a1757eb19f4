package engine

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/redis/go-redis/v9"

	"legwork/client"
	"legwork/internal/store"
	"legwork/jobs"
)

// errStopped is the cause of refusals after [Engine.Stop].
var errStopped = errors.New("the engine has stopped")

// Options configures an [Engine].
type Options struct {
	// Redis is where jobs are kept. Required; the engine does not close it.
	Redis redis.UniversalClient
	// Catalog knows the job types. Required.
	Catalog *Catalog
	// Shards knows over how many shards queues are spread. Defaults to nil: each
	// queue is one.
	Shards *store.Shards
	// Limits bounds payloads and batches; zero fields take their defaults.
	Limits Limits
	// RequestTimeout bounds one call to Redis. Defaults to RequestTimeoutDefault.
	RequestTimeout time.Duration
	// FullAt is the share of Redis' maxmemory, in percent, from which on new jobs
	// are refused as unavailable. Defaults to FullAtDefault; negative never refuses.
	FullAt int
	// Tally counts the jobs that are stored; the engine neither starts nor stops it.
	// Defaults to nil: nothing is counted.
	Tally *Tally
	// Log receives warnings. Defaults to slog.Default().
	Log *slog.Logger
}

// Engine is the one way in for jobs. It is safe for concurrent use.
type Engine struct {
	catalog  *Catalog
	limits   Limits
	timeout  time.Duration
	writer   *writer
	claims   claims
	spread   *spread
	singles  *coalescer[*entry]
	fullness *fullness
	tally    *Tally
	log      *slog.Logger
}

// Receipt is the proof that a job was accepted.
type Receipt struct {
	Message *store.Message
	Meta    store.Meta // of the message
	State   jobs.State
	Due     time.Time // when a scheduled job may start; zero for a pending one
}

// New returns a running engine. Stop it to end its goroutines.
func New(o Options) *Engine {
	if o.RequestTimeout <= 0 {
		o.RequestTimeout = RequestTimeoutDefault
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.FullAt == 0 {
		o.FullAt = FullAtDefault
	}
	w := newWriter(o.Redis)
	e := &Engine{
		catalog: o.Catalog, limits: o.Limits.withDefaults(), timeout: o.RequestTimeout, log: o.Log,
		writer: w, claims: claims{o.Redis}, spread: &spread{shards: o.Shards}, singles: newCoalescer(w.write, o.RequestTimeout),
		fullness: newFullness(o.Redis, o.FullAt, o.Log), tally: o.Tally,
	}
	e.singles.start(coalesceWrites)
	e.fullness.start()
	return e
}

// Stop lets the write under way finish and refuses further jobs.
func (e *Engine) Stop() {
	e.singles.close()
	e.fullness.stop()
}

// Enqueue checks one job and stores it. When it returns nil the job is in Redis
// and will run at least once. The error is a *[jobs.Error]: unknown_type,
// invalid_request, invalid_payload, too_large, conflict or unavailable, the last
// also while Redis is nearly full.
//
// A waiter is the id of a process to tell when the job has ended, or "".
func (e *Engine) Enqueue(ctx context.Context, r client.Enqueue, waiter string) (*Receipt, error) {
	if err := e.fullness.refusal(); err != nil {
		return nil, err
	}
	began := time.Now()
	en, err := e.accept(ctx, &r, waiter)
	if err != nil {
		return nil, err
	}
	if err := enqueueError(en, e.storeOne(ctx, en, began)); err != nil {
		return nil, err
	}
	e.tally.enqueued(en.msg, time.Now())
	return receipt(en), nil
}

// BatchResult is the outcome of one job of a batch.
type BatchResult struct {
	Receipt *Receipt
	Err     error // a *jobs.Error, or nil
}

// EnqueueBatch checks and stores many jobs, each on its own: what is wrong with
// one does not touch the others. Results come in the order of the requests.
// Requests that are nil were found wrong by the caller and are passed over.
func (e *Engine) EnqueueBatch(ctx context.Context, requests []*client.Enqueue) []BatchResult {
	results := make([]BatchResult, len(requests))
	if err := e.fullness.refusal(); err != nil {
		for i, r := range requests {
			if r != nil {
				results[i].Err = err
			}
		}
		return results
	}
	began := time.Now()
	entries := make([]*entry, 0, len(requests))
	at := make([]int, 0, len(requests))
	for i, r := range requests {
		if r == nil {
			continue
		}
		en, err := e.accept(ctx, r, "")
		if err != nil {
			results[i].Err = err
			continue
		}
		entries, at = append(entries, en), append(at, i)
	}
	e.storeAll(ctx, entries, began)
	stored := time.Now()
	for n, en := range entries {
		if err := enqueueError(en, en.err); err != nil {
			results[at[n]].Err = err
			continue
		}
		e.tally.enqueued(en.msg, stored)
		results[at[n]].Receipt = receipt(en)
	}
	return results
}

func (e *Engine) accept(ctx context.Context, r *client.Enqueue, waiter string) (*entry, error) {
	if why := jobs.CheckType(r.Type); why != "" {
		return nil, &jobs.Error{
			Code: jobs.CodeInvalidRequest, Message: "the job has wrong fields",
			Fields: []jobs.FieldError{{Pointer: "/type", Detail: why}},
		}
	}
	def, err := e.catalog.Lookup(ctx, r.Type)
	if err != nil {
		return nil, err
	}
	return e.prepare(def, r, waiter, time.Now())
}

// storeOne writes one entry: together with others that come at the same time,
// unless its id has to be claimed first. Its time began when its caller came.
func (e *Engine) storeOne(ctx context.Context, en *entry, began time.Time) error {
	if !en.chosen {
		if err := e.singles.put(ctx, en, began); err != nil {
			return err
		}
		return en.err
	}
	ctx, cancel := context.WithDeadline(ctx, began.Add(e.timeout))
	defer cancel()
	e.storeClaimed(ctx, []*entry{en})
	return en.err
}

// batchWriteMax bounds the jobs that share one request timeout.
const batchWriteMax = 1000

// storeAll writes a batch in slices. Once Redis is found unreachable the rest
// is refused without trying. The time of the first slice counts from the beginning
// of the call, which may have waited for Redis already.
func (e *Engine) storeAll(ctx context.Context, entries []*entry, began time.Time) {
	for ; len(entries) > 0; began = time.Now() {
		n := min(len(entries), batchWriteMax)
		part := entries[:n]
		entries = entries[n:]
		writeCtx, cancel := context.WithDeadline(ctx, began.Add(e.timeout))
		e.storeClaimed(writeCtx, part)
		cancel()
		if err := part[0].err; err != nil && store.Unavailable(err) {
			failAll(entries, err)
			return
		}
	}
}

// storeClaimed writes the entries, claiming first the ids that callers chose.
func (e *Engine) storeClaimed(ctx context.Context, entries []*entry) {
	held, err := e.claims.take(ctx, entries)
	defer e.claims.release(ctx, held)
	if err != nil {
		failAll(entries, err)
		return
	}
	free := make([]*entry, 0, len(entries))
	for _, en := range entries {
		if en.err == nil {
			free = append(free, en)
		}
	}
	if len(free) > 0 {
		e.writer.write(ctx, free)
	}
}

func receipt(e *entry) *Receipt {
	r := &Receipt{Message: e.msg, Meta: e.meta, State: jobs.StatePending}
	if e.due != "0" {
		r.State, r.Due = jobs.StateScheduled, time.UnixMicro(e.meta.RunAt).UTC()
	}
	return r
}
