package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"legwork/client"
	"legwork/internal/store"
	"legwork/jobs"
)

// A view of the announcements serves for catalogFresh; a type that is not in it
// makes the catalog look again, at most every catalogRetry. A look may take
// catalogLook, which leaves a request most of its own time for its own work.
const (
	catalogFresh = 5 * time.Second
	catalogRetry = 250 * time.Millisecond
	catalogLook  = 400 * time.Millisecond
)

// Catalog knows every job type: those of this program's registry, and those that
// living workers announce. A type known to both is this program's. It is safe
// for concurrent use.
type Catalog struct {
	own   *jobs.Registry
	redis redis.UniversalClient
	log   *slog.Logger

	mu       sync.Mutex
	view     *view     // guarded by mu; never changed once published
	lookedAt time.Time // guarded by mu; when Redis was last asked, well or not
	lookErr  error     // guarded by mu; outcome of that
}

// view is what the living workers announced at one moment.
type view struct {
	at      time.Time
	workers []Announcement
	types   map[string]*jobs.Definition
	count   map[string]int // living workers by type
}

// NewCatalog returns a catalog over the registry and Redis.
func NewCatalog(own *jobs.Registry, c redis.UniversalClient, log *slog.Logger) *Catalog {
	return &Catalog{own: own, redis: c, log: log, view: &view{}}
}

// Lookup returns the definition of the named type. The error is a *[jobs.Error]:
// unknown_type, which names the nearest known type, or unavailable when the
// type is not this program's and the announcements cannot be read.
func (c *Catalog) Lookup(ctx context.Context, name string) (*jobs.Definition, error) {
	if t, ok := c.own.Lookup(name); ok {
		return &t.Definition, nil
	}
	v, err := c.current(ctx, catalogFresh)
	if d, ok := v.types[name]; ok {
		return d, nil
	}
	if err == nil {
		v, err = c.current(ctx, catalogRetry)
	}
	if d, ok := v.types[name]; ok {
		return d, nil
	}
	if err != nil {
		return nil, &jobs.Error{Code: jobs.CodeUnavailable, Message: "the types that workers announce cannot be read from Redis", Err: err}
	}
	return nil, c.unknown(name, v)
}

// TypeEntry is a type of the catalog and the number of living worker processes
// that run it.
type TypeEntry struct {
	*jobs.Definition
	Workers int
}

// Types returns every known type, sorted by name. When Redis cannot be read it
// returns what it last knew.
func (c *Catalog) Types(ctx context.Context) []TypeEntry {
	v, err := c.current(ctx, catalogFresh)
	if err != nil {
		c.log.WarnContext(ctx, "announced types not read, using the last known", "error", err)
	}
	all := maps.Clone(v.types)
	if all == nil {
		all = map[string]*jobs.Definition{}
	}
	for _, t := range c.own.Types() {
		all[t.Name] = &t.Definition
	}
	out := make([]TypeEntry, 0, len(all))
	for _, name := range slices.Sorted(maps.Keys(all)) {
		out = append(out, TypeEntry{Definition: all[name], Workers: v.count[name]})
	}
	return out
}

// Weights returns the weight of each queue that a living worker serves: the
// largest that one announces.
func (c *Catalog) Weights(ctx context.Context) map[string]int {
	v, _ := c.current(ctx, catalogFresh)
	out := map[string]int{}
	for _, w := range v.workers {
		if w.State == store.WorkerStopping {
			continue
		}
		for q, weight := range w.Queues {
			out[q] = max(out[q], weight)
		}
	}
	return out
}

// Capacity returns the number of living worker processes and how many jobs they can
// run at once.
func (c *Catalog) Capacity(ctx context.Context) (workers, slots int) {
	v, _ := c.current(ctx, catalogFresh)
	for _, w := range v.workers {
		slots += w.Concurrency
	}
	return len(v.workers), slots
}

func (c *Catalog) unknown(name string, v *view) error {
	known := slices.Collect(maps.Keys(v.types))
	for _, t := range c.own.Types() {
		known = append(known, t.Name)
	}
	detail := "no program has registered this type"
	if best := nearest(name, known); best != "" {
		detail += fmt.Sprintf("; did you mean %q?", best)
	}
	return &jobs.Error{Code: jobs.CodeUnknownType, Message: "unknown job type", Fields: []jobs.FieldError{{Pointer: "/type", Detail: detail}}}
}

// current returns a view that is at most maxAge old, reading Redis for it when
// needed. With an error it returns the last view there was. What comes of a look
// serves all callers, so none of them can end it by going away.
func (c *Catalog) current(ctx context.Context, maxAge time.Duration) (*view, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if now.Sub(c.view.at) <= maxAge {
		return c.view, nil
	}
	if now.Sub(c.lookedAt) <= catalogRetry {
		return c.view, c.lookErr
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), catalogLook)
	defer cancel()
	workers, err := c.read(ctx)
	c.lookedAt, c.lookErr = time.Now(), err
	if err != nil {
		return c.view, err
	}
	c.view = c.index(ctx, workers, now)
	return c.view, nil
}

func (c *Catalog) read(ctx context.Context) ([]Announcement, error) {
	ids, err := c.redis.SMembers(ctx, store.KeyWorkers).Result()
	if err != nil {
		return nil, fmt.Errorf("list workers: %w", err)
	}
	slices.Sort(ids)
	pipe := c.redis.Pipeline()
	cmds := make([]*redis.StringCmd, len(ids))
	for i, id := range ids {
		cmds[i] = pipe.Get(ctx, store.KeyWorkerPrefix+id)
	}
	if len(ids) > 0 {
		_, _ = pipe.Exec(ctx) // each command carries its own error
	}
	var alive []Announcement
	for i, cmd := range cmds {
		raw, err := cmd.Bytes()
		switch {
		case errors.Is(err, redis.Nil):
			c.redis.SRem(ctx, store.KeyWorkers, ids[i])
			continue
		case err != nil:
			return nil, fmt.Errorf("read worker %s: %w", ids[i], err)
		}
		var a Announcement
		if err := json.Unmarshal(raw, &a); err != nil {
			c.log.WarnContext(ctx, "announcement of a worker is not readable", "worker", ids[i], "error", err)
			continue
		}
		alive = append(alive, a)
	}
	return alive, nil
}

// index compiles the announced types; of two schemas for one type, that of the
// worker that started last wins. Unchanged types keep their compiled schema.
func (c *Catalog) index(ctx context.Context, workers []Announcement, now time.Time) *view {
	slices.SortStableFunc(workers, func(a, b Announcement) int { return a.StartedAt.Compare(b.StartedAt) })
	v := &view{at: now, workers: workers, types: map[string]*jobs.Definition{}, count: map[string]int{}}
	for _, w := range workers {
		for _, t := range w.Types {
			if w.State != store.WorkerStopping {
				v.count[t.Name]++
			}
			d, err := c.define(t)
			if err != nil {
				c.log.WarnContext(ctx, "announced type left out", "worker", w.ID, "error", err)
				continue
			}
			v.types[t.Name] = d
		}
	}
	return v
}

// define compiles an announced type, or reuses the last view's when it is the same.
func (c *Catalog) define(t client.Type) (*jobs.Definition, error) {
	if old, ok := c.view.types[t.Name]; ok && reflect.DeepEqual(Describe(old), t) {
		return old, nil
	}
	return define(t)
}
