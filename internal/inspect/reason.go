package inspect

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"legwork/client"
	"legwork/internal/store"
	"legwork/jobs"
)

const (
	// unmovedAfter is how long after its time a job may be on its way to become
	// pending while somebody looks after it.
	unmovedAfter = 10 * time.Second
	// namesMax bounds the workers and queues that a reason names.
	namesMax = 20
)

// reason makes a reason with a formatted message.
func reason(code, format string, args ...any) *client.Reason {
	return &client.Reason{Code: code, Message: fmt.Sprintf(format, args...)}
}

// clause is words and a time, or nothing without the time.
func clause(words string, at *time.Time) string {
	if at == nil || at.IsZero() {
		return ""
	}
	return words + at.Format(time.RFC3339)
}

// lastError is the first line of an error, without its full stop.
func lastError(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	if line = strings.TrimRight(line, ". \r"); line == "" {
		return "no error is told"
	}
	return line
}

// lapsed is that the job's deadline has passed before it ran.
func (f *facts) lapsed() *client.Reason {
	if f.msg == nil {
		return nil
	}
	until := f.msg.Meta().Until
	if until <= 0 || until > f.at.UnixMilli() {
		return nil
	}
	at := moment(time.UnixMilli(until))
	r := reason(client.WhyDeadline, "Its deadline has passed%s: once it is taken it becomes a dead letter without running.", clause(": ", at))
	r.Until, r.Remedy = at, "Enqueue it anew with a later deadline if it still matters."
	return r
}

// waits is that the job's time has not come.
func (f *facts) waits() *client.Reason {
	if !f.placed {
		return nil
	}
	at := f.nextRun()
	late := f.lateness()
	var r *client.Reason
	switch {
	case late >= 0 && (late > unmovedAfter || !f.movable()):
		return nil // see unmoved
	case late >= 0:
		r = reason(client.WhyWaitsUntil, "Its time has come%s; it becomes pending in a moment.", clause(": ", at))
	case f.state == jobs.StateRetry:
		failed := "an attempt"
		if f.msg != nil {
			failed = fmt.Sprintf("attempt %d of %d", f.msg.Retried, f.msg.Retry+1)
		}
		r = reason(client.WhyWaitsUntil, "Its next attempt is due%s, for %s has failed.", clause(" at ", at), failed)
		r.Remedy = "To run it now: legwork jobs retry " + f.id
	default:
		r = reason(client.WhyWaitsUntil, "It is scheduled%s.", clause(" for ", at))
		r.Remedy = "To run it now: legwork jobs retry " + f.id
	}
	r.Until = at
	if f.state == jobs.StateRetry && f.msg != nil {
		r.Attempt, r.Error = f.msg.Retried, f.msg.Error
	}
	return r
}

// lateness is how long ago the job's time came; negative until it does.
func (f *facts) lateness() time.Duration {
	at := f.nextRun()
	switch {
	case at == nil && f.due > 0:
		return -1 // beyond what can be told
	case at == nil:
		return f.at.Sub(time.Time{})
	}
	return f.at.Sub(*at)
}

// movable reports whether somebody makes due jobs of the queue pending: a scheduler, or
// a worker that serves it.
func (f *facts) movable() bool { return f.keeper || len(f.serving()) > 0 }

// unmoved is that the job's time has come, and nobody has made it pending.
func (f *facts) unmoved() *client.Reason {
	late := f.lateness()
	if !f.placed || late < 0 || late <= unmovedAfter && f.movable() {
		return nil
	}
	at := f.nextRun()
	r := reason(client.WhyDueNotMoved, "Its time has come%s, but no process that would make it pending is alive: no scheduler, and no worker that serves queue %s.", clause(": ", at), store.QueueOf(f.queue))
	r.Remedy = "Start one: legwork serve --roles scheduler"
	if f.movable() {
		r = reason(client.WhyDueNotMoved, "Its time has come%s, but it has not been made pending since, although a process that should do so is alive.", clause(": ", at))
		r.Remedy = "Compare the clocks of the machines, and read the log of the scheduler and of the workers."
	}
	r.Until = at
	return r
}

func (f *facts) isPaused() *client.Reason {
	if f.paused == nil {
		return nil
	}
	queue := store.QueueOf(f.queue)
	r := reason(client.WhyQueuePaused, "Queue %s is paused%s.", queue, clause(", since ", f.paused))
	r.Remedy = "Resume it: legwork queues resume " + queue
	if !f.paused.IsZero() {
		r.Since = f.paused
	}
	return r
}

