package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"legwork/internal/store"
)

const (
	// activeLook bounds the active jobs looked at in one queue, from the oldest.
	activeLook = 1000
	// lapsedAfter is how long a job's lease must have ended before it counts as
	// stuck: by then a worker or scheduler would have given it to others.
	lapsedAfter = time.Minute
)

// held is an active job.
type held struct {
	queue, id, holder string
	leaseEnd          time.Time // zero without a lease
}

// stuck looks for active jobs that nobody runs: the process that holds them has
// no pulse, or their lease ended long ago.
func stuck(ctx context.Context, p *patient) []Finding {
	if p.queuesErr != nil {
		return []Finding{unknown(CodeStuck, p.queuesErr)}
	}
	active, more, err := p.active(ctx)
	if err != nil {
		return []Finding{unknown(CodeStuck, err)}
	}
	lost, dying, err := p.sort(ctx, active)
	if len(lost) > 0 && err == nil {
		lost, err = p.confirm(ctx, lost)
	}
	if err != nil {
		return []Finding{unknown(CodeStuck, err)}
	}
	looked := "of " + count(len(active), "active job", "active jobs")
	if more {
		looked += fmt.Sprintf(" looked at (at most %d of a queue)", activeLook)
	}
	switch {
	case len(lost) > 0:
		f := fail(CodeStuck, fmt.Sprintf("%d %s", len(lost), looked),
			"Nobody runs them, and nobody gives them to others. Start a scheduler, which does so within a minute: legwork serve --roles scheduler. If one runs, its log says what keeps it.")
		f.Examples = some(lost)
		return []Finding{f}
	case dying > 0:
		return []Finding{warn(CodeStuck, fmt.Sprintf("%d %s, of processes that have just died", dying, looked),
			"Others get them within a minute, if a worker of their queue or a scheduler runs. Look again then.")}
	}
	return []Finding{ok(CodeStuck, "none "+looked)}
}

// sort names the jobs whose leases ended long ago, and counts those whose processes
// have just died.
func (p *patient) sort(ctx context.Context, active []held) (lost []string, dying int, err error) {
	alive, err := p.alive(ctx, active)
	if err != nil {
		return nil, 0, err
	}
	for _, j := range active {
		switch {
		case j.leaseEnd.IsZero() || p.now.Sub(j.leaseEnd) > lapsedAfter:
			lost = append(lost, j.queue+"/"+j.id)
		case j.holder != "" && !alive[j.holder]:
			dying++
		}
	}
	return lost, dying, nil
}

// confirm looks once more: a job that was given back and taken again between two
// reads seemed to have no lease.
func (p *patient) confirm(ctx context.Context, lost []string) ([]string, error) {
	active, _, err := p.active(ctx)
	if err != nil {
		return nil, err
	}
	again, _, err := p.sort(ctx, active)
	return slices.DeleteFunc(lost, func(name string) bool { return !slices.Contains(again, name) }), err
}

// active reads the oldest active jobs of every queue; more tells that there are
// others.
func (p *patient) active(ctx context.Context) (jobs []held, more bool, err error) {
	pipe := p.redis.Pipeline()
	lists := make([]*redis.StringSliceCmd, len(p.queues))
	for i, q := range p.queues {
		lists[i] = pipe.LRange(ctx, store.KeysOf(q).Active(), -activeLook, -1)
	}
	if len(lists) == 0 {
		return nil, false, nil
	}
	if err := exec(ctx, pipe); err != nil {
		return nil, false, err
	}
	pipe = p.redis.Pipeline()
	var states, claims []*redis.StringCmd
	var leases []*redis.FloatCmd
	for i, q := range p.queues {
		more = more || len(lists[i].Val()) == activeLook
		for _, id := range lists[i].Val() {
			jobs = append(jobs, held{queue: q, id: id})
			k := store.KeysOf(q)
			claims = append(claims, pipe.HGet(ctx, k.Holders(), id))
			leases = append(leases, pipe.ZScore(ctx, k.Lease(), id))
			states = append(states, pipe.HGet(ctx, k.Task(id), store.FieldState)) // last: by then it may have ended
		}
	}
	if len(jobs) == 0 {
		return nil, false, nil
	}
	if err := exec(ctx, pipe); err != nil {
		return nil, false, err
	}
	still := jobs[:0]
	for i, j := range jobs {
		if states[i].Val() != "active" {
			continue // has ended meanwhile, or is a ghost
		}
		j.holder, _, _ = strings.Cut(claims[i].Val(), " ")
		if end := leases[i].Val(); end > 0 {
			j.leaseEnd = time.Unix(int64(end), 0)
		}
		still = append(still, j)
	}
	return still, more, nil
}

// alive tells which holders have a pulse.
func (p *patient) alive(ctx context.Context, active []held) (map[string]bool, error) {
	pipe := p.redis.Pipeline()
	pulses := map[string]*redis.IntCmd{}
	for _, j := range active {
		if j.holder != "" && pulses[j.holder] == nil {
			pulses[j.holder] = pipe.Exists(ctx, store.KeyPulsePrefix+j.holder)
		}
	}
	alive := map[string]bool{}
	if len(pulses) == 0 {
		return alive, nil
	}
	if err := exec(ctx, pipe); err != nil {
		return nil, err
	}
	for holder, cmd := range pulses {
		alive[holder] = cmd.Err() == nil && cmd.Val() > 0
	}
	return alive, nil
}
