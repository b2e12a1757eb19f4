package inspect

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"

	"legwork/client"
	"legwork/internal/store"
	"legwork/jobs"
)

// A job moves to another queue in three steps, for the queues may be in different
// slots: bulk.lua takes it out of its list or set and notes where to in
// [store.Keys.Moving]; adopt.lua stores it there; leave.lua removes it here. A process
// that dies in between leaves the note, and the next one repeats the steps from it.

// textOther is why a job was put back where it was.
const textOther = "the other queue has another job with this id"

// passage is a job on its way to another queue.
type passage struct {
	id, entry          string // entry is what is noted of it
	to                 string // shard
	state, score       string
	fingerprint, kind  string
	fields             []any // of its hash, names and values, as they are there; empty when it is gone
	arrived, elsewhere bool
}

// parsePassage reads what bulk.lua noted; false when it is another action's.
func parsePassage(id, entry, action string) (*passage, bool) {
	words := strings.SplitN(entry, " ", 5)
	if len(words) < 5 || words[0] != action {
		return nil, false
	}
	return &passage{id: id, entry: entry, to: words[1], state: words[2], score: words[3], fingerprint: words[4]}, true
}

// destination is the shard that the next jobs go to.
func (r *run) destination(ctx context.Context, turn int) (string, error) {
	shards, err := r.shards(ctx)
	if err != nil {
		return "", err
	}
	to := shards[r.o.Queue]
	if to == nil {
		return "", jobs.Errorf(jobs.CodeNotFound, "queue %s is no more; jobs that were not moved yet are where they were", r.o.Queue)
	}
	return to[turn%len(to)], nil
}

// settleMoves brings jobs that are on their way to another queue to its end.
func (r *run) settleMoves(ctx context.Context) error {
	if r.o.Action != client.ActionMove || r.o.DryRun {
		return nil
	}
	for _, shard := range r.o.shards {
		if err := r.settleShard(ctx, shard); err != nil {
			return err
		}
	}
	return nil
}

// settleShard moves on what is on its way out of the shard.
func (r *run) settleShard(ctx context.Context, shard string) error {
	key := store.KeysOf(shard).Moving()
	var all []*passage
	for cursor := uint64(0); ; {
		var entries []string
		var err error
		if entries, cursor, err = r.redis.HScan(ctx, key, cursor, "", actionMany).Result(); err != nil {
			return wrap("read what is between two queues", err)
		}
		for n := 0; n+1 < len(entries); n += 2 {
			if p, ours := parsePassage(entries[n], entries[n+1], r.o.id); ours {
				all = append(all, p)
			}
		}
		if cursor == 0 {
			break
		}
	}
	byTarget := map[string][]*passage{}
	for _, p := range all {
		byTarget[p.to] = append(byTarget[p.to], p)
	}
	for _, to := range slices.Sorted(maps.Keys(byTarget)) {
		for list := byTarget[to]; len(list) > 0; {
			n, err := r.carry(ctx, shard, to, list)
			if err != nil {
				return err
			}
			list = list[n:]
		}
	}
	return nil
}

// carry takes some of the jobs over to the other shard, as many as one script may, and
// returns how many.
func (r *run) carry(ctx context.Context, from, to string, list []*passage) (int, error) {
	list = list[:min(len(list), actionMany)]
	tokens, bytes, err := r.pack(ctx, from, to, list)
	if err != nil {
		return 0, err
	}
	n, sum := 0, 0
	for n < len(list) && (n == 0 || sum+bytes[n] <= actionBytes) {
		sum += bytes[n]
		n++
	}
	list = list[:n]
	// Before the jobs are there, so that workers and lists know of the queue.
	if err := r.redis.SAdd(ctx, store.KeyQueues, to).Err(); err != nil {
		return 0, wrap("note the queue", err)
	}
	adopted := store.KeysOf(to).Adopted(r.o.id + ":" + from)
	if err := r.land(ctx, adopted, to, tokens, list); err != nil {
		return 0, err
	}
	if err := r.depart(ctx, from, list); err != nil {
		return 0, err
	}
	ids := make([]string, n)
	for k, p := range list {
		ids[k] = p.id
	}
	return n, wrap("forget what has arrived", r.redis.HDel(ctx, adopted, ids...).Err())
}

// pack reads the jobs whole and makes them the other shard's.
func (r *run) pack(ctx context.Context, from, to string, list []*passage) (tokens string, bytes []int, err error) {
	k := store.KeysOf(from)
	pipe := r.redis.Pipeline()
	counter := pipe.Get(ctx, k.Tokens())
	reads := make([]*redis.MapStringStringCmd, len(list))
	for n, p := range list {
		reads[n] = pipe.HGetAll(ctx, k.Task(p.id))
	}
	_, _ = pipe.Exec(ctx) // each command carries its own error
	tokens = "0"
	if counter.Err() == nil {
		tokens = counter.Val()
	}
	bytes = make([]int, len(list))
	for n, p := range list {
		fields, err := reads[n].Result()
		if err != nil {
			return "", nil, wrap("read the jobs", err)
		}
		p.fields = nil
		msg, err := store.Decode([]byte(fields[store.FieldMessage]))
		if err != nil {
			continue // it was deleted meanwhile
		}
		msg.Queue, msg.UniqueKey = to, "" // its lock belongs to the queue that it leaves
		p.kind = msg.Type
		fields[store.FieldMessage], fields[store.FieldAction] = string(msg.Encode()), r.o.id
		delete(fields, "unique_key")
		delete(fields, store.FieldIndex)
		for _, name := range slices.Sorted(maps.Keys(fields)) {
			p.fields = append(p.fields, name, fields[name])
			bytes[n] += len(name) + len(fields[name])
		}
	}
	return tokens, bytes, nil
}

// land stores the jobs in the shard that they go to.
func (r *run) land(ctx context.Context, adopted, to, tokens string, list []*passage) error {
	front := ""
	if r.o.Front {
		front = "1"
	}
	k := store.KeysOf(to)
	args := []any{k.Prefix(), to, store.ChannelWake, tokens, int(actionKept.Seconds()), front}
	var sent []*passage
	for _, p := range list {
		if p.fields == nil {
			p.arrived = true
			continue
		}
		sent = append(sent, p)
		args = append(args, p.id, p.state, p.score, p.fingerprint, p.kind, len(p.fields)/2)
		args = append(args, p.fields...)
	}
	if len(sent) == 0 {
		return nil
	}
	answer, err := r.adopt.Run(ctx, r.redis, []string{adopted, k.Tokens(), k.Pending()}, args...).Int64Slice()
	if err != nil {
		return wrap("move jobs to queue "+store.QueueOf(to), err)
	}
	for n, p := range sent {
		p.arrived = answer[n] == 1
		p.elsewhere = !p.arrived
	}
	return nil
}

// depart removes the jobs that have arrived, and puts the others back.
func (r *run) depart(ctx context.Context, from string, list []*passage) error {
	k := store.KeysOf(from)
	args := []any{k.Prefix(), from, store.ChannelWake, int(actionKept.Seconds())}
	for _, p := range list {
		arrived, why := "", ""
		if p.arrived {
			arrived = "1"
		}
		if p.elsewhere {
			why = textOther
		}
		args = append(args, p.id, p.entry, arrived, p.kind, p.state, p.score, p.fingerprint, why)
	}
	keys := []string{k.Progress(r.o.id), k.Pending(), k.Moving()}
	return wrap("move jobs out of queue "+store.QueueOf(from), r.leave.Run(ctx, r.redis, keys, args...).Err())
}
