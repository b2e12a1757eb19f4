package inspect

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"legwork/client"
	"legwork/internal/store"
	"legwork/jobs"
)

// stateAggregating is a state of jobs of other asynq clients only.
const stateAggregating jobs.State = "aggregating"

// listenPing is how often a quiet subscription is tried.
const listenPing = 10 * time.Second

// Watch follows one job: its log, its progress and its state. It remembers what it
// has told, and can be taken up again by another process after any event.
//
//	Watch --> Look, Look, ... until it is over; between two looks, [Inspector.Listen]
type Watch struct {
	inspector *Inspector
	id, queue string // the queue is the shard where the job was last seen, or ""
	at        place
}

// place is how far a watch has told of its job: after a line of the log, a report of
// progress, and a state. It is the id of an event.
type place struct {
	linePlace
	progress int64  // Unix milliseconds of the report, 0 before the first
	state    string // "" before the first
	attempt  int
}

func (p place) String() string {
	return p.linePlace.String() + "." + strconv.FormatInt(p.progress, 10) + "." + p.state + "." + strconv.Itoa(p.attempt)
}

// parsePlace reads a place; "" is the beginning.
func parsePlace(text string) (p place, ok bool) {
	if text == "" {
		return place{}, true
	}
	words := strings.Split(text, ".")
	if len(words) != 5 {
		return place{}, false
	}
	var errs [2]error
	p.linePlace, ok = parseLinePlace(words[0] + "." + words[1])
	p.progress, errs[0] = strconv.ParseInt(words[2], 10, 64)
	p.attempt, errs[1] = strconv.Atoi(words[4])
	p.state = words[3]
	known := p.state == "" || p.state == client.StateDeleted || p.state == string(stateAggregating) || jobs.State(p.state).Valid()
	return p, ok && known && errs[0] == nil && errs[1] == nil && p.String() == text
}

// Watch begins to follow a job, or goes on after the event with the given id, unless
// that is "". The error is a *[jobs.Error]: invalid_request for what is not such an id.
func (i *Inspector) Watch(id, after string) (*Watch, error) {
	at, ok := parsePlace(after)
	if !ok {
		return nil, &jobs.Error{
			Code: jobs.CodeInvalidRequest, Message: "the events cannot be continued",
			Fields: []jobs.FieldError{{Pointer: "/Last-Event-ID", Detail: "is not the id of an event; start again without one"}},
		}
	}
	return &Watch{inspector: i, id: id, at: at}, nil
}

// Look is what a watch has found.
type Look struct {
	Events []client.JobEvent
	More   bool // look again at once: there is more to tell
	Over   bool // the job has ended, and all is told
}

// Look tells what has happened since the last look: at most what one run has logged.
// A job that was there before and is gone is over. The error is a *[jobs.Error]:
// not_found when there is no such job at the first look, or unavailable.
func (w *Watch) Look(ctx context.Context) (Look, error) {
	r, runs, err := w.read(ctx)
	if jobs.CodeOf(err) == jobs.CodeNotFound && err != nil && w.at.state != "" {
		return w.gone(), nil
	}
	if err != nil {
		return Look{}, err
	}
	view := r.view()
	var seen Look
	changed := string(r.state) != w.at.state || view.Attempt != w.at.attempt
	if changed && r.state == jobs.StateActive { // before what the run says
		w.tellState(&seen, view)
	}
	if seen.More, err = w.tellLines(ctx, &seen, runs); err != nil || seen.More {
		return seen, err
	}
	if p := view.Progress; p != nil && p.At.UnixMilli() != w.at.progress {
		w.at.progress = p.At.UnixMilli()
		seen.Events = append(seen.Events, client.JobEvent{ID: w.at.String(), Event: client.EventProgress, Progress: p})
	}
	if changed && r.state != jobs.StateActive { // after what its last run has said
		w.tellState(&seen, view)
	}
	seen.Over = r.state.Final()
	return seen, nil
}

