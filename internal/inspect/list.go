package inspect

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/redis/go-redis/v9"

	"legwork/client"
	"legwork/internal/store"
	"legwork/jobs"
)

// Bounds of one page.
const (
	LimitDefault = 50
	LimitMax     = 500
	scanMax      = 5000 // jobs looked at for one page, when filtering by type or tag
	scanChunk    = 200  // jobs read at once then, at least
)

// Jobs returns a page of jobs: by state in the order of [jobs.States], then by
// queue, then the newest first (the next due first, while scheduled or waiting
// for a retry). The shards of a queue are merged in that order; of jobs that run,
// by when they became pending. A job that changes state while pages are read may appear twice
// or not at all; one that stays put appears. With a type or tag filter a page
// may be shorter than the limit although more follow: go on while there is a
// cursor. The error is a *[jobs.Error]: invalid_request or unavailable.
func (i *Inspector) Jobs(ctx context.Context, f client.JobFilter) (*client.JobList, error) {
	if err := checkFilter(f); err != nil {
		return nil, err
	}
	if f.Limit == 0 {
		f.Limit = LimitDefault
	}
	from, err := decodeCursor(f.Cursor, f)
	if err != nil {
		return nil, err
	}
	sections, err := i.sections(ctx, f, from)
	if err != nil {
		return nil, err
	}
	p := &page{filter: f, list: &client.JobList{Jobs: []client.Job{}}}
	for _, s := range sections {
		if err := i.fill(ctx, p, s); err != nil {
			return nil, wrap("list the jobs", err)
		}
		if p.full() {
			break
		}
	}
	return p.list, nil
}

func checkFilter(f client.JobFilter) error {
	var fields []jobs.FieldError
	add := func(name, why string) {
		if why != "" {
			fields = append(fields, jobs.FieldError{Pointer: "/" + name, Detail: why})
		}
	}
	if f.State != "" && !jobs.State(f.State).Valid() {
		add("state", fmt.Sprintf("must be one of %v", jobs.States()))
	}
	if f.Queue != "" {
		add("queue", jobs.CheckQueue(f.Queue))
	}
	if f.Type != "" {
		add("type", jobs.CheckType(f.Type))
	}
	if f.Tag != "" {
		add("tag", jobs.CheckTag(f.Tag))
	}
	if f.Limit < 0 || f.Limit > LimitMax {
		add("limit", "must be 1 to "+strconv.Itoa(LimitMax))
	}
	if len(fields) > 0 {
		return &jobs.Error{Code: jobs.CodeInvalidRequest, Message: "the list has wrong parameters", Fields: fields}
	}
	return nil
}

// sections returns what the filter covers, beginning where the cursor stands.
func (i *Inspector) sections(ctx context.Context, f client.JobFilter, from *cursor) ([]*section, error) {
	shards, err := i.shards(ctx)
	if err != nil {
		return nil, err
	}
	queues := slices.Sorted(maps.Keys(shards))
	if f.Queue != "" {
		queues = []string{f.Queue}
	}
	states := jobs.States()
	if f.State != "" {
		states = []jobs.State{jobs.State(f.State)}
	}
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
	filter  client.JobFilter
	list    *client.JobList
	scanned int
	stopped bool
}

func (p *page) full() bool { return p.stopped }

// take looks at one record and closes the page when it is full.
func (p *page) take(r *record, s *section) {
	p.scanned++
	if r != nil && r.state == s.state && p.matches(r) {
		p.list.Jobs = append(p.list.Jobs, r.view())
	}
	if len(p.list.Jobs) == p.filter.Limit || p.scanned == scanMax {
		p.stopped = true
		p.list.NextCursor = s.cursor(p.filter).encode()
	}
}

// filters reports whether jobs have to be read to know whether they belong to
// the page.
func (p *page) filters() bool { return p.filter.Type != "" || p.filter.Tag != "" }

func (p *page) matches(r *record) bool {
	if !p.filters() {
		return true
	}
	if r.msg == nil {
		return false
	}
	return (p.filter.Type == "" || r.msg.Type == p.filter.Type) &&
		(p.filter.Tag == "" || slices.Contains(r.msg.Meta().Tags, p.filter.Tag))
}

// fill adds the section's jobs to the page.
func (i *Inspector) fill(ctx context.Context, p *page, s *section) error {
	chunk := p.filter.Limit
	if p.filters() {
		chunk = max(chunk, scanChunk)
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

// records reads the jobs in one round trip; one that is gone is nil.
func (i *Inspector) records(ctx context.Context, queue string, refs []ref) ([]*record, error) {
	if len(refs) == 0 {
		return nil, nil
	}
	k := store.KeysOf(queue)
	pipe := i.redis.Pipeline()
	cmds := make([]*redis.SliceCmd, len(refs))
	for n, ref := range refs {
		cmds[n] = pipe.HMGet(ctx, k.Task(ref.id), recordFields()...)
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, err
	}
	out := make([]*record, len(refs))
	for n, cmd := range cmds {
		if r, ok := newRecord(queue, refs[n].id, cmd.Val()); ok {
			r.due = refs[n].score
			out[n] = r
		}
	}
	return out, nil
}
