package doctor

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"

	"legwork/internal/store"
)

const (
	// ghostLook bounds the ids looked at in one list, half of them from each end.
	ghostLook = 1000
	// confirmMax bounds what is looked at a second time, with both halves at once:
	// in a list that is a walk.
	confirmMax = 20
)

// listed is an id as a list or sorted set of a queue holds it.
type listed struct{ queue, state, id string }

func (l listed) String() string { return l.queue + "/" + l.state + "/" + l.id }

// isList reports whether the ids of the state are in a list rather than a sorted set.
func isList(state string) bool { return state == "pending" || state == "active" }

func states() []string {
	return []string{"active", "pending", "scheduled", "retry", "archived", "completed"}
}

// ghosts looks for ids whose job is gone.
func ghosts(ctx context.Context, p *patient) []Finding {
	if p.queuesErr != nil {
		return []Finding{unknown(CodeGhosts, p.queuesErr)}
	}
	ids, total, err := p.sample(ctx)
	if err != nil {
		return []Finding{unknown(CodeGhosts, err)}
	}
	found, more, err := p.bodiless(ctx, ids)
	if err != nil {
		return []Finding{unknown(CodeGhosts, err)}
	}
	looked := fmt.Sprintf("of %d ids looked at", len(ids))
	if int64(len(ids)) < total {
		looked += fmt.Sprintf(", of %d in all", total)
	}
	if len(found) == 0 {
		return []Finding{ok(CodeGhosts, "none "+looked)}
	}
	number := fmt.Sprint(len(found))
	if more {
		number = "at least " + number
	}
	var examples []string
	for _, g := range found {
		examples = append(examples, g.String())
	}
	f := warn(CodeGhosts, number+" "+looked,
		"Their jobs were deleted by another program, or Redis evicted or lost them. Workers pass over them; to tidy up: redis-cli LREM (pending, active) or ZREM (the others) 'asynq:{QUEUE}:STATE'.")
	f.Examples = some(examples)
	return []Finding{f}
}

// sample reads ids of every list, and how many there are.
func (p *patient) sample(ctx context.Context) (ids []listed, total int64, err error) {
	type look struct {
		queue, state string
		length       *redis.IntCmd
		ends         [2]*redis.StringSliceCmd
	}
	pipe := p.redis.Pipeline()
	var looks []look
	const half = ghostLook / 2
	for _, q := range p.queues {
		for _, state := range states() {
			key := store.KeysOf(q).State(state)
			l := look{queue: q, state: state}
			if isList(state) {
				l.length = pipe.LLen(ctx, key)
				l.ends = [2]*redis.StringSliceCmd{pipe.LRange(ctx, key, 0, half-1), pipe.LRange(ctx, key, -half, -1)}
			} else {
				l.length = pipe.ZCard(ctx, key)
				l.ends = [2]*redis.StringSliceCmd{pipe.ZRange(ctx, key, 0, half-1), pipe.ZRange(ctx, key, -half, -1)}
			}
			looks = append(looks, l)
		}
	}
	if len(looks) == 0 {
		return nil, 0, nil
	}
	if err := exec(ctx, pipe); err != nil {
		return nil, 0, err
	}
	for _, l := range looks {
		total += l.length.Val()
		seen := map[string]bool{} // the ends of a short list overlap
		for _, end := range l.ends {
			for _, id := range end.Val() {
				if !seen[id] {
					seen[id] = true
					ids = append(ids, listed{l.queue, l.state, id})
				}
			}
		}
	}
	return ids, total, nil
}

// bodiless returns the ids that are in their list while there is no job, as one
// transaction sees it; more tells that there may be others.
func (p *patient) bodiless(ctx context.Context, ids []listed) (found []listed, more bool, err error) {
	if len(ids) == 0 {
		return nil, false, nil
	}
	pipe := p.redis.Pipeline()
	bodies := make([]*redis.IntCmd, len(ids))
	for i, l := range ids {
		bodies[i] = pipe.Exists(ctx, store.KeysOf(l.queue).Task(l.id))
	}
	if err := exec(ctx, pipe); err != nil {
		return nil, false, err
	}
	tries := 0
	for i, l := range ids {
		if bodies[i].Err() != nil || bodies[i].Val() > 0 {
			continue
		}
		if tries == confirmMax {
			return found, true, nil
		}
		tries++
		in, state, err := p.place(ctx, l)
		if err != nil {
			return nil, false, err
		}
		if in && state == "" {
			found = append(found, l)
		}
	}
	return found, false, nil
}

// place reads, in one transaction, whether the list holds the id and in which
// state its job says it is; "" without a job. All keys of a queue share a slot.
func (p *patient) place(ctx context.Context, l listed) (in bool, state string, err error) {
	k := store.KeysOf(l.queue)
	pipe := p.redis.TxPipeline()
	body := pipe.HGet(ctx, k.Task(l.id), store.FieldState)
	var where redis.Cmder
	if isList(l.state) {
		where = pipe.LPos(ctx, k.State(l.state), l.id, redis.LPosArgs{})
	} else {
		where = pipe.ZScore(ctx, k.State(l.state), l.id)
	}
	if err := exec(ctx, pipe); err != nil {
		return false, "", err
	}
	for _, cmd := range []redis.Cmder{body, where} {
		if err := cmd.Err(); err != nil && !errors.Is(err, redis.Nil) {
			return false, "", err
		}
	}
	state, err = body.Result()
	if errors.Is(err, redis.Nil) {
		state = ""
	}
	return where.Err() == nil, state, nil
}
