package inspect

import (
	"context"

	"github.com/redis/go-redis/v9"

	"legwork/internal/store"
	"legwork/jobs"
)

const (
	textGhost   = "only the job's id is left in the list of its state; the job itself is gone. Delete it with an action: a filter of its state and queue finds it"
	textAlien   = "the job's key in Redis holds something that is no job; delete the key"
	faultDetail = "the key %s in Redis holds something else than jobs; see what it is with TYPE, and rename or delete it. The jobs that it held are out of reach until then"
)

// ghosts makes records of those ids of a lane that have no job behind them: read again
// after the body was missed, they are still in their place, and there is still none. A
// job that has only moved on has no record.
func (i *Inspector) ghosts(ctx context.Context, state jobs.State, l *lane, start int64) error {
	var gone []int
	for n, r := range l.records {
		if r == nil {
			gone = append(gone, n)
		}
	}
	if len(gone) == 0 {
		return nil
	}
	there, err := i.refs(ctx, state, l, start, int64(2*len(l.refs)))
	if err != nil {
		return err
	}
	still := make(map[string]bool, len(there))
	for _, r := range there {
		still[r.id] = true
	}
	k := store.KeysOf(l.shard)
	pipe := i.redis.Pipeline()
	bodies := make([]*redis.IntCmd, len(gone))
	for n, at := range gone {
		bodies[n] = pipe.Exists(ctx, k.Task(l.refs[at].id))
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return err
	}
	for n, at := range gone {
		if id := l.refs[at].id; still[id] && bodies[n].Val() == 0 {
			l.records[at] = &record{id: id, queue: l.shard, state: state, due: l.refs[at].score, ghost: textGhost}
		}
	}
	return nil
}
