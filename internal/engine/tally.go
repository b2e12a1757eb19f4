package engine

import (
	"context"
	"log/slog"
	"maps"
	"math/bits"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"legwork/internal/stats"
	"legwork/internal/store"
	"legwork/jobs"
)

const (
	// tallyEvery is how often counts are written, if there are any.
	tallyEvery = 2 * time.Second
	// seriesMax bounds the series of a process, and those of a minute or an hour in
	// Redis; what is beyond counts as [stats.Other].
	seriesMax = 1000
)

// Tally counts what happens to jobs in this process, by minute, type and queue, and
// writes the counts to Redis every two seconds, if there are any. All parts of a
// process share one. A nil Tally counts nothing.
//
//	counts --> slots, atomic --harvest--> waiting --freeze--> frozen --count.lua--> Redis
//
// While Redis is away counts wait here; a write that may have arrived is repeated as
// it was and counts once. What a process counted in its last two seconds dies with
// it when it is killed.
type Tally struct {
	redis   redis.UniversalClient
	process string
	script  *redis.Script
	log     *slog.Logger

	series atomic.Pointer[map[stats.Series]*series] // a map is never changed once it is here

	mu      sync.Mutex
	folded  bool                                     // guarded by mu; the log has said so
	waiting map[int64]map[stats.Series]*stats.Counts // guarded by mu; by minute

	writing    sync.Mutex  // held while counts are written
	frozen     []*tallyLot // guarded by writing; in the order in which they are sent
	writes     int64       // guarded by writing; numbers the lots
	complained time.Time   // guarded by writing; that counts are lost

	life   sync.Mutex
	cancel context.CancelFunc // guarded by life; nil before Start and after Stop
	done   sync.WaitGroup
}

// series are the counts of one type in one queue that have not been harvested. A
// minute has the slot of its parity: when the next one begins to use it, it was
// harvested many times.
type series struct {
	name  stats.Series
	slots [2]slot
}

// slot is written times first and read events first: as long as a time may be left
// behind, so is its event, and the next harvest finds both.
type slot struct {
	n    [stats.Events]atomic.Int64
	wait [stats.Buckets]atomic.Int64
	run  [stats.Buckets]atomic.Int64
}

// NewTally returns a tally for the process of that id, which is not writing yet.
func NewTally(c redis.UniversalClient, process string, log *slog.Logger) *Tally {
	t := &Tally{
		redis: c, process: process, script: store.Script(luaFiles, "count"), log: log,
		waiting: map[int64]map[stats.Series]*stats.Counts{},
	}
	t.series.Store(&map[stats.Series]*series{})
	return t
}

// enqueued counts a job that was stored now.
func (t *Tally) enqueued(msg *store.Message, now time.Time) {
	if t == nil {
		return
	}
	t.count(t.find(msg.Type, msg.Queue), happening{events: setOf(stats.Enqueued), wait: noTime, run: noTime}, stats.Minute(now), now)
}

// started counts an attempt that begins now, of a job that could have been started
// since the time given (Unix nanoseconds; 0: nobody knows). It returns where its end
// is to be counted.
func (t *Tally) started(typeName, shard string, now time.Time, since int64) *series {
	if t == nil {
		return nil
	}
	s := t.find(typeName, shard)
	h := happening{events: setOf(stats.Started), wait: noTime, run: noTime}
	if since > 0 {
		h.wait = stats.Bucket(time.Duration(now.UnixNano() - since))
	}
	t.count(s, h, stats.Minute(now), now)
	return s
}

// tallied is what a run leaves for its end to be counted by.
type tallied struct {
	series *series // nil: it does not count
	minute int64   // when the handler returned
	run    int     // bucket of the time since its start
}

// returned notes that the handler of a run that began in a series has returned.
func returned(s *series, began, now time.Time) tallied {
	if s == nil {
		return tallied{}
	}
	return tallied{series: s, minute: stats.Minute(now), run: stats.Bucket(now.Sub(began))}
}

// ended counts the end of an attempt, once it is in Redis. A job that was given back
// has not ended.
func (t *Tally) ended(r tallied, to jobs.State, now time.Time) {
	if t == nil || r.series == nil {
		return
	}
	if events := eventsOf(to); events != 0 {
		t.count(r.series, happening{events: events, wait: noTime, run: r.run}, r.minute, now)
	}
}

