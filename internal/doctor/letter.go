package doctor

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/redis/go-redis/v9"

	"legwork/internal/store"
)

// deadLetters looks for queues that hold more dead letters than a level says. None is
// ever deleted by itself, unless a retention is configured.
func (d *Doctor) deadLetters(ctx context.Context, p *patient) []Finding {
	if p.queuesErr != nil {
		return []Finding{unknown(CodeLetters, p.queuesErr)}
	}
	pipe := p.redis.Pipeline()
	cards := make([]*redis.IntCmd, len(p.queues))
	for n, shard := range p.queues {
		cards[n] = pipe.ZCard(ctx, store.KeysOf(shard).Archived())
	}
	if len(cards) > 0 {
		if err := exec(ctx, pipe); err != nil {
			return []Finding{unknown(CodeLetters, err)}
		}
	}
	letters, total := map[string]int{}, 0
	for n, shard := range p.queues {
		letters[store.QueueOf(shard)] += int(cards[n].Val()) // a key of another type is another check's affair
		total += int(cards[n].Val())
	}
	value := count(total, "dead letter", "dead letters") + " in " + count(len(letters), "queue", "queues")
	var over []string
	for _, queue := range slices.Sorted(maps.Keys(letters)) {
		reached := 0
		for _, level := range d.letterLevels {
			if letters[queue] >= level {
				reached = max(reached, level)
			}
		}
		if reached > 0 {
			over = append(over, fmt.Sprintf("%s: %d, from %d on", queue, letters[queue], reached))
		}
	}
	if len(over) == 0 {
		return []Finding{ok(CodeLetters, value)}
	}
	f := warn(CodeLetters, value, "See what failed with legwork failures list; retry, delete or export the letters, or set dead_letters.max_age or dead_letters.max_count. The levels are those of dead_letters.warn_at.")
	f.Examples = some(over)
	return []Finding{f}
}
