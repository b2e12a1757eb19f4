package store

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// ShardsMax is the most shards that a queue can have: the cursor of a list
// remembers a place in each of them, and has to fit into a URL.
const ShardsMax = 32

// shardMark stands between the name of a queue and the number of a shard. Names
// of queues do not have it (jobs.CheckQueue).
const shardMark = "~"

// Shard returns the name that asynq knows a shard of a queue by. Shard 0 has the
// queue's own name, so that a queue of one shard has the keys it always had; the
// others have keys, and in a Redis Cluster mostly slots, of their own.
func Shard(queue string, number int) string {
	if number == 0 {
		return queue
	}
	return queue + shardMark + strconv.Itoa(number)
}

// FirstShards returns the names of the first n shards of a queue, in order.
func FirstShards(queue string, n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = Shard(queue, i)
	}
	return names
}

// QueueOf returns the queue that the asynq queue of the given name is a shard of.
func QueueOf(shard string) string {
	queue, _ := splitShard(shard)
	return queue
}

// ShardNumber returns the number of the shard in its queue.
func ShardNumber(shard string) int {
	_, number := splitShard(shard)
	return number
}

// splitShard takes a name apart. One that [Shard] would not make is the name of a
// queue: of another asynq program.
func splitShard(name string) (queue string, number int) {
	queue, digits, ok := strings.Cut(name, shardMark)
	if !ok {
		return name, 0
	}
	number, err := strconv.Atoi(digits)
	if err != nil || number < 1 || number >= ShardsMax || Shard(queue, number) != name || queue == "" {
		return name, 0
	}
	return queue, number
}

// GroupShards returns the shards of each queue, in the order of their numbers: of
// all that the names of asynq's queues and the agreed numbers tell. Names and
// numbers may overlap.
func GroupShards(names []string, counts map[string]int) map[string][]string {
	groups := make(map[string][]string, len(names))
	for queue, n := range counts {
		groups[queue] = FirstShards(queue, n)
	}
	for _, name := range names {
		queue := QueueOf(name)
		if !slices.Contains(groups[queue], name) {
			groups[queue] = append(groups[queue], name)
		}
	}
	for queue, shards := range groups {
		if !slices.Contains(shards, queue) {
			groups[queue] = append(shards, queue)
		}
		slices.SortFunc(groups[queue], func(a, b string) int { return cmp.Compare(ShardNumber(a), ShardNumber(b)) })
	}
	return groups
}

// weightsMax bounds the sum of the weights of [ShardWeights]: asynq mixes a list
// as long as this for every job.
const weightsMax = 1024

// ShardWeights returns the weight of every shard, so that the shards of a queue
// have its weight together. Each weight is at least 1. With strict priority, where
// only the order counts, every shard has its queue's weight.
func ShardWeights(weights map[string]int, shards map[string][]string, strict bool) map[string]int {
	scale, total := 1, 0
	for queue, weight := range weights {
		scale = lcm(scale, max(1, len(shards[queue])))
		total += weight
	}
	factor := float64(scale)
	if scale > 1 && total*scale > weightsMax {
		factor = float64(weightsMax) / float64(total)
	}
	out := map[string]int{}
	for queue, weight := range weights {
		names := shards[queue]
		if len(names) == 0 {
			names = []string{queue}
		}
		share := max(1, int(float64(weight)*factor/float64(len(names))+0.5))
		if strict {
			share = weight
		}
		for _, name := range names {
			out[name] = share
		}
	}
	return out
}

// lcm is the least common multiple of two positive numbers.
func lcm(a, b int) int {
	x, y := a, b
	for y > 0 {
		x, y = y, x%y
	}
	return a / x * b
}