func (w *Watch) gone() Look {
	if w.at.state == client.StateDeleted {
		return Look{Over: true}
	}
	w.at.state = client.StateDeleted
	change := &client.StateChange{State: client.StateDeleted, Attempt: w.at.attempt}
	return Look{Events: []client.JobEvent{{ID: w.at.String(), Event: client.EventState, State: change}}, Over: true}
}

func (w *Watch) tellState(seen *Look, j client.Job) {
	w.at.state, w.at.attempt = j.State, j.Attempt
	seen.Events = append(seen.Events, client.JobEvent{ID: w.at.String(), Event: client.EventState, State: &client.StateChange{
		State: j.State, Attempt: j.Attempt, MaxRetries: j.MaxRetries, LastError: j.LastError, Discarded: j.Discarded,
		NextRunAt: j.NextRunAt, FinishedAt: j.FinishedAt,
	}})
}

// tellLines tells new lines of the oldest run that has some, and reports whether a
// later one has some, too.
func (w *Watch) tellLines(ctx context.Context, seen *Look, runs []store.LogRun) (more bool, err error) {
	next := slices.IndexFunc(runs, func(r store.LogRun) bool {
		return r.Number > w.at.run || r.Number == w.at.run && r.Lines > w.at.line
	})
	if next < 0 {
		return false, nil
	}
	run := runs[next]
	lines, err := w.inspector.logLines(ctx, store.KeysOf(w.queue).Task(w.id), run, w.at.linePlace)
	if err != nil {
		return false, wrap("read the job's log", err)
	}
	for n := range lines {
		w.at.linePlace, _ = parseLinePlace(lines[n].ID)
		seen.Events = append(seen.Events, client.JobEvent{ID: w.at.String(), Event: client.EventLog, Log: &lines[n]})
	}
	w.at.linePlace = linePlace{run.Number, run.Lines} // also when lines have gone meanwhile
	return next+1 < len(runs), nil
}

// read reads the job and which runs have logged, where it was last seen or else
// wherever it is.
func (w *Watch) read(ctx context.Context) (*record, []store.LogRun, error) {
	if w.queue != "" {
		r, runs, err := w.readAt(ctx, w.queue)
		if r != nil || err != nil {
			return r, runs, err
		}
	}
	found, err := w.inspector.find(ctx, w.id)
	if err != nil {
		return nil, nil, err
	}
	w.queue = found.queue
	r, runs, err := w.readAt(ctx, w.queue)
	if r == nil && err == nil {
		err = notFound()
	}
	return r, runs, err
}

// readAt reads the job in a shard; nil when it is not there.
func (w *Watch) readAt(ctx context.Context, queue string) (*record, []store.LogRun, error) {
	fields := append(recordFields(), store.FieldLogRuns)
	values, err := w.inspector.redis.HMGet(ctx, store.KeysOf(queue).Task(w.id), fields...).Result()
	if err != nil {
		return nil, nil, wrap("read the job", err)
	}
	last := len(values) - 1
	r, ok := newRecord(queue, w.id, values[:last])
	if !ok {
		return nil, nil, nil
	}
	text, _ := values[last].(string)
	return r, store.LogRuns(text), w.inspector.addDue(ctx, r)
}

// Listen returns a channel that has something whenever the job's log or progress may
// have grown, and a function that ends it. Words can be lost with a connection, so
// who listens looks from time to time as well. Each listener has a connection of its
// own: the caller bounds their number.
func (i *Inspector) Listen(ctx context.Context, id string) (<-chan struct{}, func()) {
	sub := i.redis.Subscribe(context.WithoutCancel(ctx), store.ChannelLog+":"+id)
	grown := make(chan struct{}, 1)
	var done sync.WaitGroup
	done.Go(func() {
		for range sub.Channel(redis.WithChannelHealthCheckInterval(listenPing)) {
			select {
			case grown <- struct{}{}:
			default:
			}
		}
	})
	return grown, func() {
		_ = sub.Close()
		done.Wait()
	}
}
