package engine

import (
	"context"
	"sync"

	"github.com/redis/go-redis/v9"
)

// listener calls a function with each message of a Redis channel. go-redis
// subscribes again by itself when the connection was lost; messages sent in
// between are gone.
type listener struct {
	redis   redis.UniversalClient
	channel string
	call    func(message string)
	sub     *redis.PubSub
	done    sync.WaitGroup
}

func newListener(c redis.UniversalClient, channel string, call func(string)) *listener {
	return &listener{redis: c, channel: channel, call: call}
}

// start subscribes and returns without waiting for Redis's confirmation.
func (l *listener) start(ctx context.Context) {
	l.sub = l.redis.Subscribe(context.WithoutCancel(ctx), l.channel)
	messages := l.sub.Channel()
	l.done.Go(func() {
		for m := range messages {
			l.call(m.Payload)
		}
	})
}

func (l *listener) stop() {
	if l.sub == nil {
		return
	}
	_ = l.sub.Close()
	l.done.Wait()
	l.sub = nil
}
