package inspect

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"legwork/client"
	"legwork/internal/store"
	"legwork/jobs"
)

// laneChunkMin is how many jobs are read at least from one of several shards.
const laneChunkMin = 20

// section is the jobs of one state in one queue: its shards, merged in order.
type section struct {
	state jobs.State
	queue string
	lanes []*lane
	at    *lane // that of the job that next returned last
}

// lane is the part of a section that one shard holds.
type lane struct {
	shard   string
	index   string    // the index to read in place of the state's set, or ""
	fault   error     // why it cannot be read
	last    *mark     // the last job looked at; nil: none yet
	refs    []ref     // read and not looked at yet, in order
	records []*record // of refs; nil for a job that is gone
	dry     bool      // nothing is behind refs
}

// key is the list or set that the lane is read from.
func (l *lane) key(state jobs.State) string {
	if l.index != "" {
		return l.index
	}
	return store.KeysOf(l.shard).State(string(state))
}

func newSection(state jobs.State, queue string, shards []string) *section {
	if len(shards) == 0 {
		shards = []string{queue}
	}
	s := &section{state: state, queue: queue}
	for _, name := range shards {
		s.lanes = append(s.lanes, &lane{shard: name})
	}
	return s
}

// resume makes the section begin where the cursor stands. Shards that the cursor
// does not know begin at their start.
func (s *section) resume(c *cursor) {
	for _, m := range c.marks() {
		for _, l := range s.lanes {
			if store.ShardNumber(l.shard) == m.Shard {
				l.last = &m
			}
		}
	}
}

// cursor is where the section stands: behind the last job of [section.next].
func (s *section) cursor(f client.JobFilter) *cursor {
	c := &cursor{State: s.state, Queue: s.queue, Filter: filterKey(f)}
	var all []mark
	for _, l := range s.lanes {
		if l.last != nil {
			all = append(all, *l.last)
		}
	}
	c.mark, c.More = all[0], all[1:]
	return c
}

// time is that of the job of [section.next], in the terms of [record.time].
func (s *section) time(r *record) *time.Time {
	at := 0.0
	switch {
	case r != nil && r.state == s.state:
		at = r.time()
	case !isList(s.state) && s.state != jobs.StateCompleted:
		at, _ = strconv.ParseFloat(s.at.last.Score, 64)
	}
	if at <= 0 {
		return nil
	}
	return moment(time.UnixMicro(int64(min(at, maxUnix) * 1e6)))
}

// load reads the next jobs of each lane that has none left, up to about chunk in
// all.
func (i *Inspector) load(ctx context.Context, s *section, chunk int) error {
	if n := len(s.lanes); n > 1 {
		chunk = min(chunk, max(laneChunkMin, 2*chunk/n))
	}
	empty := slices.DeleteFunc(slices.Clone(s.lanes), func(l *lane) bool { return l.dry || len(l.refs) > 0 })
	return each(empty, func(_ int, l *lane) error { return i.loadLane(ctx, s.state, l, chunk) })
}

// loadLane ends a lane whose key is none of the state's, and notes the fault.
func (i *Inspector) loadLane(ctx context.Context, state jobs.State, l *lane, chunk int) error {
	start, err := i.start(ctx, state, l)
	if err == nil {
		l.refs, err = i.refs(ctx, state, l, start, int64(chunk))
	}
	if store.WrongType(err) {
		l.fault, l.dry = err, true
		return nil
	}
	if err != nil {
		return err
	}
	l.dry = len(l.refs) < chunk
	if l.records, err = i.records(ctx, state, l.shard, l.refs); err != nil {
		return err
	}
	return passOver(i.ghosts(ctx, state, l, start))
}

// faults are what could not be read of the section.
func (s *section) faults() []client.Fault {
	var all []client.Fault
	for _, l := range s.lanes {
		if l.fault != nil {
			all = append(all, client.Fault{
				Queue: s.queue, State: string(s.state), Code: client.CodeUnavailable, Detail: fmt.Sprintf(faultDetail, l.key(s.state)),
			})
		}
	}
	return all
}

// loadWhole is load for those who would not miss what cannot be read: a fault is an error.
func (i *Inspector) loadWhole(ctx context.Context, s *section, chunk int) error {
	if err := i.load(ctx, s, chunk); err != nil {
		return err
	}
	if all := s.faults(); len(all) > 0 {
		return &jobs.Error{Code: jobs.CodeUnavailable, Message: "queue " + s.queue + " cannot be read: " + all[0].Detail}
	}
	return nil
}

// next moves on by one job and returns its record, nil when it is gone; false at
// the end of the section.
func (s *section) next() (*record, bool) {
	var first *lane
	for _, l := range s.lanes {
		if len(l.refs) > 0 && (first == nil || s.compare(l, first) < 0) {
			first = l
		}
	}
	if first == nil {
		return nil, false
	}
	s.at = first
	r, at := first.records[0], first.refs[0]
	first.refs, first.records = first.refs[1:], first.records[1:]
	first.last = &mark{ID: at.id, Tail: at.tail, Shard: store.ShardNumber(first.shard)}
	if !isList(s.state) {
		first.last.Score = scoreText(at.score)
	}
	return r, true
}

// compare orders two lanes by their next jobs; those of one time stay in the order
// of the shards.
func (s *section) compare(a, b *lane) int {
	switch {
	case isList(s.state):
		return cmp.Compare(b.records[0].pendingSince(), a.records[0].pendingSince())
	case newestLast(s.state):
		return cmp.Compare(a.refs[0].score, b.refs[0].score)
	}
	return cmp.Compare(b.refs[0].score, a.refs[0].score)
}
