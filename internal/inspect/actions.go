package inspect

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"legwork/client"
	"legwork/internal/store"
	"legwork/jobs"
)

const (
	actionsMax  = 100                // unfinished at a time
	actionKept  = 7 * 24 * time.Hour // after its last sign of life
	actionLease = 10 * time.Second   // beyond which a process that says nothing is taken for dead
	actionsLook = 2 * time.Second    // how often a process looks for actions that nobody runs
	actionsRun  = 4                  // run at once by one process
)

// Fields of an action's order. What it has counted stands in [store.Keys.Progress] of
// each shard until it has ended, and in fieldTotals then.
const (
	fieldRequest  = "request"  // client.ActionRequest as JSON, without the ids
	fieldIDs      = "ids"      // how many there are
	fieldCreated  = "created"  // Unix microseconds
	fieldDue      = "due"      // Unix microseconds, of a reschedule
	fieldShards   = "shards"   // JSON array
	fieldMissing  = "missing"  // ids that no job has
	fieldTotal    = "total"    // about how many jobs there are to look at
	fieldAbort    = "abort"    // present once somebody asked to end it
	fieldState    = "state"    // how it ended; absent before
	fieldFinished = "finished" // Unix microseconds
	fieldError    = "error"
	fieldTotals   = "totals" // counts as JSON
	fieldSample   = "sample" // []client.Job as JSON
	fieldFiles    = "files"  // JSON array of the paths that an export has written
)

// ActionsOptions configure [Actions].
type ActionsOptions struct {
	// Look is the time between two looks for actions that nobody runs. Defaults to 2 s.
	Look time.Duration
	// Lease is how long a process that says nothing holds an action. Defaults to 10 s.
	Lease time.Duration
	// Export begins the file of an export, given its name without a suffix. It returns
	// nil when no directory is configured, and any error as it is to be told. Defaults
	// to a function that returns nil.
	Export func(name string) (ExportFile, error)
	Log    *slog.Logger
}

// Actions does things to many jobs. What was asked for and how far it has come is in
// Redis: any number of processes may run an Actions against one Redis, one of them runs
// each action, and when that one dies another goes on where it was.
type Actions struct {
	*Inspector
	o     ActionsOptions
	me    string
	hold  *redis.Script
	write *redis.Script
	free  *redis.Script
	list  *redis.Script
	bulk  *redis.Script
	adopt *redis.Script
	leave *redis.Script

	kick chan struct{} // somebody in this process has asked for an action

	mu      sync.Mutex
	cancel  context.CancelFunc // guarded by mu; nil before Start and after Stop
	running map[string]bool    // guarded by mu; ids of actions that this process runs
	done    sync.WaitGroup
}

// NewActions returns one that runs nothing yet.
func NewActions(i *Inspector, o ActionsOptions) *Actions {
	if o.Look <= 0 {
		o.Look = actionsLook
	}
	if o.Lease <= 0 {
		o.Lease = actionLease
	}
	if o.Log == nil {
		o.Log = i.log
	}
	if o.Export == nil {
		o.Export = func(string) (ExportFile, error) { return nil, nil }
	}
	load := func(name string) *redis.Script { return store.Script(luaFiles, name) }
	return &Actions{
		Inspector: i, o: o, me: uuid.NewString(), kick: make(chan struct{}, 1), running: map[string]bool{},
		hold: load("hold"), write: load("write"), bulk: load("bulk"), adopt: load("adopt"), leave: load("leave"),
		// KEYS: 1 set. ARGV: 1 member. Its first write removes, so that a full Redis lets it run. Cost: O(log set).
		list: redis.NewScript(`redis.call("ZREM", KEYS[1], "")
return redis.call("ZADD", KEYS[1], 0, ARGV[1])`),
		// KEYS: 1 lease, or HASH. ARGV: 1 its holder; or field and value. Cost: O(1).
		free: redis.NewScript(`if ARGV[2] then
	return redis.call("HGET", KEYS[1], ARGV[1]) == ARGV[2] and redis.call("HDEL", KEYS[1], ARGV[1]) or 0
end
return redis.call("GET", KEYS[1]) == ARGV[1] and redis.call("DEL", KEYS[1]) or 0`),
	}
}

