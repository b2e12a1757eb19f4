package inspect

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"legwork/client"
	"legwork/internal/store"
	"legwork/jobs"
)

// trace is what is left of a job in one shard.
type trace struct {
	shard  string
	kind   *redis.StatusCmd
	moving *redis.BoolCmd
	sets   map[jobs.State]*redis.FloatCmd
	lists  map[jobs.State][2]*redis.IntCmd
}

// whyNoJob looks for what is left of a job that cannot be found or read, in every shard,
// in one round trip. Lists are searched from either end only. The error is not_found
// when there is nothing.
func (i *Inspector) whyNoJob(ctx context.Context, id string) (*client.Why, error) {
	shards, err := i.shardNames(ctx)
	if err != nil || len(shards) == 0 || id == "" {
		return nil, firstOf(err, notFound())
	}
	pipe := i.redis.Pipeline()
	traces := make([]trace, len(shards))
	for n, s := range shards {
		traces[n] = ask(ctx, pipe, s, id, walkMax/len(shards))
	}
	if err := tolerate(pipe.Exec(ctx)); err != nil {
		return nil, wrap("look for the job", err)
	}
	for _, t := range traces {
		if w := t.why(id); w != nil {
			return w, nil
		}
	}
	return nil, notFound()
}

func ask(ctx context.Context, pipe redis.Pipeliner, shard, id string, walk int) trace {
	k := store.KeysOf(shard)
	t := trace{shard: shard, sets: map[jobs.State]*redis.FloatCmd{}, lists: map[jobs.State][2]*redis.IntCmd{}}
	t.kind, t.moving = pipe.Type(ctx, k.Task(id)), pipe.HExists(ctx, k.Moving(), id)
	for _, s := range jobs.States() {
		key, most := k.State(string(s)), int64(max(1, walk))
		if isList(s) {
			t.lists[s] = [2]*redis.IntCmd{pipe.LPos(ctx, key, id, redis.LPosArgs{Rank: -1, MaxLen: most}), pipe.LPos(ctx, key, id, redis.LPosArgs{MaxLen: most})}
		} else {
			t.sets[s] = pipe.ZScore(ctx, key, id)
		}
	}
	return t
}

// state is the first state whose list or set has the id, or "".
func (t trace) state() jobs.State {
	for _, s := range jobs.States() {
		if cmds, ok := t.lists[s]; ok && (cmds[0].Err() == nil || cmds[1].Err() == nil) {
			return s
		}
		if cmd, ok := t.sets[s]; ok && cmd.Err() == nil {
			return s
		}
	}
	return ""
}

// why says what has become of the job; nil when the shard knows nothing of it.
func (t trace) why(id string) *client.Why {
	k, state := store.KeysOf(t.shard), t.state()
	var r *client.Reason
	switch kind := t.kind.Val(); {
	case kind == "none" && state == "":
		return nil
	case kind == "none":
		r = reason(client.WhyGhost, "Only its id is left, in the list of what is %s; the job itself is gone.", state)
		r.Key = k.State(string(state))
		r.Remedy = "Nobody runs it. To have it out of lists: " + removal(state, r.Key, id)
	case kind == "hash":
		r = reason(client.WhyDamaged, "Its key in Redis holds no job.")
	default:
		r = reason(client.WhyDamaged, "Its key in Redis holds a %s and no job.", kind)
	}
	if r.Key == "" {
		r.Key = k.Task(id)
		r.Remedy = "See what it is, and delete the key."
	}
	return &client.Why{
		ID: id, Queue: store.QueueOf(t.shard), State: string(state), Code: r.Code, Message: r.Message, Reasons: []client.Reason{*r}, At: time.Now().UTC(),
	}
}

// removal is the command that takes the id out of what the state keeps ids in.
func removal(s jobs.State, key, id string) string {
	if isList(s) {
		return fmt.Sprintf("redis-cli LREM '%s' 0 '%s'", key, id)
	}
	return fmt.Sprintf("redis-cli ZREM '%s' '%s'", key, id)
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
