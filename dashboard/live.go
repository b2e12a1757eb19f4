package dashboard

import (
	"bytes"
	"context"
	"net/http"
	"strings"
	"time"
)

const (
	livePing  = 15 * time.Second // a comment for proxies, and to learn that the browser has gone
	liveWrite = 10 * time.Second // for one event to be sent
)

type fragmentKey struct{}

// isFragment reports whether only the content of the page is wanted.
func isFragment(ctx context.Context) bool { return ctx.Value(fragmentKey{}) != nil }

// live is the stream of a page: its content, whenever that changes. Its query names the
// page.
func (d *Dashboard) live(w http.ResponseWriter, r *http.Request) {
	page := r.URL.Query().Get("page")
	if !strings.HasPrefix(page, d.Base+"/") {
		http.Error(w, "page is to be the path of a page of the dashboard", http.StatusUnprocessableEntity)
		return
	}
	watcher, leave, ok := d.hub.watch(page)
	if !ok {
		w.Header().Set("Retry-After", "10")
		http.Error(w, "too many different pages are watched; this one is as it was when it was loaded", http.StatusServiceUnavailable)
		return
	}
	defer leave()
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no")
	out := http.NewResponseController(w)
	ping := time.NewTicker(livePing)
	defer ping.Stop()
	for {
		var event []byte
		select {
		case content := <-watcher.news:
			event = content
		case <-ping.C:
			event = []byte(": \n\n")
		case <-d.hub.ended:
			return
		case <-r.Context().Done():
			return
		}
		_ = out.SetWriteDeadline(time.Now().Add(liveWrite))
		if _, err := w.Write(event); err != nil || out.Flush() != nil {
			return
		}
	}
}

// fragment is the page's content as an event.
func (d *Dashboard) fragment(ctx context.Context, page string) []byte {
	r, err := http.NewRequestWithContext(context.WithValue(ctx, fragmentKey{}, true), http.MethodGet, page, http.NoBody)
	if err != nil {
		return nil
	}
	out := buffer{header: http.Header{}}
	d.pages.ServeHTTP(&out, r)
	return event(out.body.Bytes())
}

// event frames the text as a server-sent event without a name.
func event(text []byte) []byte {
	var out bytes.Buffer
	for line := range bytes.Lines(text) {
		out.WriteString("data: ")
		out.Write(bytes.TrimRight(line, "\r\n"))
		out.WriteByte('\n')
	}
	out.WriteByte('\n')
	return out.Bytes()
}

// buffer is a response that is kept.
type buffer struct {
	header http.Header
	body   bytes.Buffer
}

func (b *buffer) Header() http.Header            { return b.header }
func (b *buffer) Write(text []byte) (int, error) { return b.body.Write(text) }
func (b *buffer) WriteHeader(int)                {}
