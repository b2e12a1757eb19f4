package inspect

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"legwork/client"
	"legwork/internal/store"
	"legwork/jobs"
)

// Bounds of one page.
const (
	LimitDefault = 50
	LimitMax     = 500
	scanChunk    = 200 // jobs read at once when they are filtered, at least

	lookMax   = 100_000                // jobs looked at for one page
	lookTime  = 500 * time.Millisecond // and time taken for it
	lookChunk = 50                     // jobs between two looks at the clock
)

// Jobs returns a page of jobs: by state in the order of [jobs.States], then by
// queue, then the newest first (the next due first, while scheduled or waiting
// for a retry). The shards of a queue are merged in that order; of jobs that run,
// by when they became pending. A job that changes state while pages are read may appear twice
// or not at all; one that stays put appears. A page looks at a bounded
// number of jobs, for a bounded time, and says so: it may be short, or empty, although
// more follow. Go on while there is a cursor. An id without a job is shown as missing; a
// list or set that is of another type is told of in Faults while the others are
// read, and is an error where one queue is asked for that shows nothing else. The error is a *[jobs.Error]: invalid_request or unavailable.
func (i *Inspector) Jobs(ctx context.Context, f client.JobFilter) (*client.JobList, error) {
	m, err := newMatcher(f)
	if err != nil {
		return nil, err
	}
	if f.Limit == 0 {
		f.Limit = LimitDefault
	}
	from, err := decodeCursor(f.Cursor, f)
	if err != nil {
		return nil, err
	}
	sections, err := i.sections(ctx, m, from)
	if err != nil {
		return nil, err
	}
	p := &page{matcher: m, limit: f.Limit, until: time.Now().Add(lookTime), list: &client.JobList{Jobs: []client.Job{}}}
	for _, s := range sections {
		if err := i.fill(ctx, p, s); err != nil {
			return nil, wrap("list the jobs", err)
		}
		p.list.Faults = append(p.list.Faults, s.faults()...)
		if p.full() {
			break
		}
	}
	if all := p.list.Faults; len(all) > 0 && f.Queue != "" && len(p.list.Jobs) == 0 {
		return nil, &jobs.Error{Code: jobs.CodeUnavailable, Message: "queue " + f.Queue + " cannot be listed: " + all[0].Detail}
	}
	p.list.Looked.Complete = !p.full()
	return p.list, nil
}

func checkFilter(f client.JobFilter) error {
	_, err := newMatcher(f)
	return err
}

// sections returns what the filter covers, beginning where the cursor stands.
func (i *Inspector) sections(ctx context.Context, m *matcher, from *cursor) ([]*section, error) {
	shards, err := i.shards(ctx)
	if err != nil {
		return nil, err
	}
	queues := slices.Sorted(maps.Keys(shards))
	if q := m.filter.Queue; q != "" {
		queues = []string{q}
	}
	states := m.states()
	var all []*section
	for _, state := range states {
		for _, q := range queues {
			all = append(all, newSection(state, q, shards[q]))
		}
	}
	if from == nil {
		return all, nil
	}
	at := slices.IndexFunc(all, func(s *section) bool {
		before := slices.Index(states, s.state) - slices.Index(states, from.State)
		return before > 0 || before == 0 && s.queue >= from.Queue
	})
	if at < 0 {
		return nil, nil
	}
	if all[at].state == from.State && all[at].queue == from.Queue {
		all[at].resume(from)
	}
	return all[at:], nil
}

// page collects jobs until it is full.
type page struct {
	*matcher
	limit   int
	until   time.Time // when it ends, full or not
	list    *client.JobList
	stopped bool
}

func (p *page) full() bool { return p.stopped }

// take looks at one record and closes the page when it is full.
func (p *page) take(r *record, s *section) {
	looked := &p.list.Looked
	looked.Jobs++
	if r != nil && r.state == s.state && p.passes(r) {
		p.list.Jobs = append(p.list.Jobs, r.view())
	}
	if len(p.list.Jobs) == p.limit || looked.Jobs == lookMax || looked.Jobs%lookChunk == 0 && time.Now().After(p.until) {
		p.stopped = true
		p.list.NextCursor = s.cursor(p.filter).encode()
		looked.Until = s.time(r)
	}
}

// fill adds the section's jobs to the page.
func (i *Inspector) fill(ctx context.Context, p *page, s *section) error {
	chunk := p.limit
	if p.reading {
		chunk = max(chunk, scanChunk)
	}
	if err := i.lookUp(ctx, p.matcher, s); err != nil {
		return err
	}
	for {
		if err := i.load(ctx, s, chunk); err != nil {
			return err
		}
		r, ok := s.next()
		if !ok {
			return nil
		}
		if p.take(r, s); p.full() {
			return nil
		}
	}
}

// records reads the jobs in one round trip; one that is gone is nil, and one whose key
// holds something else has nothing but its id.
func (i *Inspector) records(ctx context.Context, state jobs.State, shard string, refs []ref) ([]*record, error) {
	if len(refs) == 0 {
		return nil, nil
	}
	k := store.KeysOf(shard)
	pipe := i.redis.Pipeline()
	cmds := make([]*redis.SliceCmd, len(refs))
	for n, ref := range refs {
		cmds[n] = pipe.HMGet(ctx, k.Task(ref.id), recordFields()...)
	}
	_, _ = pipe.Exec(ctx) // each command carries its own error
	out := make([]*record, len(refs))
	for n, cmd := range cmds {
		switch err := cmd.Err(); {
		case store.WrongType(err):
			out[n] = &record{id: refs[n].id, queue: shard, state: state, due: refs[n].score, ghost: textAlien}
		case err != nil:
			return nil, err
		default:
			if r, ok := newRecord(shard, refs[n].id, cmd.Val()); ok {
				r.due = refs[n].score
				out[n] = r
			}
		}
	}
	return out, nil
}
