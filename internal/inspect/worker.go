package inspect

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"legwork/client"
	"legwork/internal/store"
	"legwork/jobs"
)

const (
	// heldLook bounds the active jobs of one shard whose holders are looked at, from
	// the oldest: those of dead processes.
	heldLook = 1000
	// runningInList bounds the running jobs that a list shows of each worker.
	runningInList = 20
)

// Workers returns every worker process: those that are announced, and those that
// hold jobs without it, such as one that has died. The one that started first comes
// first. Cost: at most four round trips. The error is a *[jobs.Error]: unavailable.
func (i *Inspector) Workers(ctx context.Context) ([]client.Worker, error) {
	all, err := i.processes(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]client.Worker, 0, len(all))
	for _, p := range all {
		w := p.view()
		w.Running = w.Running[:min(len(w.Running), runningInList)]
		out = append(out, w)
	}
	return out, nil
}

// Worker returns one worker process. The error is a *[jobs.Error]: not_found or
// unavailable.
func (i *Inspector) Worker(ctx context.Context, id string) (*client.Worker, error) {
	read, err := i.readProcesses(ctx, []string{id})
	if err != nil {
		return nil, err
	}
	p := read[0]
	if !p.announced {
		held, err := i.held(ctx)
		if err != nil {
			return nil, err
		}
		p.held = held[id]
	}
	if !p.announced && p.held == 0 {
		return nil, jobs.Errorf(jobs.CodeNotFound, "no such worker: none that lives has this id, and no job is held under it")
	}
	w := p.view()
	return &w, nil
}

// process is a worker process as Redis tells it.
type process struct {
	store.Worker
	Types []struct {
		Name string `json:"name"`
	} `json:"types"`
	announced bool
	status    *store.Status // nil when it has nothing to tell
	pulse     time.Time     // zero without one
	wish      store.Wish    // the last one
	held      int           // active jobs that it holds; only looked at when it is not announced
}

