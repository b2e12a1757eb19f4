package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"legwork/internal/store"
)

const (
	// A scan ends after scanTime on each node, or when it has seen scanKeys jobs in
	// all.
	scanTime  = time.Second
	scanKeys  = 2000
	scanCount = 1000 // keys that Redis looks at in one step
	// walkMax bounds the elements that looking for ids in one list may pass, which
	// holds Redis for 13 ms per million.
	walkMax = 500_000
)

// scan is what a walk through a part of the keys has found.
type scan struct {
	keys  []string // of jobs
	whole bool     // every key was looked at
	err   error
}

// scanJobs walks through the keys of jobs, whatever lists say.
func scanJobs(ctx context.Context, p *patient) scan {
	s := scan{whole: true}
	share := max(1, scanKeys/len(p.nodes))
	for _, n := range p.nodes {
		over := time.Now().Add(scanTime)
		var cursor uint64
		for found := 0; ; {
			keys, next, err := n.Client.Scan(ctx, cursor, "asynq:{*}:t:*", scanCount).Result()
			if err != nil {
				s.err = fmt.Errorf("scan for jobs: %w", err)
				return s
			}
			s.keys, found, cursor = append(s.keys, keys...), found+len(keys), next
			if cursor == 0 {
				break
			}
			if found >= share || time.Now().After(over) {
				s.whole = false
				break
			}
		}
	}
	slices.Sort(s.keys)
	s.keys = slices.Compact(s.keys) // SCAN may tell a key twice
	return s
}

// looked says how far the walk went.
func (s scan) looked() string {
	if s.whole {
		return "of all " + count(len(s.keys), "job", "jobs")
	}
	return "of " + count(len(s.keys), "job", "jobs") + " looked at, a part of them all"
}

// queueAndID takes the key of a job apart.
func queueAndID(key string) (queue, id string) {
	rest := strings.TrimPrefix(key, "asynq:{")
	queue, id, _ = strings.Cut(rest, "}:t:")
	return queue, id
}

// orphans looks for jobs that say a state whose list does not hold them: nobody
// will ever run or show them.
func orphans(ctx context.Context, p *patient) []Finding {
	if p.scan.err != nil {
		return []Finding{unknown(CodeOrphans, p.scan.err)}
	}
	claims, err := p.claims(ctx)
	if err != nil {
		return []Finding{unknown(CodeOrphans, err)}
	}
	missing, passed, err := p.missing(ctx, claims)
	if err != nil {
		return []Finding{unknown(CodeOrphans, err)}
	}
	var found []string
	for _, l := range missing[:min(len(missing), confirmMax)] {
		in, state, err := p.place(ctx, l)
		if err != nil {
			return []Finding{unknown(CodeOrphans, err)}
		}
		if !in && state == l.state {
			found = append(found, l.String())
		}
	}
	looked := p.scan.looked()
	if passed > 0 {
		looked += fmt.Sprintf("; %d in long lists were passed over", passed)
	}
	if len(found) == 0 {
		return []Finding{ok(CodeOrphans, "none "+looked)}
	}
	number := fmt.Sprint(len(found))
	if len(missing) > confirmMax {
		number = "at least " + number
	}
	f := warn(CodeOrphans, number+" "+looked,
		"No list holds them, so they never run. Read one with redis-cli HGETALL 'asynq:{QUEUE}:t:ID', enqueue it anew if it matters, and delete its key.")
	f.Examples = some(found)
	return []Finding{f}
}

// claims reads which state each scanned job says it is in. Jobs of asynq's groups
// (aggregating) are left out.
func (p *patient) claims(ctx context.Context) ([]listed, error) {
	if len(p.scan.keys) == 0 {
		return nil, nil
	}
	pipe := p.redis.Pipeline()
	reads := make([]*redis.StringCmd, len(p.scan.keys))
	for i, key := range p.scan.keys {
		reads[i] = pipe.HGet(ctx, key, store.FieldState)
	}
	if err := exec(ctx, pipe); err != nil {
		return nil, err
	}
	var out []listed
	for i, key := range p.scan.keys {
		queue, id := queueAndID(key)
		if state := reads[i].Val(); slices.Contains(states(), state) {
			out = append(out, listed{queue, state, id})
		}
	}
	return out, nil
}

// missing returns the jobs that are not where they say. Looking for one in a list
// walks it, so of those in long lists only some are looked for; passed is the
// number of the others.
func (p *patient) missing(ctx context.Context, claims []listed) (out []listed, passed int, err error) {
	walk := map[string]int64{}
	pipe := p.redis.Pipeline()
	lengths := map[string]*redis.IntCmd{}
	for _, l := range claims {
		if key := store.KeysOf(l.queue).State(l.state); isList(l.state) && lengths[key] == nil {
			lengths[key] = pipe.LLen(ctx, key)
		}
	}
	if len(lengths) > 0 {
		if err := exec(ctx, pipe); err != nil {
			return nil, 0, err
		}
	}
	pipe = p.redis.Pipeline()
	var asked []listed
	var answers []redis.Cmder
	for _, l := range claims {
		key := store.KeysOf(l.queue).State(l.state)
		if !isList(l.state) {
			asked, answers = append(asked, l), append(answers, pipe.ZScore(ctx, key, l.id))
			continue
		}
		if walk[key] += lengths[key].Val(); walk[key] > walkMax {
			passed++
			continue
		}
		asked, answers = append(asked, l), append(answers, pipe.LPos(ctx, key, l.id, redis.LPosArgs{}))
	}
	if len(asked) == 0 {
		return nil, passed, nil
	}
	if err := exec(ctx, pipe); err != nil {
		return nil, 0, err
	}
	for i, l := range asked {
		if errors.Is(answers[i].Err(), redis.Nil) {
			out = append(out, l)
		}
	}
	return out, passed, nil
}
