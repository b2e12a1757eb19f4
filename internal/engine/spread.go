package engine

import (
	"hash/crc32"
	"math/rand/v2"
	"sync"
	"sync/atomic"

	"legwork/internal/store"
)

// spreadRun is how many jobs in a row go to one shard: enough to share a call of
// the enqueue script, few enough for a batch to reach many shards.
const spreadRun = 50

// spread chooses the shards that new jobs go to.
type spread struct {
	shards *store.Shards // nil: every queue is one shard
	turns  sync.Map      // queue to *atomic.Uint64, which counts jobs; only queues of several shards
}

// shard returns the shard for one new job of the queue: each in its turn or, for
// an id that the caller chose, always the same one, as long as their number stays.
func (s *spread) shard(queue, chosenID string) string {
	n := s.shards.Count(queue)
	if n == 1 {
		return queue
	}
	if chosenID != "" {
		return store.Shard(queue, int(crc32.ChecksumIEEE([]byte(chosenID))%uint32(n)))
	}
	turn, ok := s.turns.Load(queue)
	if !ok {
		first := &atomic.Uint64{}
		first.Store(spreadRun * rand.Uint64N(store.ShardsMax)) //nolint:gosec // so that processes do not begin with the same shard
		turn, _ = s.turns.LoadOrStore(queue, first)
	}
	count := turn.(*atomic.Uint64).Add(1) - 1
	return store.Shard(queue, int(count/spreadRun%uint64(n)))
}
