package engine

import (
	"cmp"
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"os"
	"reflect"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"legwork/internal/store"
)

const (
	// reportLook is how often a process looks whether what it does has changed.
	reportLook = time.Second
	// reportEvery is how often it tells so although nothing has.
	reportEvery = 5 * time.Second
	// typesMax bounds the types that are counted in each pool.
	typesMax = 50
)

// reporter keeps this process's [store.Status] in Redis. A process that is idle
// sends nothing once it has said so.
type reporter struct {
	redis  redis.UniversalClient
	id     string // of the process
	status func() store.Status
	vital  vital
	log    *slog.Logger
	nudge  chan struct{} // buffered

	said   store.Status // what Redis knows; used by run only
	saidAt moment       // used by run only
	spoke  bool         // something was ever said; read after run has ended
}

func newReporter(w *Worker) *reporter {
	return &reporter{redis: w.Redis, id: w.ID, status: w.status, vital: w.vital, log: w.Log, nudge: make(chan struct{}, 1), saidAt: now()}
}

// now makes run report at once: somebody waits for it.
func (r *reporter) now() {
	select {
	case r.nudge <- struct{}{}:
	default:
	}
}

// run reports until ctx ends.
func (r *reporter) run(ctx context.Context) {
	tick := time.NewTicker(reportLook)
	defer tick.Stop()
	for {
		asked := false
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-r.nudge:
			asked = true
		}
		if st := r.status(); asked || r.due(st) {
			r.write(ctx, st)
		}
	}
}

// due reports whether the status is worth a word.
func (r *reporter) due(st store.Status) bool {
	if idle(st) && (idle(r.said) || !r.spoke) && st.Applied == r.said.Applied {
		return false
	}
	st.At = r.said.At
	return r.saidAt.age() >= reportEvery || !reflect.DeepEqual(st, r.said)
}

func idle(st store.Status) bool {
	return st.State == store.WorkerRunning && st.Zombies == 0 && len(st.Running) == 0 &&
		!slices.ContainsFunc(st.Pools, func(p store.PoolStatus) bool { return p.Busy > 0 })
}

func (r *reporter) write(ctx context.Context, st store.Status) {
	raw, err := json.Marshal(st)
	if err == nil {
		try, cancel := context.WithTimeout(ctx, ackTryMax)
		defer cancel()
		err = r.vital.set(try, r.redis, store.KeyStatusPrefix+r.id, raw, store.StatusTTL)
	}
	if err != nil {
		if ctx.Err() == nil {
			r.log.DebugContext(ctx, "status not told, trying again", "error", err)
		}
		return
	}
	r.said, r.saidAt, r.spoke = st, now(), true
}

// withdraw removes what the process has told and what it was asked for. Call it once
// run has ended.
func (r *reporter) withdraw(ctx context.Context) {
	if !r.spoke {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, announceStopMax)
	defer cancel()
	pipe := r.redis.Pipeline()
	pipe.Del(ctx, store.KeyStatusPrefix+r.id)
	pipe.Del(ctx, store.KeyWishPrefix+r.id)
	if _, err := pipe.Exec(ctx); err != nil {
		r.log.WarnContext(ctx, "status of this process not removed; it expires by itself", "error", err)
	}
}

// status is what the process does now.
func (w *Worker) status() store.Status {
	st := store.Status{Host: w.host, PID: os.Getpid(), At: time.Now().UnixMilli(), State: w.State(), Applied: w.wishes.last(), Pools: []store.PoolStatus{}}
	all := w.holdings.running()
	slices.SortFunc(all, func(a, b store.Running) int {
		return cmp.Or(cmp.Compare(a.Started, b.Started), cmp.Compare(a.ID, b.ID))
	})
	byQueue := map[string]map[string]int{}
	for _, j := range all {
		if j.Zombie {
			st.Zombies++
		}
		if byQueue[j.Queue] == nil {
			byQueue[j.Queue] = map[string]int{}
		}
		byQueue[j.Queue][j.Type]++
	}
	st.Running = all[:min(len(all), store.RunningMax)]
	for _, p := range w.serving() {
		st.Pools = addPool(st.Pools, p, byQueue)
	}
	return st
}

// addPool adds what a pool does. A pool and the one that it has replaced count as
// one. Of several pools that serve a queue, the first counts its jobs' types.
func addPool(all []store.PoolStatus, p *pool, byQueue map[string]map[string]int) []store.PoolStatus {
	at := slices.IndexFunc(all, func(s store.PoolStatus) bool { return s.Name == p.Name })
	if at < 0 {
		at, all = len(all), append(all, store.PoolStatus{Name: p.Name})
	}
	st := &all[at]
	st.Busy += int(p.busy.Load())
	for q := range p.Queues {
		for kind, n := range byQueue[q] {
			if _, counted := st.Types[kind]; !counted && len(st.Types) >= typesMax {
				continue
			}
			if st.Types == nil {
				st.Types = map[string]int{}
			}
			st.Types[kind] += n
		}
		delete(byQueue, q)
	}
	return all
}

// serving returns the pools of the worker, with those whose jobs are left to finish.
func (w *Worker) serving() []*pool {
	if all := w.known.Load(); all != nil {
		return *all
	}
	return nil
}

// publish makes the pools those that [Worker.serving] returns. The caller holds life.
func (w *Worker) publish() {
	all := slices.Concat(w.pools, w.retired)
	w.known.Store(&all)
}

// running lists the jobs whose handlers run.
func (h *holdings) running() []store.Running {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := make([]store.Running, 0, len(h.byKey))
	for j := range maps.Values(h.byKey) {
		if j.cancel == nil {
			continue
		}
		all = append(all, store.Running{
			ID: j.id, Queue: j.queue, Type: j.kind, Attempt: j.attempt, Started: j.began.UnixMilli(), End: j.until.UnixMilli(),
			Cancelled: j.cancelled, Zombie: j.zombie,
		})
	}
	return all
}
