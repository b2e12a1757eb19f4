package inspect

import (
	"context"
	"slices"
	"time"

	"legwork/client"
	"legwork/internal/store"
	"legwork/jobs"
)

// whyTries is how often a job is looked at anew that changes its state meanwhile, or that
// is not where its state says: it may have been on its way.
const whyTries = 3

// Why says why the job is not running, or that it is: the main reason, and every other
// that holds as well. Cost: eight round trips, none of which grows with the queue; as many
// again when the job moves meanwhile. The error is a *[jobs.Error]: not_found or unavailable.
func (i *Inspector) Why(ctx context.Context, id string) (*client.Why, error) {
	var f *facts
	for range whyTries {
		r, err := i.locate(ctx, id)
		if jobs.CodeOf(err) == jobs.CodeNotFound || store.WrongType(err) {
			return i.whyNoJob(ctx, id)
		}
		if err != nil {
			return nil, err
		}
		if f, err = i.newFacts(ctx, r); err != nil {
			return nil, err
		}
		if !f.moved && (f.placed || f.moving) {
			break
		}
	}
	return f.why(), nil
}

// why puts the facts into reasons.
func (f *facts) why() *client.Why {
	w := &client.Why{ID: f.id, Queue: store.QueueOf(f.queue), State: string(f.state), At: f.at}
	if f.msg != nil {
		w.Type = f.msg.Type
	}
	w.Reasons = f.reasons()
	w.Code, w.Message = w.Reasons[0].Code, w.Reasons[0].Message
	return w
}

// reasons are all that hold, the main one first: what must be put right before anything
// else would help.
func (f *facts) reasons() []client.Reason {
	switch f.state {
	case jobs.StateCompleted, jobs.StateArchived:
		return hold(f.ended())
	case stateAggregating:
		return hold(f.gathered(), f.refused())
	case jobs.StateActive:
		return hold(f.damaged(), f.misplaced(), f.held(), f.refused(), f.wrongTypes())
	case jobs.StateScheduled, jobs.StateRetry:
		return hold(f.damaged(), f.misplaced(), f.lapsed(), f.waits(), f.refused(), f.wrongTypes(), f.unmoved(), f.isPaused(), f.unserved(), f.full())
	case jobs.StatePending:
		all := hold(f.damaged(), f.misplaced(), f.lapsed(), f.refused(), f.wrongTypes(), f.isPaused(), f.unserved(), f.outranked(), f.behind(), f.busy(), f.full())
		if len(all) == 0 {
			all = hold(f.ready())
		}
		return all
	}
	return hold(f.unknown())
}

// hold makes a list of the reasons that there are.
func hold(all ...*client.Reason) []client.Reason {
	var out []client.Reason
	for _, r := range all {
		if r != nil {
			out = append(out, *r)
		}
	}
	return out
}

// ended is the end of a job that has one.
func (f *facts) ended() *client.Reason {
	since := f.finishedAtOf()
	if f.state == jobs.StateCompleted {
		r := reason(client.WhyEndCompleted, "It has run, and was done%s.", clause(" at ", since))
		if f.discarded != "" {
			r = reason(client.WhyEndCompleted, "Its handler has discarded it%s: %s.", clause(" at ", since), lastError(f.discarded))
		}
		r.Since = since
		return r
	}
	if f.msg == nil {
		r := f.damaged()
		r.Code = client.WhyEndArchived
		return r
	}
	r := reason(client.WhyEndArchived, "It is a dead letter%s: %s.", clause(", since ", since), lastError(f.msg.Error))
	r.Remedy = "Put right what it died of, and retry it: legwork jobs retry " + f.id
	r.Since, r.Attempt, r.Error = since, f.attempt(), f.msg.Error
	return r
}

// finishedAtOf is when the job ended, or nil.
func (f *facts) finishedAtOf() *time.Time {
	if f.msg == nil {
		return nil
	}
	return f.finishedAt()
}

func (f *facts) gathered() *client.Reason {
	r := reason(client.WhyGroupHeld, "An asynq client has put it into a group; an asynq server with a group aggregator makes one job of all of the group.")
	r.Remedy = "Run the asynq server that aggregates the groups of queue " + store.QueueOf(f.queue) + "; Legwork's workers do not."
	return r
}

func (f *facts) unknown() *client.Reason {
	r := reason(client.WhyDamaged, "Its state in Redis is none that Legwork or asynq knows.")
	r.Key = store.KeysOf(f.queue).Task(f.id)
	r.Remedy = "Read its key with redis-cli HGETALL, enqueue it anew if it matters, and delete the key."
	return r
}

// damaged is a message that cannot be read.
func (f *facts) damaged() *client.Reason {
	if f.msg != nil {
		return nil
	}
	r := reason(client.WhyDamaged, "Its message in Redis is damaged and cannot be read; a worker that takes it makes a dead letter of it.")
	r.Key = store.KeysOf(f.queue).Task(f.id)
	r.Remedy = "Delete it, and enqueue it anew: legwork jobs delete " + f.id
	return r
}

// misplaced is a job that is not where its state says.
func (f *facts) misplaced() *client.Reason {
	k := store.KeysOf(f.queue)
	key := k.State(string(f.state))
	switch wrong := func(t keyType) bool { return t.name == key && t.wrong() }; {
	case f.moving:
		r := reason(client.WhyMoving, "An action is bringing it to another queue; it waits there in a moment.")
		r.Remedy = "If it stays so, the action is stuck for want of a process with the api or scheduler role that runs it: legwork actions list"
		return r
	case f.placed, slices.ContainsFunc(f.types, wrong):
		return nil
	}
	r := reason(client.WhyMisplaced, "Its state is %s, but the list of that state does not hold it, so that nobody finds it.", f.state)
	r.Key = k.Task(f.id)
	r.Remedy = "Read its key with redis-cli HGETALL, enqueue it anew if it matters, and delete the key."
	return r
}

// wrong reports whether something else stands under the key.
func (t keyType) wrong() bool { return t.is != "" && t.is != "none" && t.is != t.want }

// wrongTypes names the first key of the queue's under which something else stands.
func (f *facts) wrongTypes() *client.Reason {
	at := slices.IndexFunc(f.types, keyType.wrong)
	if at < 0 {
		return nil
	}
	t := f.types[at]
	r := reason(client.WhyWrongType, "The key %s in Redis is a %s and not a %s: somebody has put something else there, and jobs of queue %s wait.", t.name, t.is, t.want, store.QueueOf(f.queue))
	r.Key = t.name
	r.Remedy = "See what it is, and rename or delete the key."
	return r
}

// refused is Redis's refusal to take writes.
func (f *facts) refused() *client.Reason {
	if f.refusal == nil || store.Full(f.refusal) {
		return nil
	}
	r := reason(client.WhyRedisRefuses, "Redis refuses to write, so that no job can be taken or ended: %s.", lastError(f.refusal.Error()))
	r.Error, r.Remedy = f.refusal.Error(), "Put Redis right; legwork doctor says more. Workers go on by themselves."
	return r
}

// full is that Redis has no memory left. Jobs are taken and ended nevertheless.
func (f *facts) full() *client.Reason {
	if f.refusal == nil || !store.Full(f.refusal) {
		return nil
	}
	r := reason(client.WhyRedisFull, "Redis is over its maxmemory: what waits is still worked off, but new jobs and whatever needs memory are refused.")
	r.Error, r.Remedy = f.refusal.Error(), "Raise maxmemory, or delete completed jobs and dead letters."
	return r
}
