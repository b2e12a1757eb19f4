package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"

	"legwork/internal/store"
)

// errNotHeld is why a handler is not started: the job was given to another
// process in the meantime.
var errNotHeld = errors.New("the job is not held by this process any more")

// starting is a job whose handler is about to start.
type starting struct {
	queue, id string
	err       error
}

// beginner notes in Redis that handlers are about to start, many with one call.
// The note is what tells a crash that used up an attempt from one that did not.
type beginner struct {
	redis  redis.UniversalClient
	holder string
	begin  *redis.Script
	*coalescer[*starting]
}

func newBeginner(c redis.UniversalClient, holder string) *beginner {
	b := &beginner{redis: c, holder: holder, begin: luaScript("begin")}
	b.coalescer = newCoalescer(b.writeAll, ackTryMax)
	return b
}

// note returns nil once the start is noted, and errNotHeld when the handler
// must not start.
func (b *beginner) note(ctx context.Context, queue, id string) error {
	s := &starting{queue: queue, id: id}
	if err := b.put(ctx, s); err != nil {
		return err
	}
	return s.err
}

func (b *beginner) writeAll(ctx context.Context, jobs []*starting) {
	byQueue := map[string][]*starting{}
	for _, j := range jobs {
		byQueue[j.queue] = append(byQueue[j.queue], j)
	}
	for queue, group := range byQueue {
		keys := make([]string, len(group))
		for i, j := range group {
			keys[i] = store.KeysOf(queue).Task(j.id)
		}
		codes, err := b.begin.Run(ctx, b.redis, keys, b.holder).Int64Slice()
		if err == nil && len(codes) != len(group) {
			err = fmt.Errorf("the begin script answered for %d of %d jobs", len(codes), len(group))
		}
		for i, j := range group {
			switch {
			case err != nil:
				j.err = err
			case codes[i] == 0:
				j.err = errNotHeld
			}
		}
	}
}
