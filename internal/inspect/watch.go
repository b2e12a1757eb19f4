package inspect

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"legwork/client"
	"legwork/internal/store"
	"legwork/jobs"
)

// stateAggregating is a state of jobs of other asynq clients only.
const stateAggregating jobs.State = "aggregating"

// Watch follows one job: its log, its progress and its state. It remembers what it
// has told, and can be taken up again by another process after any event.
//
//	Watch --> Look, Look, ... until it is over; between two looks, [Followers.Follow]
//
// A look at a job that has nothing new costs one command over some small fields.
type Watch struct {
	inspector *Inspector
	id, queue string // the queue is the shard where the job was last seen, or ""
	at        place
	known     foothold
	pulse     string // of the job when all was told; "" when there may be more
}

// place is how far a watch has told of its job: after a line of the log, a report of
// progress, and a state. It is the id of an event.
type place struct {
	linePlace
	progress int64  // Unix milliseconds of the report, 0 before the first
	state    string // "" before the first
	attempt  int
	ended    bool // the end was told
}

// endSuffix is the end of the id of the last event.
const endSuffix = ".end"

func (p place) String() string {
	text := p.linePlace.String() + "." + strconv.FormatInt(p.progress, 10) + "." + p.state + "." + strconv.Itoa(p.attempt)
	if p.ended {
		text += endSuffix
	}
	return text
}

// parsePlace reads a place; "" is the beginning.
func parsePlace(text string) (p place, ok bool) {
	if text == "" {
		return place{}, true
	}
	rest, ended := strings.CutSuffix(text, endSuffix)
	p.ended = ended
	words := strings.Split(rest, ".")
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

// sighting is a job as a watch has seen it.
type sighting struct {
	*record
	pulse string
}

// Look is what a watch has found.
type Look struct {
	Events []client.JobEvent
	More   bool // look again at once: there is more to tell
	Over   bool // the job has ended, and all is told
}

// Look tells what has happened since the last look: at most what one run has logged.
// A job that was there before and is gone is over. Whatever is over has an end event,
// once. The error is a *[jobs.Error]: not_found when there is no such job at the first
// look, or unavailable.
func (w *Watch) Look(ctx context.Context) (Look, error) {
	if still, err := w.still(ctx); still || err != nil {
		return Look{}, err
	}
	r, runs, err := w.read(ctx)
	if err != nil && jobs.CodeOf(err) == jobs.CodeNotFound && w.at.state != "" {
		r, runs, err = w.read(ctx) // it may have come into another queue after that one was looked at
	}
	if err != nil && jobs.CodeOf(err) == jobs.CodeNotFound && w.at.state != "" {
		return w.gone(), nil
	}
	if err != nil {
		return Look{}, err
	}
	seen, err := w.tell(ctx, r, runs)
	if err == nil && !seen.More && !seen.Over {
		w.pulse = r.pulse
	}
	return seen, err
}

// still reports that the job has nothing new: what moves with all that a watch tells is
// as it was when all was told.
func (w *Watch) still(ctx context.Context) (bool, error) {
	if w.pulse == "" {
		return false, nil
	}
	values, err := w.inspector.redis.HMGet(ctx, store.KeysOf(w.queue).Task(w.id), pulseFields()...).Result()
	if err != nil {
		return false, wrap("read the job", err)
	}
	if pulseOf(values) == w.pulse {
		return true, nil
	}
	w.pulse = ""
	return false, nil
}

// pulseFields are the small fields of a job's hash of which one at least is another
// after each change that a watch tells of.
func pulseFields() []string {
	return []string{store.FieldState, store.FieldPendingSince, store.FieldFails, store.FieldFinished, store.FieldProgress, store.FieldLogRuns}
}

func pulseOf(values []any) string { return fmt.Sprintf("%q", values) }

// tell words what the job has come to.
func (w *Watch) tell(ctx context.Context, r *sighting, runs []store.LogRun) (seen Look, err error) {
	view := r.view()
	changed := string(r.state) != w.at.state || view.Attempt != w.at.attempt
	if changed && r.state == jobs.StateActive { // before what the run says
		w.tellState(&seen, view)
	}
	if seen.More, err = w.tellLines(ctx, &seen, runs); err != nil || seen.More {
		return seen, err
	}
	if p := view.Progress; p != nil && p.At.UnixMilli() != w.at.progress {
		w.at.progress, w.at.ended = p.At.UnixMilli(), false
		seen.Events = append(seen.Events, client.JobEvent{ID: w.at.String(), Event: client.EventProgress, Progress: p})
	}
	if changed && r.state != jobs.StateActive { // after what its last run has said
		w.tellState(&seen, view)
	}
	if seen.Over = r.state.Final(); seen.Over {
		w.tellEnd(&seen)
	}
	return seen, nil
}

func (w *Watch) gone() Look {
	seen := Look{Over: true}
	if w.at.state != client.StateDeleted {
		w.at.state, w.at.ended = client.StateDeleted, false
		change := &client.StateChange{State: client.StateDeleted, Attempt: w.at.attempt}
		seen.Events = append(seen.Events, client.JobEvent{ID: w.at.String(), Event: client.EventState, State: change})
	}
	w.tellEnd(&seen)
	return seen
}

func (w *Watch) tellEnd(seen *Look) {
	if w.at.ended && len(seen.Events) == 0 {
		return
	}
	w.at.ended = true
	seen.Events = append(seen.Events, client.JobEvent{ID: w.at.String(), Event: client.EventEnd, End: &client.JobEnd{Reason: w.at.state}})
}

func (w *Watch) tellState(seen *Look, j client.Job) {
	w.at.state, w.at.attempt, w.at.ended = j.State, j.Attempt, false
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
	lines, known, err := w.inspector.logLines(ctx, store.KeysOf(w.queue).Task(w.id), run, w.at.linePlace, w.known)
	if err != nil {
		return false, wrap("read the job's log", err)
	}
	w.known, w.at.ended = known, false
	for n := range lines {
		w.at.linePlace, _ = parseLinePlace(lines[n].ID)
		seen.Events = append(seen.Events, client.JobEvent{ID: w.at.String(), Event: client.EventLog, Log: &lines[n]})
	}
	w.at.linePlace = linePlace{run.Number, run.Lines} // also when lines have gone meanwhile
	return next+1 < len(runs), nil
}

// read reads the job and which runs have logged, where it was last seen or else
// wherever it is.
func (w *Watch) read(ctx context.Context) (*sighting, []store.LogRun, error) {
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
func (w *Watch) readAt(ctx context.Context, queue string) (*sighting, []store.LogRun, error) {
	fields := append(recordFields(), pulseFields()...) // the last one is that of the log
	values, err := w.inspector.redis.HMGet(ctx, store.KeysOf(queue).Task(w.id), fields...).Result()
	if err != nil {
		return nil, nil, wrap("read the job", err)
	}
	own := len(recordFields())
	r, ok := newRecord(queue, w.id, values[:own])
	if !ok {
		return nil, nil, nil
	}
	text, _ := values[len(values)-1].(string)
	return &sighting{record: r, pulse: pulseOf(values[own:])}, store.LogRuns(text), w.inspector.addDue(ctx, r)
}
