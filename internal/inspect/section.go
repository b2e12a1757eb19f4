package inspect

import (
	"cmp"
	"container/heap"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"legwork/client"
	"legwork/internal/store"
	"legwork/jobs"
)

// Entries to read of all lanes at once, as a rule, and of one lane at least.
const (
	refsMany     = 2000
	laneChunkMin = 10
)

// section is the jobs of one state: the lanes of all shards of its queues, merged in
// order. In lists they go by since when they wait, the newest first; in sorted sets by
// score, then id, then shard: a total order, in which one entry is a place in every lane.
type section struct {
	state jobs.State
	lanes []*lane // in the order of their shards
	end   float64 // score at which a sorted set has been read

	strict bool // what cannot be read is an error

	last *entry // looked at
}

// lane is the part of a section that one shard holds.
type lane struct {
	number int    // among the section's lanes
	shard  string //
	index  string // the index to read in place of the state's set, or ""
	fault  error  // why it cannot be read
	from   *mark  // behind what has been read; nil: nothing yet
	seen   *mark  // in a list: behind what has been looked at; nil: nothing yet
	refs   []ref  // read, and not merged yet, in order
	many   int    // entries of the next read
	dry    bool   // nothing is behind refs
}

// entry is a job in its place.
type entry struct {
	ref
	lane *lane
	r    *record // nil when the job is gone
}

// key is the list or set that the lane is read from.
func (l *lane) key(state jobs.State) string {
	if l.index != "" {
		return l.index
	}
	return store.KeysOf(l.shard).State(string(state))
}

// newSection returns what the filter covers of the shards in one state. Times of the
// filter bound what is read where they are scores.
func newSection(m *matcher, state jobs.State, shards []string) *section {
	since, until := math.Inf(-1), math.Inf(1)
	if m.filter.Since != nil {
		since = seconds(*m.filter.Since)
	}
	if m.filter.Until != nil {
		until = seconds(*m.filter.Until)
	}
	s := &section{state: state, end: since}
	start := until
	switch {
	case newestLast(state):
		start, s.end = since, until
	case state == jobs.StateCompleted: // the score is the end of the retention
		start = math.Inf(1)
	}
	for n, name := range shards {
		l := &lane{number: n, shard: name}
		if !math.IsInf(start, 0) && !isList(state) {
			l.from = &mark{score: start}
		}
		s.lanes = append(s.lanes, l)
	}
	return s
}

// ends reports whether a sorted set has been read where it comes to the score.
func (s *section) ends(score float64) bool {
	if newestLast(s.state) {
		return score >= s.end && !math.IsInf(s.end, 1)
	}
	return score < s.end
}

// look notes that an entry has been looked at.
func (s *section) look(e *entry) {
	s.last = e
	if isList(s.state) {
		e.lane.seen = e.lane.seen.behind(e.ref)
	}
}

// time is that of the last job looked at, in the terms of [record.time].
func (s *section) time() *time.Time {
	at := 0.0
	switch r := s.last.r; {
	case r != nil && r.state == s.state:
		at = r.time()
	case !isList(s.state) && s.state != jobs.StateCompleted:
		at = s.last.score
	}
	if at <= 0 {
		return nil
	}
	return moment(time.UnixMicro(int64(min(at, maxUnix) * 1e6)))
}

// next moves on by up to n jobs. Fewer are left only when there are none at all.
func (i *Inspector) next(ctx context.Context, s *section, n int) ([]*entry, error) {
	var some []*entry
	for len(some) < n {
		if err := i.refill(ctx, s, n); err != nil {
			return nil, err
		}
		more := s.merge(n - len(some))
		if len(more) == 0 {
			break
		}
		some = append(some, more...)
	}
	if s.strict {
		if err := s.whole(); err != nil {
			return nil, err
		}
	}
	return some, i.records(ctx, s.state, some)
}

// refill reads on in every lane that has little left, if one has nothing left. The more
// often a lane is read, the more is read of it.
func (i *Inspector) refill(ctx context.Context, s *section, n int) error {
	if !slices.ContainsFunc(s.lanes, (*lane).starved) {
		return nil
	}
	byMany := map[int][]*lane{}
	for _, l := range s.lanes {
		if l.many == 0 {
			l.many = min(n, max(laneChunkMin, refsMany/len(s.lanes)))
		}
		if !l.dry && len(l.refs) <= l.many/2 {
			byMany[l.many] = append(byMany[l.many], l)
			l.many = min(2*l.many, max(n, laneChunkMin))
		}
	}
	for many, lanes := range byMany {
		if err := i.read(ctx, s, lanes, many); err != nil {
			return err
		}
	}
	return nil
}

func (l *lane) starved() bool { return !l.dry && len(l.refs) == 0 }

// merge takes up to n entries off the lanes, in order, until one of them has to be read
// on.
func (s *section) merge(n int) []*entry {
	h := lanesByNext{section: s}
	for _, l := range s.lanes {
		if len(l.refs) > 0 {
			h.lanes = append(h.lanes, l)
		}
	}
	heap.Init(&h)
	var some []*entry
	for len(some) < n && len(h.lanes) > 0 {
		l := h.lanes[0]
		some = append(some, &entry{ref: l.refs[0], lane: l})
		l.refs = l.refs[1:]
		switch {
		case len(l.refs) > 0:
			heap.Fix(&h, 0)
		case l.dry:
			heap.Pop(&h)
		default:
			return some
		}
	}
	return some
}

// lanesByNext is a heap of lanes: the one whose entry comes next is the first.
type lanesByNext struct {
	*section
	lanes []*lane
}

func (h *lanesByNext) Len() int      { return len(h.lanes) }
func (h *lanesByNext) Swap(i, j int) { h.lanes[i], h.lanes[j] = h.lanes[j], h.lanes[i] }
func (h *lanesByNext) Push(x any)    { h.lanes = append(h.lanes, x.(*lane)) }
func (h *lanesByNext) Less(i, j int) bool {
	return h.compare(h.lanes[i], h.lanes[j]) < 0
}

func (h *lanesByNext) Pop() any {
	last := h.lanes[len(h.lanes)-1]
	h.lanes = h.lanes[:len(h.lanes)-1]
	return last
}

// compare orders two lanes by their next entries.
func (s *section) compare(a, b *lane) int {
	x, y := &a.refs[0], &b.refs[0]
	var order int
	switch {
	case isList(s.state):
		order = cmp.Compare(y.since, x.since)
	case newestLast(s.state):
		order = cmp.Or(cmp.Compare(x.score, y.score), strings.Compare(x.id, y.id))
	default:
		order = cmp.Or(cmp.Compare(y.score, x.score), strings.Compare(y.id, x.id))
	}
	return cmp.Or(order, cmp.Compare(a.number, b.number))
}

// faults are what could not be read of the section.
func (s *section) faults() []client.Fault {
	var all []client.Fault
	for _, l := range s.lanes {
		if l.fault != nil {
			all = append(all, client.Fault{
				Queue: store.QueueOf(l.shard), State: string(s.state), Code: client.CodeUnavailable, Detail: fmt.Sprintf(faultDetail, l.key(s.state)),
			})
		}
	}
	return all
}

// whole is an error when something of the section cannot be read, for those who would not
// miss it.
func (s *section) whole() error {
	if all := s.faults(); len(all) > 0 {
		return &jobs.Error{Code: jobs.CodeUnavailable, Message: "queue " + all[0].Queue + " cannot be read: " + all[0].Detail}
	}
	return nil
}
