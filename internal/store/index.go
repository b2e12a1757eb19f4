package store

import (
	"context"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"
)

// IndexNames returns the names of the indexes of a state, for [Keys.IndexNamed]. Cost: one round trip. An error is Redis's.
func IndexNames(ctx context.Context, c redis.UniversalClient, k Keys, state string) ([]string, error) {
	all, err := c.SMembers(ctx, k.Indexes()).Result()
	return slices.DeleteFunc(all, func(name string) bool { return !strings.HasPrefix(name, state+":") }), err
}

// ByType returns those of the names of a state's indexes that are by type.
func ByType(state string, names []string) []string {
	prefix := state + ":" + IndexType + ":"
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return !strings.HasPrefix(name, prefix) })
}

// IndexesWhole reports whether the indexes by type hold as many jobs as the state: then,
// as far as numbers tell, every job stands under its type. All sizes are of one moment.
// Cost: one round trip. An error is Redis's.
func IndexesWhole(ctx context.Context, c redis.UniversalClient, k Keys, state string, byType []string) (bool, error) {
	pipe := c.TxPipeline()
	all := pipe.ZCard(ctx, k.State(state))
	sizes := make([]*redis.IntCmd, len(byType))
	for n, name := range byType {
		sizes[n] = pipe.ZCard(ctx, k.IndexNamed(name))
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return false, err
	}
	sum := int64(0)
	for _, size := range sizes {
		sum += size.Val()
	}
	return sum == all.Val(), nil
}
