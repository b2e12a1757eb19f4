package inspect

import (
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"legwork/internal/store"
)

// writtenMax bounds what is remembered of letters that were written and could not be
// deleted.
const writtenMax = 10_000

// digest stands for a line.
type digest [sha256.Size]byte

// upkeep is a sweep of one queue.
type upkeep struct {
	queue  string
	shards []string
	skip   map[string]int // by shard, letters at its old end that could not be deleted
	cutoff time.Time      // older letters are too old
}

// unwritten is the error of an archive that did not take lines.
type unwritten struct{ err error }

func (e *unwritten) Error() string {
	return "dead letters are kept beyond their retention, for they cannot be archived: " + e.err.Error()
}

func (e *unwritten) Unwrap() error { return e.err }

// tend deletes what the queue is not to keep, the oldest first and a bounded number at
// a time, and returns how many letters it deleted.
func (r *Retention) tend(ctx context.Context, u *upkeep) (int, error) {
	if r.o.MaxAge <= 0 && r.o.MaxCount <= 0 {
		return 0, nil
	}
	removed := 0
	for {
		due, err := r.due(ctx, u)
		if err != nil || len(due) == 0 {
			return removed, err
		}
		if held, err := r.hold(ctx); err != nil || !held {
			return removed, err
		}
		n, err := r.remove(ctx, u, due)
		removed += n
		if err != nil {
			return removed, err
		}
	}
}

// due returns the oldest letters that are too old or too many. What could not be
// deleted counts as no letter: a retry may have been faster.
func (r *Retention) due(ctx context.Context, u *upkeep) ([]letterRef, error) {
	excess := 0
	if r.o.MaxCount > 0 {
		pipe := r.redis.Pipeline()
		cards := make([]*redis.IntCmd, len(u.shards))
		for n, s := range u.shards {
			cards[n] = pipe.ZCard(ctx, store.KeysOf(s).Archived())
		}
		if err := exec(ctx, pipe); err != nil {
			return nil, fmt.Errorf("count dead letters: %w", err)
		}
		for n, s := range u.shards {
			excess += int(cards[n].Val()) - u.skip[s]
		}
		excess -= r.o.MaxCount
	}
	if excess <= 0 && r.o.MaxAge <= 0 {
		return nil, nil
	}
	refs, err := r.oldest(ctx, u.shards, u.skip, retentionMany)
	if err != nil {
		return nil, err
	}
	cutoff := float64(u.cutoff.UnixMicro()) / 1e6
	for n, ref := range refs {
		if n >= excess && (r.o.MaxAge <= 0 || ref.score >= cutoff) {
			return refs[:n], nil
		}
	}
	return refs, nil
}

// remove writes the letters to the archive and then deletes those that are still as
// they were written.
func (r *Retention) remove(ctx context.Context, u *upkeep, due []letterRef) (int, error) {
	byShard := map[string][]ref{}
	for _, d := range due {
		byShard[d.shard] = append(byShard[d.shard], d.ref)
	}
	letters := map[string][]*whole{}
	for shard, refs := range byShard {
		all, errs, err := r.wholes(ctx, shard, refs)
		if err != nil {
			return 0, err
		}
		for n, w := range all {
			if errs[n] != nil || !w.dead() {
				u.skip[shard]++ // legwork doctor tells of such
				continue
			}
			letters[shard] = append(letters[shard], w)
		}
	}
	if err := r.archive(letters); err != nil {
		return 0, err
	}
	// What is written is deleted even if the process is asked to stop.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), retentionEnd)
	defer cancel()
	removed := 0
	for shard, list := range letters {
		gone, err := r.drop(ctx, shard, list)
		for n, ok := range gone {
			delete(r.written, shard+" "+list[n].id)
			if ok {
				removed++
			} else {
				u.skip[shard]++
			}
		}
		if err != nil {
			return removed, err
		}
	}
	return removed, nil
}

// archive writes the letters, without those that an earlier sweep has written and
// could not delete.
func (r *Retention) archive(letters map[string][]*whole) error {
	if r.o.Archive == nil {
		return nil
	}
	var lines [][]byte
	fresh := map[string]digest{}
	for shard, list := range letters {
		for _, w := range list {
			line, key := w.line(), shard+" "+w.id
			if fresh[key] = sha256.Sum256(line); r.written[key] != fresh[key] {
				lines = append(lines, line)
			}
		}
	}
	if err := r.o.Archive.Append(lines); err != nil {
		return &unwritten{err}
	}
	if len(r.written) > writtenMax {
		clear(r.written)
	}
	maps.Copy(r.written, fresh)
	return nil
}

// watch warns of queues that have come to hold more dead letters than a level says.
// The levels warned of are in Redis, so that it is said once by all processes.
func (r *Retention) watch(ctx context.Context, shards map[string][]string) error {
	if len(r.o.WarnAt) == 0 {
		return nil
	}
	told, err := r.redis.HGetAll(ctx, store.KeyLetterLevels).Result()
	if err != nil {
		return fmt.Errorf("read the levels of dead letters: %w", err)
	}
	counts, err := r.deadLetters(ctx, shards)
	if err != nil {
		return err
	}
	for queue, n := range counts {
		level := 0
		for _, at := range r.o.WarnAt {
			if n >= at {
				level = at
			}
		}
		had, _ := strconv.Atoi(told[queue])
		if level == had {
			continue
		}
		if err := r.note.Run(ctx, r.redis, []string{store.KeyLetterLevels}, queue, level).Err(); err != nil {
			return fmt.Errorf("note the level of dead letters: %w", err)
		}
		if level > had {
			r.o.Log.WarnContext(ctx, "a queue fills with dead letters", "queue", queue, "letters", n, "level", level,
				"remedy", "see why with legwork jobs list --state archived --queue "+queue+"; retry or delete them, or set dead_letters.max_age or dead_letters.max_count")
		}
	}
	return nil
}

// deadLetters counts the dead letters of each queue.
func (i *Inspector) deadLetters(ctx context.Context, shards map[string][]string) (map[string]int, error) {
	pipe := i.redis.Pipeline()
	cards := map[string]*redis.IntCmd{}
	for _, names := range shards {
		for _, s := range names {
			cards[s] = pipe.ZCard(ctx, store.KeysOf(s).Archived())
		}
	}
	_, _ = pipe.Exec(ctx) // each command carries its own error
	counts := make(map[string]int, len(shards))
	for queue, names := range shards {
		for _, s := range names {
			if err := cards[s].Err(); err != nil && !store.WrongType(err) {
				return nil, fmt.Errorf("count dead letters: %w", err)
			}
			counts[queue] += int(cards[s].Val())
		}
	}
	return counts, nil
}
