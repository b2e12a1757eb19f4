package inspect

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"legwork/client"
	"legwork/internal/store"
	"legwork/jobs"
)

// walkMax bounds the entries of a list that looking for a job passes, from each of its
// ends. A million of them hold Redis for some 13 ms.
const walkMax = 100_000

// facts are what Redis tells of a job and of what it waits for.
type facts struct {
	*record
	at      time.Time
	moved   bool           // the job has changed its state while it was looked at
	types   []keyType      // of the keys that taking a job needs
	paused  *time.Time     // since when; nil when the queue is not
	moving  bool           // an action is bringing it elsewhere
	placed  bool           // it is where its state says
	ahead   int            // pending: jobs that are taken before it
	deep    bool           // pending: ahead is a lower bound
	holder  string         // active: the process that has it; "" for an asynq server of others
	started bool           // active: the holder has started it
	lease   time.Time      // active: the end of the lease; zero without one
	workers []*process     // those that are announced, and the holder
	keeper  bool           // a scheduler lives
	heavier map[string]int // pending: jobs of the queues that some pool serves strictly before the job's
	refusal error          // of a write; nil when Redis takes it
}

// keyType is a key, the type that it should have, and the one that it has.
type keyType struct{ name, want, is string }

// newFacts reads what there is to know of the job. Cost: six round trips at most,
// whatever the queues hold.
func (i *Inspector) newFacts(ctx context.Context, r *record) (*facts, error) {
	f := &facts{record: r, at: time.Now().UTC()}
	reads := f.ask(ctx, i.redis)
	if err := tolerate(reads.pipe.Exec(ctx)); err != nil {
		return nil, wrap("read what the job waits for", err)
	}
	ids := f.learn(reads)
	var err error
	if f.workers, err = i.readProcesses(ctx, ids); err != nil {
		return nil, err
	}
	f.workers = slices.DeleteFunc(f.workers, func(p *process) bool { return !p.announced && p.ID != f.holder })
	if err := i.askHolder(ctx, f, reads.token); err != nil {
		return nil, err
	}
	if f.heavier, err = i.outranking(ctx, f); err != nil {
		return nil, err
	}
	f.refusal, err = i.tryWrite(ctx, store.KeysOf(r.queue))
	return f, err
}

// factReads are the commands behind the facts.
type factReads struct {
	pipe           redis.Pipeliner
	types          []*redis.StatusCmd
	paused         *redis.StringCmd
	isPaused       *redis.IntCmd
	moving         *redis.BoolCmd
	workers        *redis.StringSliceCmd
	keeper         *redis.IntCmd
	size           *redis.IntCmd
	fromEnd, front *redis.IntCmd    // pending: its place, looked for from either end
	claim          *redis.StringCmd // active
	score          *redis.FloatCmd  // of the job in the set of its state, or of its lease
	state          *redis.StringCmd // read last: the others are of no use when it has changed
	token          int64            // active: the one it is held under
}

// ask queues the commands for one round trip.
func (f *facts) ask(ctx context.Context, c redis.UniversalClient) *factReads {
	k, r := store.KeysOf(f.queue), &factReads{pipe: c.Pipeline()}
	needed := []keyType{
		{k.Pending(), "list", ""}, {k.Active(), "list", ""}, {k.Holders(), "hash", ""}, {k.Lease(), "zset", ""}, {k.Tokens(), "string", ""},
		{k.Archived(), "zset", ""}, {k.Retry(), "zset", ""}, {k.Completed(), "zset", ""},
	}
	if f.state == jobs.StateScheduled {
		needed = append(needed, keyType{k.Scheduled(), "zset", ""})
	}
	for _, t := range needed {
		f.types = append(f.types, t)
		r.types = append(r.types, r.pipe.Type(ctx, t.name))
	}
	r.isPaused, r.paused = r.pipe.Exists(ctx, k.Paused()), r.pipe.Get(ctx, k.Paused())
	r.moving = r.pipe.HExists(ctx, k.Moving(), f.id)
	r.workers = r.pipe.SMembers(ctx, store.KeyWorkers)
	r.keeper = r.pipe.Exists(ctx, store.KeyScheduler)
	switch f.state {
	case jobs.StatePending:
		r.size = r.pipe.LLen(ctx, k.Pending())
		r.fromEnd = r.pipe.LPos(ctx, k.Pending(), f.id, redis.LPosArgs{Rank: -1, MaxLen: walkMax})
		r.front = r.pipe.LPos(ctx, k.Pending(), f.id, redis.LPosArgs{MaxLen: walkMax})
	case jobs.StateActive:
		r.claim = r.pipe.HGet(ctx, k.Holders(), f.id)
		r.score = r.pipe.ZScore(ctx, k.Lease(), f.id)
	case jobs.StateScheduled, jobs.StateRetry:
		r.score = r.pipe.ZScore(ctx, k.State(string(f.state)), f.id)
	}
	r.state = r.pipe.HGet(ctx, k.Task(f.id), store.FieldState)
	return r
}

