package inspect

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"legwork/internal/store"
	"legwork/jobs"
)

// Bounds of an import.
const (
	// ImportMany is how many lines [Inspector.Import] takes at once.
	ImportMany = 100

	importCall    = 25        // letters of one script call
	importSize    = 512 << 10 // bytes of one script call, unless one letter has more
	importClaimed = 10 * time.Second
)

// Imported is what became of one line of an import.
type Imported struct {
	ID string // "" when the line does not tell
	// Err is a *[jobs.Error]: conflict when a job has the id already, else what is
	// wrong with the line. Nil when the dead letter is stored.
	Err error
}

// Import stores the dead letters of up to [ImportMany] lines of an export, each in its
// queue, with its attempts. A payload may have payloadMax bytes; 0 means any number.
// The ids stay theirs: one that a job in any queue has, or that came before in the
// lines, is reported and nothing overwritten. There is one outcome per line; an error
// means that Redis failed, and that some of the lines may be stored: those are
// reported as such. It is a *[jobs.Error]: unavailable or internal.
func (i *Inspector) Import(ctx context.Context, lines [][]byte, payloadMax int) ([]Imported, error) {
	out := make([]Imported, len(lines))
	letters := map[string]*importing{}
	for n, raw := range lines {
		e, r, err := parseLine(raw, payloadMax)
		out[n] = Imported{ID: e.ID, Err: err}
		switch {
		case err != nil:
		case letters[r.id] != nil:
			out[n].Err = jobs.Errorf(jobs.CodeConflict, "the same id comes twice in the import")
		default:
			letters[r.id] = &importing{restored: r, out: &out[n]}
		}
	}
	if len(letters) == 0 {
		return out, nil
	}
	todo := slices.Collect(maps.Values(letters))
	for _, l := range todo {
		l.out.Err = errNotImported
	}
	if err := i.importAll(ctx, todo); err != nil {
		return out, wrap("import dead letters", err)
	}
	return out, nil
}

// errNotImported is what became of a letter that the import did not get to.
var errNotImported = jobs.Errorf(jobs.CodeUnavailable, "Redis failed before the line was stored; import it again")

// importing is a dead letter on its way into Redis.
type importing struct {
	*restored
	shard string
	out   *Imported
}

func (i *Inspector) importAll(ctx context.Context, letters []*importing) error {
	shards, err := i.shards(ctx)
	if err != nil {
		return err
	}
	for _, l := range letters {
		l.shard = l.queue
		if n := len(shards[l.queue]); n > 1 {
			l.shard = shards[l.queue][crc32.ChecksumIEEE([]byte(l.id))%uint32(n)]
		}
		l.msg.Queue = l.shard
	}
	release, letters, err := i.claim(ctx, letters)
	defer release()
	if err != nil {
		return err
	}
	if letters, err = i.unused(ctx, letters, shards); err != nil {
		return err
	}
	byShard := map[string][]*importing{}
	for _, l := range letters {
		byShard[l.shard] = append(byShard[l.shard], l)
	}
	for _, shard := range slices.Sorted(maps.Keys(byShard)) {
		if err := i.redis.SAdd(ctx, store.KeyQueues, shard).Err(); err != nil {
			return fmt.Errorf("announce queue %s: %w", shard, err)
		}
		for _, call := range calls(byShard[shard]) {
			if err := i.importCall(ctx, shard, call); err != nil {
				return fmt.Errorf("import into queue %s: %w", shard, err)
			}
		}
	}
	return nil
}

// claim claims the ids for the time of the import, as enqueuing a job with a chosen id
// does, and returns the letters that it claimed. Release frees what it claimed.
func (i *Inspector) claim(ctx context.Context, letters []*importing) (release func(), claimed []*importing, err error) {
	me := uuid.NewString()
	pipe := i.redis.Pipeline()
	cmds := make([]*redis.StatusCmd, len(letters))
	for n, l := range letters {
		cmds[n] = pipe.SetArgs(ctx, store.KeyIDClaimPrefix+l.id, me, redis.SetArgs{Mode: "NX", TTL: importClaimed})
	}
	_, _ = pipe.Exec(ctx) // each command carries its own error
	for n, cmd := range cmds {
		switch {
		case cmd.Err() == nil:
			claimed = append(claimed, letters[n])
		case errors.Is(cmd.Err(), redis.Nil):
			letters[n].out.Err = jobs.Errorf(jobs.CodeConflict, "another call is storing a job with this id")
		default:
			err = fmt.Errorf("claim job ids: %w", cmd.Err())
		}
	}
	return func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		pipe := i.redis.Pipeline()
		for _, l := range claimed {
			pipe.Del(ctx, store.KeyIDClaimPrefix+l.id)
		}
		_, _ = pipe.Exec(ctx) // one that is left expires
	}, claimed, err
}

// unused looks for the ids in all queues and returns the letters whose id is free.
func (i *Inspector) unused(ctx context.Context, letters []*importing, shards map[string][]string) ([]*importing, error) {
	pipe := i.redis.Pipeline()
	found := make([][]*redis.IntCmd, len(letters))
	for n, l := range letters {
		for _, names := range shards {
			for _, shard := range names {
				found[n] = append(found[n], pipe.Exists(ctx, store.KeysOf(shard).Task(l.id)))
			}
		}
	}
	if err := exec(ctx, pipe); err != nil {
		return nil, fmt.Errorf("look for job ids: %w", err)
	}
	var free []*importing
	for n, l := range letters {
		if slices.ContainsFunc(found[n], func(c *redis.IntCmd) bool { return c.Val() > 0 }) {
			l.out.Err = taken()
			continue
		}
		free = append(free, l)
	}
	return free, nil
}

func taken() error {
	return jobs.Errorf(jobs.CodeConflict, "a job with this id exists; it stays as it is")
}

// calls cuts the letters into what one script call takes.
func calls(letters []*importing) [][]*importing {
	var all [][]*importing
	size := 0
	for _, l := range letters {
		last := len(all) - 1
		if size += l.size(); last < 0 || len(all[last]) == importCall || size > importSize {
			all, size = append(all, nil), l.size()
			last++
		}
		all[last] = append(all[last], l)
	}
	return all
}

func (i *Inspector) importCall(ctx context.Context, shard string, letters []*importing) error {
	k := store.KeysOf(shard)
	keys := []string{k.Archived()}
	args := []any{k.Prefix()}
	for _, l := range letters {
		keys = append(keys, k.Task(l.id))
		args = append(args, l.id, l.msg.Encode(), l.score, l.msg.Type, l.fingerprint, len(l.fields)/2)
		for _, f := range l.fields {
			args = append(args, f)
		}
	}
	codes, err := i.restore.Run(ctx, i.redis, keys, args...).Int64Slice()
	if err != nil {
		return err
	}
	for n, l := range letters {
		if l.out.Err = nil; codes[n] == 0 {
			l.out.Err = taken()
		}
	}
	return nil
}
