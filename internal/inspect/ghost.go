package inspect

import (
	"context"
	"errors"

	"github.com/redis/go-redis/v9"

	"legwork/internal/store"
	"legwork/jobs"
)

const (
	textGhost   = "only the job's id is left in the list of its state; the job itself is gone. Delete it with an action: a filter of its state and queue finds it"
	textAlien   = "the job's key in Redis holds something that is no job; delete the key"
	faultDetail = "the key %s in Redis holds something else than jobs; see what it is with TYPE, and rename or delete it. The jobs that it held are out of reach until then"
)

// ghost is a record of an id that has no job behind it.
func (e *entry) ghost(state jobs.State, why string) *record {
	return &record{id: e.id, queue: e.lane.shard, state: state, due: e.score, ghost: why}
}

// ghosts makes records of those entries whose jobs were not found that have none behind
// them while they are in their place: a list tells when it is read, a sorted set is
// asked. A job that has only moved on has no record.
func (i *Inspector) ghosts(ctx context.Context, state jobs.State, missing []*entry) error {
	if len(missing) == 0 {
		return nil
	}
	pipe := i.redis.Pipeline()
	places, bodies := make([]*redis.FloatCmd, len(missing)), make([]*redis.IntCmd, len(missing))
	for n, e := range missing {
		k := store.KeysOf(e.lane.shard)
		if !isList(state) {
			places[n] = pipe.ZScore(ctx, k.State(string(state)), e.id)
		}
		bodies[n] = pipe.Exists(ctx, k.Task(e.id)) // after the place: a job that came back is no ghost
	}
	if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) && !store.WrongType(err) {
		return err
	}
	for n, e := range missing {
		there := e.gone
		if places[n] != nil {
			there = places[n].Err() == nil
		}
		if there && bodies[n].Err() == nil && bodies[n].Val() == 0 {
			e.r = e.ghost(state, textGhost)
		}
	}
	return nil
}