// processes reads all worker processes.
func (i *Inspector) processes(ctx context.Context) ([]*process, error) {
	ids, err := i.redis.SMembers(ctx, store.KeyWorkers).Result()
	if err != nil {
		return nil, wrap("list the workers", err)
	}
	held, err := i.held(ctx)
	if err != nil {
		return nil, err
	}
	for id := range held {
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	read, err := i.readProcesses(ctx, ids)
	if err != nil {
		return nil, err
	}
	all := read[:0]
	for _, p := range read {
		if p.held = held[p.ID]; p.announced || p.held > 0 {
			all = append(all, p)
		}
	}
	slices.SortFunc(all, func(a, b *process) int {
		switch {
		case a.announced && !b.announced:
			return -1
		case b.announced && !a.announced:
			return 1
		}
		return cmp.Or(a.StartedAt.Compare(b.StartedAt), cmp.Compare(a.ID, b.ID))
	})
	return all, nil
}

// readProcesses reads what is known of the processes, in one round trip.
func (i *Inspector) readProcesses(ctx context.Context, ids []string) ([]*process, error) {
	pipe := i.redis.Pipeline()
	type reads struct{ announcement, status, pulse, wish *redis.StringCmd }
	cmds := make([]reads, len(ids))
	for n, id := range ids {
		cmds[n] = reads{
			pipe.Get(ctx, store.KeyWorkerPrefix+id), pipe.Get(ctx, store.KeyStatusPrefix+id),
			pipe.Get(ctx, store.KeyPulsePrefix+id), pipe.Get(ctx, store.KeyWishPrefix+id),
		}
	}
	if err := exec(ctx, pipe); err != nil {
		return nil, wrap("read the workers", err)
	}
	all := make([]*process, len(ids))
	for n, id := range ids {
		p := &process{wish: store.ParseWish(cmds[n].wish.Val())}
		p.announced = json.Unmarshal([]byte(cmds[n].announcement.Val()), p) == nil
		p.ID = id
		p.status = statusOf(cmds[n].status.Val())
		p.pulse, _ = time.Parse(time.RFC3339, cmds[n].pulse.Val())
		all[n] = p
	}
	return all, nil
}

// statusOf reads a status; nil when there is none, or none that can be read.
func statusOf(raw string) *store.Status {
	var st store.Status
	if json.Unmarshal([]byte(raw), &st) != nil {
		return nil
	}
	return &st
}

// appliedBy is the last wish that a process has carried out; zero for none.
func appliedBy(st *store.Status) store.Wish {
	if st == nil {
		return store.Wish{}
	}
	return store.ParseWish(st.Applied)
}

// held counts the active jobs by the process that holds them, looking at the oldest
// ones of every shard.
func (i *Inspector) held(ctx context.Context) (map[string]int, error) {
	shards, err := i.shardNames(ctx)
	if err != nil {
		return nil, err
	}
	pipe := i.redis.Pipeline()
	active := make([]*redis.StringSliceCmd, len(shards))
	for n, s := range shards {
		active[n] = pipe.LRange(ctx, store.KeysOf(s).Active(), -heldLook, -1)
	}
	if err := exec(ctx, pipe); err != nil {
		return nil, wrap("read the running jobs", err)
	}
	pipe = i.redis.Pipeline()
	var claims []*redis.SliceCmd
	for n, s := range shards {
		if ids := active[n].Val(); len(ids) > 0 {
			claims = append(claims, pipe.HMGet(ctx, store.KeysOf(s).Holders(), ids...))
		}
	}
	if err := exec(ctx, pipe); err != nil {
		return nil, wrap("read who holds the running jobs", err)
	}
	held := map[string]int{}
	for _, cmd := range claims {
		for _, v := range cmd.Val() {
			claim, _ := v.(string)
			if holder, _, ok := strings.Cut(claim, " "); ok {
				held[holder]++
			}
		}
	}
	return held, nil
}

// state is one of the worker states of package client.
func (p *process) state() string {
	switch {
	case !p.announced && p.pulse.IsZero():
		return client.WorkerLost
	case p.State == store.WorkerStopping:
		return client.WorkerStopping
	case p.status != nil && p.status.State != "":
		return p.status.State
	case p.State != "":
		return p.State
	}
	return client.WorkerRunning
}

// asked is what the process was asked for and has not confirmed, or "".
func (p *process) asked() string {
	if p.wish.Number > appliedBy(p.status).Number {
		return p.wish.What
	}
	return ""
}

// lastHeard is the process's last sign of life, zero when there is none.
func (p *process) lastHeard() time.Time {
	last := p.At
	if p.status != nil {
		last = later(last, time.UnixMilli(p.status.At))
	}
	return later(last, p.pulse)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// view puts the process into the words of the API.
func (p *process) view() client.Worker {
	w := client.Worker{
		ID: p.ID, State: p.state(), Asked: p.asked(), Host: p.Host, PID: p.PID, Version: p.Version, Roles: p.Roles,
		Slots: p.Concurrency, Pools: p.pools(), Running: []client.RunningJob{}, Types: []string{}, UnknownScripts: p.UnknownScripts,
	}
	if w.State == client.WorkerLost {
		w.Held = p.held
	}
	if !p.StartedAt.IsZero() {
		w.StartedAt = moment(p.StartedAt)
	}
	if at := p.lastHeard(); !at.IsZero() {
		w.LastHeartbeat = moment(at)
	}
	for _, t := range p.Types {
		w.Types = append(w.Types, t.Name)
	}
	for _, pool := range w.Pools {
		w.Busy += pool.Busy
	}
	if p.status == nil {
		return w
	}
	if !p.announced {
		w.Host, w.PID = p.status.Host, p.status.PID
	}
	w.Zombies = p.status.Zombies
	for _, r := range p.status.Running {
		w.Running = append(w.Running, client.RunningJob{
			ID: r.ID, Type: r.Type, Queue: store.QueueOf(r.Queue), Attempt: r.Attempt,
			StartedAt: time.UnixMilli(r.Started).UTC(), EndsAt: time.UnixMilli(r.End).UTC(), Cancelled: r.Cancelled, Zombie: r.Zombie,
		})
	}
	return w
}

// pools joins what the process announces of its pools with what they do. A pool that
// is not announced, such as one that was replaced, is shown while it runs jobs.
func (p *process) pools() []client.Pool {
	pools := []client.Pool{}
	for _, a := range p.Pools {
		pools = append(pools, client.Pool{Name: a.Name, Queues: a.Queues, StrictPriority: a.StrictPriority, Concurrency: a.Concurrency})
	}
	if p.status == nil {
		return pools
	}
	for _, s := range p.status.Pools {
		at := slices.IndexFunc(pools, func(pool client.Pool) bool { return pool.Name == s.Name })
		switch {
		case at < 0 && s.Busy == 0:
			continue
		case at < 0:
			at, pools = len(pools), append(pools, client.Pool{Name: s.Name, Queues: map[string]int{}})
		}
		pools[at].Busy, pools[at].Types = s.Busy, maps.Clone(s.Types)
	}
	return pools
}
