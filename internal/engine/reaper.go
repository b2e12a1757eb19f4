package engine

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"legwork/internal/store"
	"legwork/jobs"
)

const (
	// reapEvery is how often the reaper looks at what is active.
	reapEvery = 5 * time.Second
	// reapAfter is in how many looks in a row, none of which failed, a process
	// must have had no pulse. An outage of Redis itself starts the count again,
	// which gives living processes the time to beat.
	reapAfter = 3
	// unstartedMax is how often a job may be taken from dead processes that had not
	// noted its start before that counts as an attempt: a handler may kill its
	// process in its first instant.
	unstartedMax = 3
	// reapLook bounds the active jobs looked at in one queue at once, from the
	// oldest.
	reapLook = 1000
)

// errWorkerDied is the error of an attempt whose process has died.
var errWorkerDied = errors.New("the worker process died while it ran the job")

// reaper gives the jobs of dead processes to others. A job whose handler had been
// started has used up an attempt, one that was only taken has not.
type reaper struct {
	redis  redis.UniversalClient
	queues func(context.Context) ([]string, error)
	reap   *redis.Script
	log    *slog.Logger
	wrong  *complaints
	tally  *Tally         // may be nil
	silent map[string]int // looks in a row without a pulse, by process

	// self is this process, and knows reports whether it has a job in hand. A job
	// that it holds and does not know was taken by a call whose answer was lost.
	self  string
	knows func(queue, id string) bool
	lost  map[string]int // looks in a row in which such a job was seen, by id

	// tell passes on the attempts that ended with their processes; nil tells nobody.
	tell func(queue, id string, f *failed, to jobs.State)
}

func newReaper(c redis.UniversalClient, queues func(context.Context) ([]string, error), wrong *complaints, log *slog.Logger) *reaper {
	return &reaper{redis: c, queues: queues, reap: store.Script(luaFiles, "reap"), log: log, wrong: wrong, silent: map[string]int{}, lost: map[string]int{}}
}

// run looks until ctx ends.
func (r *reaper) run(ctx context.Context) {
	every(ctx, reapEvery, func() {
		err := r.look(ctx)
		if err == nil {
			return
		}
		clear(r.silent)
		clear(r.lost)
		if ctx.Err() == nil {
			r.log.Debug("dead processes not looked for, trying again", "error", err)
		}
	})
}

// held is an active job as a look found it.
type held struct {
	queue, id, claim string // the claim is "process token"
	holder           string
	token            int64
	raw              string // the message; read only of jobs to be taken
	started          bool   // likewise
	crashes          int    // times it was taken unstarted before; likewise
}

func (r *reaper) look(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, reapEvery)
	defer cancel()
	active, err := r.active(ctx)
	if err != nil {
		return err
	}
	dead, err := r.dead(ctx, active)
	if err != nil {
		return err
	}
	lost := append(r.astray(active), among(active, dead)...)
	if err := r.read(ctx, lost); err != nil {
		return err
	}
	for _, j := range lost {
		switch err := r.take(ctx, j); {
		case faulty(err):
			r.wrong.about(ctx, j.queue, err)
		case err != nil:
			return err
		}
	}
	return nil
}

func among(active []held, holders []string) []held {
	return slices.DeleteFunc(slices.Clone(active), func(j held) bool { return !slices.Contains(holders, j.holder) })
}

// astray returns the jobs that this process holds without knowing, seen in two
// looks in a row.
func (r *reaper) astray(active []held) []held {
	seen := map[string]int{}
	var out []held
	for _, j := range active {
		if r.knows == nil || j.holder != r.self || r.knows(j.queue, j.id) {
			continue
		}
		seen[j.id] = r.lost[j.id] + 1
		if seen[j.id] > 1 {
			out = append(out, j)
		}
	}
	r.lost = seen
	return out
}

// active lists the active jobs of all queues that a process of Legwork holds.
func (r *reaper) active(ctx context.Context) ([]held, error) {
	queues, err := r.queues(ctx)
	if err != nil || len(queues) == 0 {
		return nil, err
	}
	pipe := r.redis.Pipeline()
	ids := map[string]*redis.StringSliceCmd{}
	for _, q := range queues {
		ids[q] = pipe.LRange(ctx, store.KeysOf(q).Active(), -reapLook, -1)
	}
	if _, err := pipe.Exec(ctx); err != nil && !faulty(err) {
		return nil, err
	}
	pipe = r.redis.Pipeline()
	claims := map[string]*redis.SliceCmd{}
	for q, cmd := range ids {
		if faulty(cmd.Err()) {
			r.wrong.about(ctx, q, cmd.Err())
		}
		if len(cmd.Val()) > 0 {
			claims[q] = pipe.HMGet(ctx, store.KeysOf(q).Holders(), cmd.Val()...)
		}
	}
	if len(claims) == 0 {
		return nil, nil
	}
	if _, err := pipe.Exec(ctx); err != nil && !faulty(err) {
		return nil, err
	}
	var all []held
	for q, cmd := range claims {
		if faulty(cmd.Err()) {
			r.wrong.about(ctx, q, cmd.Err())
		}
		for i, v := range cmd.Val() {
			claim, _ := v.(string)
			holder, token, ok := strings.Cut(claim, " ")
			n, err := strconv.ParseInt(token, 10, 64)
			if ok && err == nil {
				all = append(all, held{queue: q, id: ids[q].Val()[i], claim: claim, holder: holder, token: n})
			}
		}
	}
	return all, nil
}