// reaped counts an attempt that failed because its process did not end it, and that
// the reaper ended with the message. How long it ran nobody knows. A job whose message
// is as it was goes back without having used up an attempt.
func (t *Tally) reaped(j held, to jobs.State, message []byte, now time.Time) {
	msg, err := store.Decode(message)
	if t == nil || err != nil || string(message) == j.raw {
		return
	}
	if to == jobs.StatePending { // a retry without a delay
		to = jobs.StateRetry
	}
	t.count(t.find(msg.Type, j.queue), happening{events: eventsOf(to), wait: noTime, run: noTime}, stats.Minute(now), now)
}

// eventsOf returns what is counted when an attempt ends in the state.
func eventsOf(to jobs.State) eventSet {
	switch to {
	case jobs.StateCompleted:
		return setOf(stats.Succeeded)
	case jobs.StateRetry:
		return setOf(stats.Failed, stats.Retried)
	case jobs.StateArchived:
		return setOf(stats.Failed, stats.Dead)
	}
	return 0
}

// eventSet has the bit 1<<e for each event e.
type eventSet uint8

func setOf(events ...stats.Event) eventSet {
	var set eventSet
	for _, e := range events {
		set |= 1 << e
	}
	return set
}

func (s eventSet) has(e stats.Event) bool { return s&(1<<e) != 0 }

// noTime is in place of a bucket when there is no time to count.
const noTime = -1

// happening is one thing to count: events, and buckets of times or noTime.
type happening struct {
	events    eventSet
	wait, run int
}

func (h happening) addTo(c *stats.Counts) {
	for e := range stats.Events {
		if h.events.has(e) {
			c.N[e]++
		}
	}
	if h.wait != noTime {
		c.Wait[h.wait]++
	}
	if h.run != noTime {
		c.Run[h.run]++
	}
}

func (s *slot) add(h happening) {
	if h.wait != noTime {
		s.wait[h.wait].Add(1)
	}
	if h.run != noTime {
		s.run[h.run].Add(1)
	}
	for left := h.events; left != 0; left &= left - 1 {
		s.n[bits.TrailingZeros8(uint8(left))].Add(1)
	}
}

// count adds to the counts of the minute. That is mostly the minute of now: then it
// takes no lock and no memory.
func (t *Tally) count(s *series, h happening, minute int64, now time.Time) {
	if minute == stats.Minute(now) {
		s.slots[minute&1].add(h)
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	h.addTo(t.counts(minute, s.name))
}

// counts returns what waits to be written of a minute and a series. The caller
// holds mu.
func (t *Tally) counts(minute int64, name stats.Series) *stats.Counts {
	byName := t.waiting[minute]
	if byName == nil {
		byName = map[stats.Series]*stats.Counts{}
		t.waiting[minute] = byName
	}
	c := byName[name]
	if c == nil {
		c = &stats.Counts{}
		byName[name] = c
	}
	return c
}

// find returns the series of a type in the queue that the shard is of.
func (t *Tally) find(typeName, shard string) *series {
	name := stats.Series{Type: typeName, Queue: store.QueueOf(shard)}
	if s := (*t.series.Load())[name]; s != nil {
		return s
	}
	return t.admit(name)
}

// admit gives the series a place, or that of all the others when there is none.
func (t *Tally) admit(name stats.Series) *series {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := *t.series.Load()
	switch {
	case !name.Fits():
		name = stats.Other()
	case all[name] == nil && len(all) >= seriesMax-1:
		if !t.folded {
			t.folded = true
			t.log.Warn("too many types and queues to count each; further ones are counted together", "most", seriesMax, "as", stats.Other().Field(), "first", name.Field())
		}
		name = stats.Other()
	}
	if s := all[name]; s != nil {
		return s
	}
	more := make(map[stats.Series]*series, len(all)+1)
	maps.Copy(more, all)
	s := &series{name: stats.Series{Type: strings.Clone(name.Type), Queue: strings.Clone(name.Queue)}}
	more[s.name] = s
	t.series.Store(&more)
	return s
}
