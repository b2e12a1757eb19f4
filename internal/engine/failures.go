package engine

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"legwork/internal/failure"
	"legwork/internal/store"
	"legwork/jobs"
)

const (
	// failuresEvery is how long failures gather before Redis is told of them.
	failuresEvery = time.Second
	// failuresMax bounds the groups that gather while Redis is away.
	failuresMax = 5000
	// failuresLot is how many groups one round trip carries.
	failuresLot = 100
	// failuresStop bounds what a stop waits for.
	failuresStop = 2 * time.Second
)

// failures gathers the failed attempts of this process and tells Redis of them, group
// by group, about once a second. Nothing is sent while nothing fails.
//
// What Redis has not acknowledged is kept and sent again, under the same number, so
// that a call whose answer was lost is not counted twice. A process that is killed
// takes what it has gathered with it, at most a second's; what it had failed is in
// the jobs all the same.
type failures struct {
	redis   redis.UniversalClient
	process string
	log     *slog.Logger
	tally   *redis.Script
	sight   *redis.Script
	trimmer trimmer

	wake   chan struct{} // buffered; something has gathered
	ctx    context.Context
	cancel context.CancelFunc // called by stop
	once   sync.Once
	done   sync.WaitGroup

	mu     sync.Mutex
	gather map[string]*tally // guarded by mu; by fingerprint
	behind bool              // guarded by mu; what was last sent has not been acknowledged
	spilt  int               // guarded by mu; failures not counted, since there were too many groups

	// Of the goroutine that sends, or of stop after it:
	sending map[string]*tally // what Redis has not acknowledged
	number  int64             // of the call that carries it
	quiet   bool              // the outage has been told of
}

// tally is what has gathered of one group.
type tally struct {
	jobType, kind, title, frame, message string
	job, shard                           string
	first, last                          int64 // Unix milliseconds
	count                                int
	hours                                map[int64]int
	queues                               map[string]int
}

func newFailures(c redis.UniversalClient, process string, log *slog.Logger) *failures {
	ctx, cancel := context.WithCancel(context.Background())
	return &failures{
		redis: c, ctx: ctx, cancel: cancel, process: process, log: log, tally: store.Script(luaFiles, "tally"), sight: store.Script(luaFiles, "sight"),
		trimmer: newTrimmer(c, log), wake: make(chan struct{}, 1), gather: map[string]*tally{},
	}
}

// note takes one failed attempt of a job of a shard. It costs no round trip.
func (f *failures) note(shard, jobType, id string, a store.Attempt, _ jobs.State) {
	if a.Fingerprint == "" {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	t := f.gather[a.Fingerprint]
	if t == nil {
		if len(f.gather) >= failuresMax {
			f.spilt++
			return
		}
		t = &tally{
			jobType: jobType, kind: a.Kind, title: failure.Normalise(a.Error), frame: failure.Frame(a.Stack),
			first: a.Ended, hours: map[int64]int{}, queues: map[string]int{},
		}
		f.gather[a.Fingerprint] = t
	}
	t.count++
	t.hours[a.Ended/time.Hour.Milliseconds()]++
	t.queues[store.QueueOf(shard)]++
	t.first = min(t.first, a.Ended)
	if a.Ended >= t.last {
		t.last, t.job, t.shard, t.message = a.Ended, id, shard, cut(a.Error, store.GroupErrorMax)
	}
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// hear is note for an attempt that may be nil.
func (f *failures) hear(shard, id string, a *failed, to jobs.State) {
	if a != nil {
		f.note(shard, a.kind, id, a.Attempt, to)
	}
}

func (f *failures) start() { f.done.Go(f.run) }

// stop tells Redis of what is left and returns, after two seconds at the latest. A
// call that a frozen Redis holds up then ends by itself.
func (f *failures) stop() {
	f.once.Do(func() {
		f.cancel()
		told := make(chan struct{})
		go func() {
			defer close(told)
			f.done.Wait()
			ctx, cancel := context.WithTimeout(context.Background(), failuresStop)
			defer cancel()
			for f.pending() && ctx.Err() == nil {
				if f.flush(ctx); f.pending() {
					pause(ctx, ackRetryMin)
				}
			}
		}()
		if !within(context.Background(), told, failuresStop) || f.pending() {
			f.log.Warn("failures not counted in their groups before the stop: Redis is away")
		}
	})
}

func (f *failures) run() {
	for {
		select {
		case <-f.wake:
		case <-f.ctx.Done():
			return
		}
		if !pause(f.ctx, failuresEvery) {
			return
		}
		ctx, cancel := context.WithTimeout(f.ctx, ackTryMax)
		f.flush(ctx)
		cancel()
	}
}

// pending reports whether there is something that Redis has not got.
func (f *failures) pending() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.behind || len(f.gather) > 0
}

// flush sends what an earlier try has left, and then what has gathered since.
func (f *failures) flush(ctx context.Context) {
	groups := 0
	for range 2 {
		if len(f.sending) == 0 {
			f.take()
		}
		n, err := f.send(ctx)
		groups = max(groups, n)
		f.mu.Lock()
		f.behind = len(f.sending) > 0
		f.mu.Unlock()
		if err == nil {
			f.quiet = false
			continue
		}
		if !f.quiet {
			f.log.WarnContext(ctx, "failures not counted in their groups yet, trying again", "groups", len(f.sending), "error", err)
		}
		f.quiet = true
		select {
		case f.wake <- struct{}{}: // so that it is tried again
		default:
		}
		return
	}
	if groups > store.GroupsMax {
		f.trimmer.trim(ctx, groups-store.GroupsMax)
	}
}

// take makes what has gathered the next to be sent.
func (f *failures) take() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sending, f.gather = f.gather, map[string]*tally{}
	f.behind = len(f.sending) > 0
	f.number = max(f.number+1, time.Now().UnixMilli())
	if f.spilt > 0 {
		f.log.Warn("failures not counted: too many groups at once; put what differs between failures into quotes, so that their messages group", "failures", f.spilt)
		f.spilt = 0
	}
}