// read reads what is needed to judge the jobs: their messages, and whether their
// handlers had been started.
func (r *reaper) read(ctx context.Context, lost []held) error {
	if len(lost) == 0 {
		return nil
	}
	pipe := r.redis.Pipeline()
	bodies := make([]*redis.SliceCmd, len(lost))
	marks := make([]*redis.StringCmd, len(lost))
	for i, j := range lost {
		k := store.KeysOf(j.queue)
		bodies[i] = pipe.HMGet(ctx, k.Task(j.id), store.FieldMessage, store.FieldCrashes)
		marks[i] = pipe.Get(ctx, k.Started(j.holder))
	}
	if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) && !faulty(err) {
		return err // a job whose key is of another type has no message
	}
	for i := range lost {
		j := &lost[i]
		body := bodies[i].Val()
		if len(body) == 2 {
			j.raw, _ = body[0].(string)
			crashes, _ := body[1].(string)
			j.crashes, _ = strconv.Atoi(crashes)
		}
		high, err := marks[i].Int64()
		j.started = err == nil && j.token <= high && j.holder != r.self
	}
	return nil
}

// dead returns the holders that have had no pulse for long enough.
func (r *reaper) dead(ctx context.Context, active []held) ([]string, error) {
	pipe := r.redis.Pipeline()
	pulses := map[string]*redis.IntCmd{}
	for _, j := range active {
		if pulses[j.holder] == nil {
			pulses[j.holder] = pipe.Exists(ctx, store.KeyPulsePrefix+j.holder)
		}
	}
	if len(pulses) == 0 {
		clear(r.silent)
		return nil, nil
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, err
	}
	silent := map[string]int{}
	var dead []string
	for holder, cmd := range pulses {
		if cmd.Val() > 0 {
			continue
		}
		silent[holder] = r.silent[holder] + 1
		if silent[holder] >= reapAfter {
			dead = append(dead, holder)
		}
	}
	r.silent = silent
	return dead, nil
}

// take gives one job to others, or archives it when its retries are used up or
// nobody can read it.
func (r *reaper) take(ctx context.Context, j held) error {
	now := time.Now()
	to, message, crashes, lost := r.judge(j, now)
	kind := ""
	if lost != nil {
		kind = lost.kind
	}
	fingerprint, record := lost.words(to)
	k := store.KeysOf(j.queue)
	keys := []string{k.Active(), k.Lease(), k.Task(j.id), k.Pending(), k.Archived(), k.Holders()}
	n, err := r.reap.Run(ctx, r.redis, keys, j.id, j.claim, j.raw, string(to), message,
		now.Unix(), now.UnixNano(), j.queue, store.ChannelWake, crashes, k.Prefix(), kind, fingerprint, record).Int()
	if err == nil && n == 1 {
		r.tally.reaped(j, to, message, now)
		r.log.Warn("job taken from a process that does not run it any more", "job", j.id, "queue", j.queue, "process", j.holder, "started", j.started, "now", to)
		if r.tell != nil {
			r.tell(j.queue, j.id, lost, to)
		}
	}
	return err
}

// judge decides what becomes of a job: its new state and message, and how often it
// has been taken unstarted, and the attempt that has ended with its process, if any.
func (r *reaper) judge(j held, now time.Time) (to jobs.State, message []byte, crashes int, lost *failed) {
	raw := []byte(j.raw)
	msg, err := store.Decode(raw)
	if err != nil {
		r.log.Error("job cannot be read; it is a dead letter now", "job", j.id, "queue", j.queue, "error", err)
		return jobs.StateArchived, raw, 0, nil
	}
	crashes = j.crashes
	if !j.started && j.holder != r.self {
		crashes++
	}
	if !j.started && crashes <= unstartedMax {
		return jobs.StatePending, raw, crashes, nil
	}
	msg.Error, msg.LastFailedAt = errWorkerDied.Error(), now.Unix()
	lost = newFailed(msg.Type, store.Attempt{
		Number: msg.Retried + 1, Worker: j.holder, Kind: store.KindLeaseLost, Error: msg.Error,
	}, now)
	if msg.Retried >= msg.Retry {
		return jobs.StateArchived, msg.Encode(), 0, lost
	}
	msg.Retried++
	return jobs.StatePending, msg.Encode(), 0, lost
}
