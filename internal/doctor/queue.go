package doctor

import (
	"context"
	"fmt"
	"slices"

	"github.com/redis/go-redis/v9"

	"legwork/internal/store"
)

// examplesMax bounds the examples of a finding.
const examplesMax = 5

func some(all []string) []string { return all[:min(len(all), examplesMax)] }

// unserved looks for jobs that wait in queues that no living worker takes from.
// Paused queues are somebody's wish.
func unserved(ctx context.Context, p *patient) []Finding {
	if p.queuesErr != nil {
		return []Finding{unknown(CodeUnserved, p.queuesErr)}
	}
	if p.workersErr != nil {
		return []Finding{unknown(CodeUnserved, p.workersErr)}
	}
	served := p.served()
	pipe := p.redis.Pipeline()
	type look struct {
		queue  string
		length *redis.IntCmd
		paused *redis.IntCmd
	}
	var looks []look
	for _, q := range p.queues {
		if !slices.Contains(served, q) {
			k := store.KeysOf(q)
			looks = append(looks, look{q, pipe.LLen(ctx, k.Pending()), pipe.Exists(ctx, k.Paused())})
		}
	}
	if len(looks) > 0 {
		if err := exec(ctx, pipe); err != nil {
			return []Finding{unknown(CodeUnserved, err)}
		}
	}
	jobs := 0
	var examples []string
	for _, l := range looks {
		if n := int(l.length.Val()); n > 0 && l.paused.Val() == 0 {
			jobs += n
			examples = append(examples, fmt.Sprintf("%s: %d", l.queue, n))
		}
	}
	if jobs == 0 {
		return []Finding{ok(CodeUnserved, "none of "+count(len(p.queues), "queue", "queues"))}
	}
	f := warn(CodeUnserved, fmt.Sprintf("%s in %s without a living worker", count(jobs, "pending job", "pending jobs"), count(len(examples), "queue", "queues")), remedyWorker)
	f.Examples = some(examples)
	return []Finding{f}
}
