package engine

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"legwork/internal/store"
)

const (
	// waitMax bounds how long a dequeue waits before it answers "nothing", so
	// that asynq's dispatcher notices a stop.
	waitMax = 250 * time.Millisecond
	// peekEvery is how often the hub looks for itself: at jobs of producers that
	// do not wake it, and after a lost wake-up.
	peekEvery = time.Second
	// peekTimes is how many looks go by for one that also reads start times.
	peekTimes = 5
	// expireEvery is how often expired completed jobs are deleted.
	expireEvery = 8 * time.Second
	// bufferedMax is how long a taken job may wait for a free slot before it is
	// given back to other processes.
	bufferedMax = 50 * time.Millisecond
	// takenMax is how old a taken job may be when it is handed out. It is less than
	// the time after which others may be given it.
	takenMax = 15 * time.Second
	// putOffTime is how long a job waits whose earlier run has not returned.
	putOffTime = 2 * time.Second
	// prefetchMax bounds the jobs taken at once.
	prefetchMax = 100
	// prefetchQuick is the time within which a full take must have been used up
	// for the next one to be larger.
	prefetchQuick = 20 * time.Millisecond
)

// hub knows which queues may hold jobs, so that an idle pool waits for a word
// instead of asking Redis again and again. A queue is asked only while it is
// dirty: it was never asked, somebody woke it, or the last answer left jobs
// behind.
//
//	wake(queue) --> dirty --> take --> jobs left? --> dirty
//	                                `-> none ------> clean: dequeues wait
type hub struct {
	redis  redis.UniversalClient
	holder string // this process, as the jobs it holds name it
	log    *slog.Logger
	takes  *redis.Script
	ender  ender
	held   *holdings
	wrong  *complaints // of the worker

	mu      sync.Mutex
	lanes   map[string]*lane // guarded by mu
	waiting []*waiter        // guarded by mu; the last one is woken first
	closed  bool             // guarded by mu; nothing is taken any more
	quiet   bool             // guarded by mu; nothing is taken until somebody says so

	forwarder *forwarder
	reaper    *reaper
	cancel    context.CancelFunc
	done      sync.WaitGroup
}

// lane is one queue as the hub knows it. Guarded by the hub's mu.
type lane struct {
	keys     store.Keys
	queue    string
	dirty    bool          // may hold jobs
	taking   chan struct{} // closed when the take under way is over; nil when there is none
	giving   chan struct{} // closed when what was taken ahead is back in Redis; nil when none of it is on its way
	buffer   []taken       // jobs taken and not handed out, the oldest first
	prefetch int           // how many jobs to take next time
	tookAt   time.Time
	sweeping bool // a sweep is to come
}

// taken is a job that this process has taken ahead.
type taken struct {
	*holding
	at moment // when it was asked for
}

// waiter is a dequeue that waits for work in one of its queues.
type waiter struct {
	queues []string
	woken  chan string // gets the queue's name; buffered
}

func newHub(w *Worker, holder string) *hub {
	h := &hub{
		redis: w.Redis, holder: holder, held: w.holdings, wrong: w.wrong, log: w.Log, takes: store.Script(luaFiles, "take"), ender: newEnder(w.Redis, holder),
		lanes: map[string]*lane{},
	}
	h.forwarder = newForwarder(w.Redis, h)
	h.reaper = newReaper(w.Redis, func(context.Context) ([]string, error) { return h.queues(), nil }, w.wrong, w.Log)
	h.reaper.self, h.reaper.tally = holder, w.Tally
	h.reaper.knows = func(queue, id string) bool { return w.holdings.find(queue, id) != nil || h.buffers(queue, id) }
	return h
}

// serve makes the queues those that the hub looks after, and gives back what was
// taken of others.
func (h *hub) serve(ctx context.Context, queues []string) {
	h.mu.Lock()
	var left []*lane
	for q, l := range h.lanes {
		if !slices.Contains(queues, q) {
			delete(h.lanes, q)
			left = append(left, l)
		}
	}
	for _, q := range queues {
		if h.lanes[q] == nil {
			h.lanes[q] = &lane{keys: store.KeysOf(q), queue: q, dirty: true, prefetch: 1}
		}
	}
	h.mu.Unlock()
	h.forwarder.serve(queues)
	for _, l := range left {
		h.giveBack(ctx, l)
	}
}

// queues names those that the hub looks after.
func (h *hub) queues() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Sorted(maps.Keys(h.lanes))
}

// start runs what the worker has not left to asynq.
func (h *hub) start(ctx context.Context, w *Worker) {
	ctx, h.cancel = context.WithCancel(context.WithoutCancel(ctx))
	h.done.Go(func() { h.look(ctx) })
	h.done.Go(func() { h.expire(ctx) })
	if !w.plain(Forward) {
		h.done.Go(func() { h.forwarder.run(ctx) })
	}
	if !w.plain(Reap) {
		h.done.Go(func() { h.reaper.run(ctx) })
	}
}

// buffers reports whether the job was taken ahead and waits for a free slot.
func (h *hub) buffers(queue, id string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	l := h.lanes[queue]
	return l != nil && slices.ContainsFunc(l.buffer, func(t taken) bool { return t.id == id })
}

// close makes dequeues answer "nothing" and gives back what nobody will start.
func (h *hub) close(ctx context.Context) {
	h.mu.Lock()
	h.closed = true
	for _, w := range h.waiting {
		w.woken <- ""
	}
	h.waiting = nil
	h.mu.Unlock()
	h.giveBackAll(ctx)
}

// stop ends the hub's goroutines.
func (h *hub) stop() {
	h.cancel()
	h.done.Wait()
}

// hear reads a message of the wake channel: "w" and a queue that has become
// non-empty, or "d" and a queue whose earliest start time has changed.
func (h *hub) hear(message string) {
	if message == "" {
		return
	}
	switch kind, queue := message[0], message[1:]; kind {
	case 'w':
		h.wake(queue)
	case 'd':
		h.forwarder.look(queue)
	}
}

// wake marks the queue as one that may hold jobs and wakes one dequeue that
// waits for it. When none waits, the next dequeue finds the mark.
func (h *hub) wake(queue string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if l := h.lanes[queue]; l != nil {
		l.dirty = true
		if !h.quiet {
			h.wakeOne(queue)
		}
	}
}

// wakeOne wakes the waiter that came last: the pool that was busy last. The
// caller holds mu.
func (h *hub) wakeOne(queue string) {
	for i, w := range slices.Backward(h.waiting) {
		if slices.Contains(w.queues, queue) {
			h.waiting = slices.Delete(h.waiting, i, i+1)
			w.woken <- queue
			return
		}
	}
}
