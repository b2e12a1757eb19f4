package inspect

import (
	"context"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"legwork/internal/store"
)

// followPing is how often a quiet subscription is tried.
const followPing = 10 * time.Second

// Followers wakes those of this process who follow jobs, when the logs or the progress
// of these have grown. However many they are, they share one connection to Redis, made
// when the first one comes. Words can be lost with it, so who follows looks from time
// to time as well.
type Followers struct {
	redis   redis.UniversalClient
	changed chan struct{} // buffered; byID has other jobs than before
	cancel  context.CancelFunc
	done    sync.WaitGroup

	mu   sync.Mutex
	byID map[string]map[chan struct{}]struct{} // guarded by mu
}

// NewFollowers returns the followers of a process.
func NewFollowers(c redis.UniversalClient) *Followers {
	return &Followers{redis: c, changed: make(chan struct{}, 1), byID: map[string]map[chan struct{}]struct{}{}}
}

// Start lets followers be woken.
func (f *Followers) Start(ctx context.Context) error {
	ctx, f.cancel = context.WithCancel(context.WithoutCancel(ctx))
	f.done.Go(func() { f.run(ctx) })
	return nil
}

// Stop gives the connection up. Followers are not woken any more.
func (f *Followers) Stop(context.Context) error {
	if f.cancel != nil {
		f.cancel()
		f.done.Wait()
	}
	return nil
}

// Follow returns a channel that has something whenever the job's log or progress may
// have grown, and a function that ends it.
func (f *Followers) Follow(id string) (grown <-chan struct{}, leave func()) {
	wake := make(chan struct{}, 1)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.byID[id] == nil {
		f.byID[id] = map[chan struct{}]struct{}{}
		f.change()
	}
	f.byID[id][wake] = struct{}{}
	return wake, func() { f.forget(id, wake) }
}

func (f *Followers) forget(id string, wake chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if delete(f.byID[id], wake); len(f.byID[id]) == 0 {
		delete(f.byID, id)
		f.change()
	}
}

// change has the subscription follow suit.
func (f *Followers) change() {
	select {
	case f.changed <- struct{}{}:
	default:
	}
}

// run keeps the subscription to the jobs that somebody follows. Its errors pass:
// go-redis remembers the channels, and subscribes again when Redis is there.
func (f *Followers) run(ctx context.Context) {
	var sub *redis.PubSub
	have := map[string]bool{}
	for {
		select {
		case <-ctx.Done():
			if sub != nil {
				_ = sub.Close()
			}
			return
		case <-f.changed:
		}
		come, gone := f.difference(have)
		if sub == nil && len(come) > 0 {
			sub = f.redis.Subscribe(ctx)
			words := sub.Channel(redis.WithChannelHealthCheckInterval(followPing))
			f.done.Go(func() { f.hear(words) })
		}
		if len(come) > 0 {
			_ = sub.Subscribe(ctx, come...)
		}
		if len(gone) > 0 {
			_ = sub.Unsubscribe(ctx, gone...)
		}
	}
}

// difference returns the channels to have and to have no longer, and notes them in have.
func (f *Followers) difference(have map[string]bool) (come, gone []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for id := range f.byID {
		if !have[id] {
			have[id] = true
			come = append(come, channelOf(id))
		}
	}
	for id := range have {
		if f.byID[id] == nil {
			delete(have, id)
			gone = append(gone, channelOf(id))
		}
	}
	return come, gone
}

func (f *Followers) hear(words <-chan *redis.Message) {
	for m := range words {
		f.wake(m.Channel[len(channelOf("")):])
	}
}

func (f *Followers) wake(id string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for wake := range f.byID[id] {
		select {
		case wake <- struct{}{}:
		default:
		}
	}
}

func channelOf(id string) string { return store.ChannelLog + ":" + id }
