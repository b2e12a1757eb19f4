package inspect

import (
	"context"

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
	names, err := store.IndexNames(ctx, i.redis, k, string(state))
	if err != nil {
		return false, passOver(err)
	}
	byType := store.ByType(string(state), names)
	if len(byType) > indexesMax {
		return false, nil
	}
	whole, err := store.IndexesWhole(ctx, i.redis, k, string(state), byType)
	return whole, passOver(err)
}

// passOver leaves an error that is about the type of a key to whoever reads that key.
func passOver(err error) error {
	if store.WrongType(err) {
		return nil
	}
	return err
}