// send tells Redis of the groups, in lots, and forgets those that it has counted. It
// returns how many groups there are.
func (f *failures) send(ctx context.Context) (groups int, err error) {
	for lot := range slices.Chunk(slices.Sorted(maps.Keys(f.sending)), failuresLot) {
		// The list comes first: a group that is listed and has no hash is passed over
		// by readers, one that has a hash and is not listed would stay for ever.
		args := make([]any, 0, 2*len(lot))
		for _, fp := range lot {
			args = append(args, f.sending[fp].last, fp)
		}
		if groups, err = f.sight.Run(ctx, f.redis, []string{store.KeyFailures}, args...).Int(); err != nil && !faulty(err) {
			return groups, err
		}
		if err := f.sendLot(ctx, lot); err != nil {
			return groups, err
		}
	}
	return groups, nil
}

func (f *failures) sendLot(ctx context.Context, lot []string) error {
	pipe := f.redis.Pipeline()
	cmds := make([]*redis.Cmd, len(lot))
	for i, fp := range lot {
		cmds[i] = f.tally.EvalSha(ctx, pipe, []string{store.KeyFailurePrefix + fp}, f.sending[fp].args(f.process, f.number)...)
	}
	_, _ = pipe.Exec(ctx) // each command carries its own error
	var away error
	for i, fp := range lot {
		err := cmds[i].Err()
		if redis.HasErrorPrefix(err, "NOSCRIPT") {
			err = f.tally.Eval(ctx, f.redis, []string{store.KeyFailurePrefix + fp}, f.sending[fp].args(f.process, f.number)...).Err()
		}
		switch {
		case faulty(err):
			f.log.ErrorContext(ctx, "failures not counted: something else is stored under the key of their group; delete or rename it",
				"key", store.KeyFailurePrefix+fp, "failures", f.sending[fp].count, "error", err)
			delete(f.sending, fp)
		case err != nil:
			away = err
		default:
			delete(f.sending, fp)
		}
	}
	return away
}

// args are those of tally.lua.
func (t *tally) args(process string, number int64) []any {
	args := make([]any, 0, 13+2*len(t.hours)+2*len(t.queues))
	args = append(args, process, number, t.first, t.last, t.jobType, t.kind, t.title, t.message, t.frame, t.job, t.shard, t.count, len(t.hours))
	for _, hour := range slices.Sorted(maps.Keys(t.hours)) {
		args = append(args, hour, t.hours[hour])
	}
	for _, queue := range slices.Sorted(maps.Keys(t.queues)) {
		args = append(args, queue, t.queues[queue])
	}
	return args
}
