package bench

import (
	"context"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"

	"legwork/internal/store"
)

// scanPage is about how many keys Redis looks at in one step of a scan.
const scanPage = 1000

// removeQueue deletes all that Redis holds of the queue. Cost: a scan over all
// keys.
func removeQueue(ctx context.Context, c redis.UniversalClient, queue string) error {
	pattern := strings.TrimSuffix(store.KeysOf(queue).TaskPrefix(), "t:") + "*"
	var err error
	if cluster, ok := c.(*redis.ClusterClient); ok {
		err = cluster.ForEachMaster(ctx, func(ctx context.Context, node *redis.Client) error {
			return removeKeys(ctx, node, pattern)
		})
	} else {
		err = removeKeys(ctx, c, pattern)
	}
	if err == nil {
		err = c.SRem(ctx, store.KeyQueues, queue).Err()
	}
	if err != nil {
		return fmt.Errorf("remove queue %s after the bench: %w", queue, err)
	}
	return nil
}

func removeKeys(ctx context.Context, node redis.Cmdable, pattern string) error {
	for cursor := uint64(0); ; {
		keys, next, err := node.Scan(ctx, cursor, pattern, scanPage).Result()
		if err != nil {
			return err
		}
		if len(keys) > 0 {
			if err := node.Unlink(ctx, keys...).Err(); err != nil {
				return err
			}
		}
		if cursor = next; cursor == 0 {
			return nil
		}
	}
}