// Order checks what is asked for, notes it, and returns it; the jobs are done by a
// process that runs Actions. The error is a *[jobs.Error]: invalid_request, conflict
// when an unfinished action has the same selection or too many are unfinished, or
// unavailable. Cost: one command per id and shard, or per state and shard.
func (a *Actions) Order(ctx context.Context, r client.ActionRequest) (*client.Action, error) {
	r, err := checkOrder(r)
	if err != nil {
		return nil, err
	}
	if err := a.checkExport(r); err != nil {
		return nil, err
	}
	o := &order{ActionRequest: r}
	if err := a.found(ctx, o); err != nil {
		return nil, err
	}
	plan, missing, err := a.locate(ctx, o)
	if err != nil {
		return nil, err
	}
	total := len(r.IDs)
	if r.Filter != nil {
		if total, err = a.estimate(ctx, o); err != nil {
			return nil, err
		}
	}
	if err := a.note(ctx, o, plan, missing, total); err != nil {
		return nil, err
	}
	if err := a.claim(ctx, o); err != nil {
		_ = a.redis.Del(context.WithoutCancel(ctx), store.ActionKeysOf(o.id).Order(), store.ActionKeysOf(o.id).Plan()).Err() // it expires
		return nil, err
	}
	select {
	case a.kick <- struct{}{}:
	default:
	}
	return a.Action(ctx, o.id)
}

// found gives the order its id, its time and the shards it works on, and judges the
// queue that it moves jobs to.
func (a *Actions) found(ctx context.Context, o *order) error {
	id, err := uuid.NewV7()
	if err != nil {
		return fmt.Errorf("make the id of an action: %w", err)
	}
	o.id = id.String()
	if o.created, err = a.redis.Time(ctx).Result(); err != nil {
		return wrap("ask Redis for the time", err)
	}
	switch {
	case o.RunAt != nil:
		o.due = *o.RunAt
	case o.Delay != nil:
		o.due = time.Now().Add(time.Duration(*o.Delay))
	}
	shards, err := a.shards(ctx)
	if err != nil {
		return err
	}
	if o.Action == client.ActionMove && shards[o.Queue] == nil {
		return &jobs.Error{Code: jobs.CodeInvalidRequest, Message: "the action has wrong fields", Fields: []jobs.FieldError{{
			Pointer: "/queue", Detail: "is not a queue: no job was ever sent to it; there are " + strings.Join(slices.Sorted(maps.Keys(shards)), ", "),
		}}}
	}
	for queue, names := range shards {
		if o.Filter == nil || o.Filter.Queue == "" || o.Filter.Queue == queue {
			o.shards = append(o.shards, names...)
		}
	}
	slices.Sort(o.shards)
	return nil
}

// note writes the order. Nobody acts on it before it is claimed.
func (a *Actions) note(ctx context.Context, o *order, plan map[string][]string, missing, total int) error {
	k := store.ActionKeysOf(o.id)
	short := o.ActionRequest
	short.IDs = nil
	if len(plan) > 0 {
		parts := make([]any, 0, 2*len(plan))
		for shard, ids := range plan {
			parts = append(parts, shard, encodeJSON(ids))
		}
		if _, err := a.set(ctx, k.Plan(), actionKept, "", parts...); err != nil {
			return wrap("note the plan of the action", err)
		}
	}
	_, err := a.set(
		ctx, k.Order(), actionKept, "", fieldRequest, encodeJSON(short), fieldIDs, len(o.IDs), fieldCreated, o.created.UnixMicro(), fieldDue, o.due.UnixMicro(),
		fieldShards, encodeJSON(o.shards), fieldMissing, missing, fieldTotal, total,
	)
	return wrap("note the action", err)
}

