package inspect

import (
	"context"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"

	"legwork/internal/store"
	"legwork/jobs"
)

// indexesMax is how many types of dead letters, or of retries, a shard may have for its
// indexes to be counted before they are used.
const indexesMax = 1000

// lookUp makes the lanes of a section read an index, if the filter has a type or a
// fingerprint and the shard's indexes are whole: there every job stands under its type,
// and those are as many as the state has. Otherwise the lane reads them all.
func (i *Inspector) lookUp(ctx context.Context, m *matcher, s *section) error {
	kind, value := store.IndexType, m.filter.Type
	if m.filter.Fingerprint != "" {
		kind, value = store.IndexFingerprint, m.filter.Fingerprint
	}
	if !indexed(s.state) || value == "" {
		return nil
	}
	return each(s.lanes, func(_ int, l *lane) error {
		whole, err := i.indexWhole(ctx, l.shard, s.state)
		if whole {
			l.index = store.KeysOf(l.shard).Index(string(s.state), kind, value)
		}
		return err
	})
}

// indexWhole reports whether the shard's jobs in the state all stand under their types,
// as far as their number tells.
func (i *Inspector) indexWhole(ctx context.Context, shard string, state jobs.State) (bool, error) {
	k := store.KeysOf(shard)
	names, err := i.redis.SMembers(ctx, k.Indexes()).Result()
	if err != nil {
		return false, passOver(err)
	}
	prefix := string(state) + ":" + store.IndexType + ":"
	names = slices.DeleteFunc(names, func(name string) bool { return !strings.HasPrefix(name, prefix) })
	if len(names) > indexesMax {
		return false, nil
	}
	pipe := i.redis.TxPipeline() // all at one moment
	all := pipe.ZCard(ctx, k.State(string(state)))
	sizes := make([]*redis.IntCmd, len(names))
	for n, name := range names {
		sizes[n] = pipe.ZCard(ctx, k.IndexNamed(name))
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return false, passOver(err)
	}
	sum := int64(0)
	for _, size := range sizes {
		sum += size.Val()
	}
	return sum == all.Val(), nil
}

// passOver leaves an error that is about the type of a key to whoever reads that key.
func passOver(err error) error {
	if store.WrongType(err) {
		return nil
	}
	return err
}