// unserved is that no worker would take and run the job.
func (f *facts) unserved() *client.Reason {
	queue, all, takers := store.QueueOf(f.queue), f.serving(), f.servers()
	switch {
	case len(all) == 0:
		r := reason(client.WhyNoWorker, "No living worker serves queue %s.", queue)
		r.Remedy = "Start one that does, with the queue among its worker.queues: legwork serve --roles worker"
		return r
	case len(takers) == 0:
		r := reason(client.WhyWorkersQuiet, "Every worker that serves queue %s is quiet or stopping, and takes no jobs.", queue)
		r.Workers = names(all)
		r.Remedy = "Start another one: legwork serve --roles worker"
		if at := slices.IndexFunc(all, func(s server) bool { return s.state() == client.WorkerQuiet }); at >= 0 {
			r.Remedy = "Resume one, or start another: legwork workers resume " + all[at].ID
		}
		return r
	}
	if f.msg == nil || slices.ContainsFunc(takers, func(s server) bool { return s.has(f.msg.Type) }) {
		return nil
	}
	r := reason(client.WhyNoHandler, "No worker that serves queue %s has a handler for type %s: each attempt fails.", queue, f.msg.Type)
	r.Workers = names(takers)
	r.Remedy = "Deploy workers with the handler for this queue, or move the job to a queue that is served by such: legwork jobs move " + f.id + " --to QUEUE"
	return r
}

// outranked is that every pool which serves the queue has jobs of others to run first.
func (f *facts) outranked() *client.Reason {
	takers := f.servers()
	var first []string
	for _, s := range takers {
		before := slices.DeleteFunc(s.before(f.queue), func(q string) bool { return f.heavier[q] == 0 })
		if len(before) == 0 {
			return nil
		}
		first = append(first, before...)
	}
	if len(first) == 0 {
		return nil
	}
	slices.Sort(first)
	first = slices.Compact(first)
	ahead := 0
	for _, q := range first {
		ahead += f.heavier[q]
	}
	r := reason(client.WhyOutranked, "Its workers serve queues by strict priority, and %s of higher priority %s first.", count(ahead, "job"), verb(ahead, "comes", "come"))
	r.Ahead, r.Queues, r.Workers = &ahead, first[:min(len(first), namesMax)], names(takers)
	r.Remedy = "Wait, add workers, or serve queue " + store.QueueOf(f.queue) + " with slots of its own (worker.dedicated)."
	return r
}

// behind is that other jobs of its queue, or of its shard, come first.
func (f *facts) behind() *client.Reason {
	if f.ahead == 0 || !f.placed {
		return nil
	}
	many := count(f.ahead, "job")
	if f.deep {
		many = "at least " + many
	}
	where := "queue " + f.queue
	if shard := f.queue; store.QueueOf(shard) != shard {
		where = "its part (" + shard + ") of queue " + store.QueueOf(shard)
	}
	r := reason(client.WhyBehind, "It is behind %s of %s.", many, where)
	r.Ahead, r.AtLeast = &f.ahead, f.deep
	return r
}

// busy is that every slot which could run the job runs another one.
func (f *facts) busy() *client.Reason {
	slots, takers := 0, f.servers()
	for _, s := range takers {
		if s.pool.Busy < s.pool.Concurrency {
			return nil
		}
		slots += s.pool.Concurrency
	}
	if len(takers) == 0 {
		return nil
	}
	r := reason(client.WhySlotsBusy, "%s queue %s %s other jobs.", all(slots), store.QueueOf(f.queue), verb(slots, "runs", "run"))
	r.Workers = names(takers)
	r.Remedy = "See what they run with legwork workers list; add workers, or slots (worker.concurrency)."
	return r
}

func (f *facts) ready() *client.Reason {
	r := reason(client.WhyReady, "It is next in its queue; a worker takes it in a moment.")
	r.Workers = names(f.servers())
	return r
}

// names are the ids of the workers, each once.
func names(all []server) []string {
	var ids []string
	for _, s := range all {
		if !slices.Contains(ids, s.ID) && len(ids) < namesMax {
			ids = append(ids, s.ID)
		}
	}
	return ids
}

// all words how many slots serve a queue.
func all(slots int) string {
	if slots == 1 {
		return "The only slot that serves"
	}
	return fmt.Sprintf("All %d slots that serve", slots)
}

func count(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}

func verb(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}