// claim makes the action one of those to run, unless an unfinished one has the same
// selection.
func (a *Actions) claim(ctx context.Context, o *order) error {
	open, err := a.redis.HLen(ctx, store.KeyActionsOpen).Result()
	if err != nil {
		return wrap("count the actions", err)
	}
	if open >= actionsMax {
		return jobs.Errorf(jobs.CodeConflict, "%d actions are unfinished; wait for some of them, or abort them", open)
	}
	for range actionTries {
		other, err := a.set(ctx, store.KeyActionsOpen, 0, o.digest(), o.digest(), o.id)
		if err != nil {
			return wrap("claim the selection", err)
		}
		if other == "" {
			return a.enlist(ctx, o.id)
		}
		if ended, err := a.ended(ctx, other); err != nil {
			return err
		} else if !ended {
			return jobs.Errorf(jobs.CodeConflict, "action %s is unfinished and has the same selection; wait for it, or abort it", other)
		}
		if err := a.unclaim(ctx, o.digest(), other); err != nil {
			return err
		}
	}
	return busy()
}

// set sets fields of a hash, also while Redis is full. With the field forbids set it
// does nothing and returns what that is.
func (a *Actions) set(ctx context.Context, key string, kept time.Duration, forbids string, fields ...any) (had string, err error) {
	args := append([]any{int(kept.Seconds()), forbids, ""}, fields...)
	return a.write.Run(ctx, a.redis, []string{key}, args...).Text()
}

// enlist puts the action on the list of all actions.
func (a *Actions) enlist(ctx context.Context, id string) error {
	return wrap("list the action", a.list.Run(ctx, a.redis, []string{store.KeyActions}, id).Err())
}

func (a *Actions) unclaim(ctx context.Context, digest, id string) error {
	return wrap("end the claim of the selection", a.free.Run(ctx, a.redis, []string{store.KeyActionsOpen}, digest, id).Err())
}

// ended reports whether the action is finished or gone.
func (a *Actions) ended(ctx context.Context, id string) (bool, error) {
	values, err := a.redis.HMGet(ctx, store.ActionKeysOf(id).Order(), fieldCreated, fieldState).Result()
	if err != nil {
		return false, wrap("read the action", err)
	}
	return values[0] == nil || values[1] != nil, nil
}

// Abort asks an action to end, and returns it. The error is a *[jobs.Error]:
// not_found, conflict when it has ended or was asked before, or unavailable.
func (a *Actions) Abort(ctx context.Context, id string) (*client.Action, error) {
	before, err := a.Action(ctx, id)
	if err != nil {
		return nil, err
	}
	if before.Finished() {
		return nil, jobs.Errorf(jobs.CodeConflict, "the action has ended: it is %s", before.State)
	}
	asked, err := a.set(ctx, store.ActionKeysOf(id).Order(), actionKept, fieldAbort, fieldAbort, "1")
	if err != nil {
		return nil, wrap("abort the action", err)
	}
	if asked != "" {
		return nil, jobs.Errorf(jobs.CodeConflict, "the action is being aborted already")
	}
	return a.Action(ctx, id)
}

func encodeJSON(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err) // strings and numbers only
	}
	return string(raw)
}

// readOrder reads an order; nil when there is none.
func (a *Actions) readOrder(ctx context.Context, id string) (*order, map[string]string, error) {
	fields, err := a.redis.HGetAll(ctx, store.ActionKeysOf(id).Order()).Result()
	if err != nil {
		return nil, nil, wrap("read the action", err)
	}
	if fields[fieldCreated] == "" {
		return nil, nil, nil
	}
	o := &order{id: id, created: microTime(fields[fieldCreated]), due: microTime(fields[fieldDue])}
	err = errors.Join(json.Unmarshal([]byte(fields[fieldRequest]), &o.ActionRequest), json.Unmarshal([]byte(fields[fieldShards]), &o.shards))
	if err != nil {
		return nil, nil, fmt.Errorf("read action %s: %w", id, err)
	}
	return o, fields, nil
}

func microTime(text string) time.Time {
	us, _ := strconv.ParseInt(text, 10, 64)
	return time.UnixMicro(us).UTC()
}