// learn takes in what the commands brought, and returns the ids of the processes to
// read: the workers, and the one that holds the job.
func (f *facts) learn(r *factReads) []string {
	for n, cmd := range r.types {
		f.types[n].is = cmd.Val()
	}
	if r.isPaused.Val() > 0 {
		f.paused = &time.Time{}
		if s, err := strconv.ParseInt(r.paused.Val(), 10, 64); err == nil {
			if at := moment(time.Unix(s, 0)); at != nil {
				f.paused = at
			}
		}
	}
	f.moved = r.state.Val() != string(f.state)
	f.moving, f.keeper, f.placed = r.moving.Val(), r.keeper.Val() > 0, true
	ids := r.workers.Val()
	switch f.state {
	case jobs.StatePending:
		f.stand(r)
	case jobs.StateActive:
		var token string
		f.holder, token, _ = strings.Cut(r.claim.Val(), " ")
		r.token, _ = strconv.ParseInt(token, 10, 64)
		if r.score.Err() == nil {
			f.lease = time.Unix(int64(min(r.score.Val(), maxUnix)), 0).UTC()
		}
		f.placed = f.holder != "" || r.score.Err() == nil
		if f.holder != "" && !slices.Contains(ids, f.holder) {
			ids = append(ids, f.holder)
		}
	case jobs.StateScheduled, jobs.StateRetry:
		f.placed = r.score.Err() == nil
		f.due = r.score.Val()
	}
	return ids
}

// stand finds the job's place in the list of what is pending, which is used up from
// its end.
func (f *facts) stand(r *factReads) {
	size := int(r.size.Val())
	switch {
	case r.fromEnd.Err() == nil:
		f.ahead = max(0, size-1-int(r.fromEnd.Val()))
	case r.front.Err() == nil:
		f.ahead = max(0, size-1-int(r.front.Val()))
	default:
		f.placed, f.deep = size > 2*walkMax, true
		f.ahead = walkMax
	}
}

// askHolder learns whether the process that has the job has started it.
func (i *Inspector) askHolder(ctx context.Context, f *facts, token int64) error {
	if f.holder == "" {
		return nil
	}
	high, err := i.redis.Get(ctx, store.KeysOf(f.queue).Started(f.holder)).Int64()
	f.started = err == nil && token <= high
	if err == nil || errors.Is(err, redis.Nil) || store.WrongType(err) || errors.Is(err, strconv.ErrSyntax) {
		return nil
	}
	return wrap("read what its worker has started", err)
}

// outranking counts the pending jobs of the queues that come strictly before the job's
// in the pools that serve it.
func (i *Inspector) outranking(ctx context.Context, f *facts) (map[string]int, error) {
	sizes := map[string]int{}
	if f.state != jobs.StatePending {
		return sizes, nil
	}
	for _, s := range f.servers() {
		for _, q := range s.before(f.queue) {
			sizes[q] = 0
		}
	}
	if len(sizes) == 0 {
		return sizes, nil
	}
	shards, err := i.shards(ctx)
	if err != nil {
		return nil, err
	}
	pipe := i.redis.Pipeline()
	reads := map[string][]*redis.IntCmd{}
	for q := range sizes {
		for _, s := range shards[q] {
			reads[q] = append(reads[q], pipe.LLen(ctx, store.KeysOf(s).Pending()))
		}
	}
	if err := tolerate(pipe.Exec(ctx)); err != nil {
		return nil, wrap("count the jobs of other queues", err)
	}
	for q, cmds := range reads {
		for _, cmd := range cmds {
			sizes[q] += int(cmd.Val())
		}
	}
	return sizes, nil
}

// tryWrite has Redis check, as for any write that may need memory, whether it takes
// one: XX never adds, and no job has the empty id. It returns the refusal, or an error
// when Redis cannot be reached.
func (i *Inspector) tryWrite(ctx context.Context, k store.Keys) (refusal, err error) {
	err = i.redis.ZAddXX(ctx, k.Lease(), redis.Z{}).Err()
	if err == nil || store.WrongType(err) {
		return nil, nil
	}
	if _, said := errors.AsType[redis.Error](err); said && store.Unavailable(err) {
		return err, nil
	}
	return nil, wrap("try to write", err)
}

// tolerate passes over what a command of a pipeline says of its own key: that it is
// missing, or of another type.
func tolerate(cmds []redis.Cmder, err error) error {
	for _, c := range cmds {
		if e := c.Err(); e != nil && !errors.Is(e, redis.Nil) && !store.WrongType(e) {
			return e
		}
	}
	if len(cmds) == 0 {
		return err
	}
	return nil
}

// server is a pool of a worker that serves the job's queue.
type server struct {
	*process
	pool client.Pool
}

// before are the queues that the pool serves strictly before the one that has the shard.
func (s server) before(shard string) []string {
	if !s.pool.StrictPriority {
		return nil
	}
	var names []string
	for q, weight := range s.pool.Queues {
		if weight > s.pool.Queues[store.QueueOf(shard)] {
			names = append(names, q)
		}
	}
	return names
}

// servers are the pools that serve the job's queue and take jobs.
func (f *facts) servers() []server {
	return slices.DeleteFunc(f.serving(), func(s server) bool { return s.state() != client.WorkerRunning })
}

// serving are all pools that serve the job's queue.
func (f *facts) serving() []server {
	queue := store.QueueOf(f.queue)
	var all []server
	for _, p := range f.workers {
		if !p.announced {
			continue
		}
		for _, pool := range p.pools() {
			if _, ok := pool.Queues[queue]; ok {
				all = append(all, server{p, pool})
			}
		}
	}
	return all
}

// has reports whether the process has a handler for the type.
func (p *process) has(kind string) bool {
	for _, t := range p.Types {
		if t.Name == kind {
			return true
		}
	}
	return false
}
