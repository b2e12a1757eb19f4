package inspect

import (
	"fmt"
	"slices"
	"time"

	"legwork/client"
	"legwork/internal/store"
)

// newcomer is how long a worker that has just been announced may be without a pulse.
const newcomer = 5 * time.Second

// held says who has an active job, and whether it runs.
func (f *facts) held() *client.Reason {
	if !f.placed || f.moving {
		return nil
	}
	if f.holder == "" {
		return f.heldByOther()
	}
	p := f.workers[slices.IndexFunc(f.workers, func(p *process) bool { return p.ID == f.holder })]
	if isNew := p.announced && f.at.Sub(p.StartedAt) < newcomer; p.pulse.IsZero() && !isNew {
		r := reason(client.WhyWorkerLost, "The worker that has it (%s) gives no sign of life; the job is given to others.", p.called())
		r.Workers = []string{f.holder}
		r.Remedy = "Wait: that takes less than a minute, and the attempt counts as failed if it had begun."
		if !f.movable() {
			r.Message = fmt.Sprintf("The worker that has it (%s) gives no sign of life, and no process that would give the job to others is alive: no scheduler, and no worker that serves queue %s.", p.called(), store.QueueOf(f.queue))
			r.Remedy = "Start one: legwork serve --roles scheduler"
		}
		return r
	}
	if run := f.running(p); run != nil {
		return f.runs(p, run)
	}
	if f.started {
		r := reason(client.WhyRunning, "It runs on worker %s, attempt %d.", p.called(), f.tries())
		r.Workers, r.Attempt = []string{f.holder}, f.tries()
		return r
	}
	r := reason(client.WhyTaken, "Worker %s has taken it, and starts it as soon as one of its slots is free.", p.called())
	r.Workers = []string{f.holder}
	return r
}

// runs words what the worker tells of its run of the job.
func (f *facts) runs(p *process, run *store.Running) *client.Reason {
	since, until := moment(time.UnixMilli(run.Started)), moment(time.UnixMilli(run.End))
	r := reason(client.WhyRunning, "It runs on worker %s%s, attempt %d.", p.called(), clause(", since ", since), run.Attempt)
	r.Workers, r.Attempt, r.Since, r.Until = []string{f.holder}, run.Attempt, since, until
	switch {
	case run.Zombie:
		r.Message += " Its context has ended, but its handler does not return."
		r.Remedy = "Have the handler return when its context ends; a restart of the worker ends it now."
	case run.Cancelled:
		r.Message += " Its context has ended, and its handler has not returned yet."
	case f.cancel != "":
		r.Message += " Somebody has asked for its end; its worker has not acknowledged that yet."
	}
	return r
}

// heldByOther is an active job that no process of Legwork has.
func (f *facts) heldByOther() *client.Reason {
	if f.lease.After(f.at) {
		return reason(client.WhyRunning, "An asynq server that is none of Legwork's has it, attempt %d.", f.tries())
	}
	r := reason(client.WhyWorkerLost, "An asynq server that is none of Legwork's had it, and has let its lease end%s.", clause(": ", moment(f.lease)))
	r.Remedy = "Wait: a worker of its queue gives it to others within two minutes. If none is alive, start one: legwork serve --roles worker"
	return r
}

// running is what the process tells of its run of the job, or nil.
func (f *facts) running(p *process) *store.Running {
	if p.status == nil {
		return nil
	}
	at := slices.IndexFunc(p.status.Running, func(r store.Running) bool { return r.ID == f.id && r.Queue == f.queue })
	if at < 0 {
		return nil
	}
	return &p.status.Running[at]
}

// tries is the number of the attempt in progress, 0 when it cannot be told.
func (f *facts) tries() int {
	if f.msg == nil {
		return 0
	}
	return f.attempt()
}

// called names the process for people.
func (p *process) called() string {
	host, pid := p.Host, p.PID
	if host == "" && p.status != nil {
		host, pid = p.status.Host, p.status.PID
	}
	if host == "" {
		return p.ID
	}
	return fmt.Sprintf("%s on %s, process %d", p.ID, host, pid)
}
