package engine

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// listenerPing is how often a quiet subscription is tried. What was lost meanwhile is
// found by the looks that everything has that listens.
const listenerPing = 10 * time.Second

// listener calls a function with each message of a Redis channel, over one
// connection for all of them. go-redis subscribes again by itself when the
// connection was lost; messages sent in between are gone.
type listener struct {
	redis redis.UniversalClient
	calls map[string]func(message string) // by channel
	again func()                          // called when the subscription is there, at first and again; may be nil
	sub   *redis.PubSub
	done  sync.WaitGroup
}

func newListener(c redis.UniversalClient, calls map[string]func(string)) *listener {
	return &listener{redis: c, calls: calls}
}

// start subscribes and returns without waiting for Redis's confirmation.
func (l *listener) start(ctx context.Context) {
	l.sub = l.redis.Subscribe(context.WithoutCancel(ctx), slices.Sorted(maps.Keys(l.calls))...)
	messages := l.sub.ChannelWithSubscriptions(redis.WithChannelHealthCheckInterval(listenerPing))
	l.done.Go(func() {
		for m := range messages {
			switch m := m.(type) {
			case *redis.Message:
				l.calls[m.Channel](m.Payload)
			case *redis.Subscription:
				if l.again != nil && m.Kind == "subscribe" && m.Count == len(l.calls) {
					l.again()
				}
			}
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
