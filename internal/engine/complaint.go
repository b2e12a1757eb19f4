package engine

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"legwork/internal/store"
)

const (
	// complainEvery is how often the log says of a queue that it is held up.
	complainEvery = time.Minute
	// complainLook bounds the look at what is wrong with it.
	complainLook = time.Second
)

// complaints tell of queues that are held up by something that waiting does not
// mend: a key of another type under one of their names, mostly. They are tried
// again all the while; the log says so once in a while.
type complaints struct {
	redis redis.UniversalClient
	log   *slog.Logger

	mu   sync.Mutex
	said map[string]time.Time // guarded by mu; by queue
}

func newComplaints(c redis.UniversalClient, log *slog.Logger) *complaints {
	return &complaints{redis: c, log: log, said: map[string]time.Time{}}
}

// faulty reports whether err is Redis's answer to what was asked of one queue, and
// says nothing of the others: unlike an outage.
func faulty(err error) bool {
	_, reply := errors.AsType[redis.Error](err)
	return reply && !errors.Is(err, redis.Nil) && !store.Unavailable(err)
}

// about says that the queue is held up, unless it was said a short while ago.
func (c *complaints) about(ctx context.Context, queue string, err error) {
	c.mu.Lock()
	now := time.Now()
	quiet := now.Sub(c.said[queue]) < complainEvery
	if !quiet {
		c.said[queue] = now
	}
	c.mu.Unlock()
	if quiet {
		return
	}
	if wrong := c.misplaced(ctx, queue); len(wrong) > 0 {
		c.log.ErrorContext(ctx, "queue held up: something else is stored under a name of its own; rename or delete that key, and the queue goes on",
			"queue", queue, "keys", strings.Join(wrong, "; "), "error", err)
		return
	}
	c.log.ErrorContext(ctx, "queue held up, trying again", "queue", queue, "error", err)
}

// misplaced names the keys of the queue that are of another type than they should be.
func (c *complaints) misplaced(ctx context.Context, queue string) []string {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), complainLook)
	defer cancel()
	k := store.KeysOf(queue)
	shapes := []struct{ key, kind string }{
		{k.Pending(), "list"}, {k.Active(), "list"}, {k.Lease(), "zset"}, {k.Scheduled(), "zset"}, {k.Retry(), "zset"},
		{k.Archived(), "zset"}, {k.Completed(), "zset"}, {k.Holders(), "hash"},
	}
	pipe := c.redis.Pipeline()
	kinds := make([]*redis.StatusCmd, len(shapes))
	for i, s := range shapes {
		kinds[i] = pipe.Type(ctx, s.key)
	}
	number := pipe.Get(ctx, k.Tokens())
	_, _ = pipe.Exec(ctx) // each command carries its own error
	var wrong []string
	for i, s := range shapes {
		if kind := kinds[i].Val(); kind != "" && kind != "none" && kind != s.kind {
			wrong = append(wrong, s.key+" is a "+kind+", not a "+s.kind)
		}
	}
	if strings.Trim(number.Val(), "0123456789") != "" || store.WrongType(number.Err()) {
		wrong = append(wrong, k.Tokens()+" is not a number")
	}
	return wrong
}
