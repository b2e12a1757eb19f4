package inspect

import (
	"context"
	"slices"
	"time"

	"legwork/client"
	"legwork/jobs"
)

// Bounds of one page.
const (
	LimitDefault = 50
	LimitMax     = 500

	lookMax  = 100_000                // jobs looked at for one page
	lookTime = 500 * time.Millisecond // and time taken for it
)

// Jobs returns a page of jobs: by state in the order of [jobs.States], and in each state
// those of all queues together, the newest first. That is by when they became pending,
// while pending or running; by when they died; by when they are due, the next first,
// while scheduled or waiting for a retry; and by how long they are kept, once completed,
// which is by when they ended if they have one retention. Those of one time go by their
// ids, in lists of pending and running jobs by their places.
//
// One that stays put while pages are read appears exactly once, and one that changes
// may appear twice or not at all. (A pending or running one may also appear twice when all
// four jobs before the end of a page have left, and it has the very time of the last.) A
// page looks at a bounded number of jobs, for a bounded time, and says so: it may be
// short, or empty, although more follow. Go on while there is a cursor. An id
// without a job is shown as missing; a list or set that is of another type is told of in
// Faults while the others are read, and is an error where one queue is asked for that
// shows nothing else. The error is a *[jobs.Error]: invalid_request or unavailable.
func (i *Inspector) Jobs(ctx context.Context, f client.JobFilter) (*client.JobList, error) {
	m, err := newMatcher(f)
	if err != nil {
		return nil, err
	}
	if f.Limit == 0 {
		f.Limit = LimitDefault
	}
	from, err := decodeCursor(f.Cursor, m)
	if err != nil {
		return nil, err
	}
	sections, err := i.open(ctx, m)
	if err != nil {
		return nil, err
	}
	if from != nil {
		sections = sections[slices.Index(m.states(), from.state):]
		sections[0].resume(from)
	}
	p := &page{matcher: m, limit: f.Limit, until: time.Now().Add(lookTime), list: &client.JobList{Jobs: []client.Job{}}}
	for _, s := range sections {
		if err := i.fill(ctx, p, s); err != nil {
			return nil, wrap("list the jobs", err)
		}
		p.list.Faults = append(p.list.Faults, s.faults()...)
		if p.full {
			break
		}
	}
	if all := p.list.Faults; len(all) > 0 && f.Queue != "" && len(p.list.Jobs) == 0 {
		return nil, &jobs.Error{Code: jobs.CodeUnavailable, Message: "queue " + f.Queue + " cannot be listed: " + all[0].Detail}
	}
	p.list.Looked.Complete = !p.full
	return p.list, nil
}

func checkFilter(f client.JobFilter) error {
	_, err := newMatcher(f)
	return err
}

// page collects jobs until it is full.
type page struct {
	*matcher
	limit int
	until time.Time // when it ends, full or not
	list  *client.JobList
	full  bool
}

// fill adds the section's jobs to the page.
func (i *Inspector) fill(ctx context.Context, p *page, s *section) error {
	if err := i.lookUp(ctx, p.matcher, s); err != nil {
		return err
	}
	for some, err := range i.scan(ctx, s, p.limit) {
		if err != nil {
			return err
		}
		for _, e := range some {
			if p.take(e, s); p.full {
				return nil
			}
		}
	}
	return nil
}

// take looks at one job and closes the page when it is full.
func (p *page) take(e *entry, s *section) {
	s.look(e)
	looked := &p.list.Looked
	looked.Jobs++
	if p.wants(e, s.state) {
		p.list.Jobs = append(p.list.Jobs, e.r.view())
	}
	if len(p.list.Jobs) == p.limit || looked.Jobs == lookMax || time.Now().After(p.until) {
		p.full = true
		p.list.NextCursor = s.cursor(p.filter).encode()
		looked.Until = s.time()
	}
}
