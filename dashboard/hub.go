package dashboard

import (
	"bytes"
	"context"
	"sync"
	"time"
)

const (
	pollPause = time.Second // between two readings of a page that is watched
	pollShare = 20          // a page takes at most 1/20 of a CPU's time, however slow it is
	pagesMost = 64          // different pages that are watched at a time
)

// hub reads each page that somebody watches once for all who watch it, and tells them
// when it has changed.
//
//	topic (one per page) --read, compare--> every watcher
type hub struct {
	read func(ctx context.Context, page string) []byte

	mu      sync.Mutex
	topics  map[string]*topic
	ended   chan struct{} // closed by stop
	stopped bool
	polls   sync.WaitGroup
}

// topic is one page and those who watch it.
type topic struct {
	watchers map[*watcher]struct{}
	last     []byte // what they were told last
	cancel   context.CancelFunc
}

// watcher is one open stream. Only the newest state of the page waits for it.
type watcher struct{ news chan []byte }

func newHub(read func(ctx context.Context, page string) []byte) *hub {
	return &hub{read: read, topics: map[string]*topic{}, ended: make(chan struct{})}
}

// watch follows the page until leave is called. It is refused when too many different
// pages are watched, or the hub has stopped.
func (h *hub) watch(page string) (w *watcher, leave func(), ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	t := h.topics[page]
	switch {
	case h.stopped || t == nil && len(h.topics) == pagesMost:
		return nil, nil, false
	case t == nil:
		ctx, cancel := context.WithCancel(context.Background())
		t = &topic{watchers: map[*watcher]struct{}{}, cancel: cancel}
		h.topics[page] = t
		h.polls.Go(func() { h.poll(ctx, page, t) })
	}
	w = &watcher{news: make(chan []byte, 1)}
	t.watchers[w] = struct{}{}
	if t.last != nil {
		w.news <- t.last
	}
	return w, func() { h.leave(page, t, w) }, true
}

func (h *hub) leave(page string, t *topic, w *watcher) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if delete(t.watchers, w); len(t.watchers) == 0 {
		t.cancel()
		if h.topics[page] == t {
			delete(h.topics, page)
		}
	}
}

// poll reads the page again and again while it is watched.
func (h *hub) poll(ctx context.Context, page string, t *topic) {
	for {
		begin := time.Now()
		h.tell(t, h.read(ctx, page))
		pause := time.NewTimer(max(pollPause, pollShare*time.Since(begin)))
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return
		case <-h.ended:
			pause.Stop()
			return
		}
	}
}

// tell gives everybody the page, unless it is as it was.
func (h *hub) tell(t *topic, now []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if bytes.Equal(now, t.last) {
		return
	}
	t.last = now
	for w := range t.watchers {
		select {
		case <-w.news: // it has not been sent yet, and is stale
		default:
		}
		w.news <- now
	}
}

// stop ends all streams and polls, and waits for the polls.
func (h *hub) stop() {
	h.mu.Lock()
	if !h.stopped {
		h.stopped = true
		close(h.ended)
	}
	for _, t := range h.topics {
		t.cancel()
	}
	h.mu.Unlock()
	h.polls.Wait()
}
