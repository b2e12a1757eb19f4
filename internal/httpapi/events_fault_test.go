package httpapi_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"legwork/client"
	"legwork/internal/httpapi"
	"legwork/internal/inspect"
	"legwork/internal/store"
	"legwork/internal/store/storetest"
)

// Promise: while Redis is away a stream stays, and afterwards tells every line, once and
// in order; the log does not fill up meanwhile.
func TestEventsOutlastAnOutage(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]func(*storetest.FaultProxy){
		"cut": (*storetest.FaultProxy).Cut, "answers lost": (*storetest.FaultProxy).DropReplies, "silence": (*storetest.FaultProxy).BlackHole,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inst := storetest.Redis(t)
			say := make(chan string)
			r := newRig(t, inst, talking(say))
			proxy := storetest.Proxy(t, inst.URL)
			t.Cleanup(proxy.Heal)
			far, err := store.Open(store.Options{URL: proxy.URL, ReadTimeout: 300 * time.Millisecond})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = far.Close() })
			base := r.another(func(o *httpapi.Options, _ *http.Server) {
				o.Inspector = inspect.New(far, slog.New(slog.DiscardHandler))
				o.Followers = inspect.NewFollowers(far)
			})
			r.pool("default")
			id := r.enqueue(`{"type":"test.talk"}`).ID
			s := r.read(base, id, "")
			s.until("active:1")
			say <- "line-0"
			all := s.until("line-0")
			fault(proxy)
			for n := 1; n < 20; n++ {
				say <- fmt.Sprint("line-", n)
				if n == 10 {
					r.logged(id, 11) // some of it while Redis is away from the reader
				}
			}
			r.logged(id, 20)
			time.AfterFunc(time.Second, proxy.Heal)
			all = append(all, s.until("line-19")...)
			say <- "done"
			all = append(all, s.until("")...)
			var want strings.Builder
			for n := range 20 {
				fmt.Fprintf(&want, "line-%d ", n)
			}
			if got := words(all); got != want.String()+"completed:1 end:completed" {
				t.Errorf("told %q", got)
			}
			if n := strings.Count(r.log.String(), "redis unavailable"); n > 3 {
				t.Errorf("the log tells of the outage %d times", n)
			}
		})
	}
}

// logged waits until so many lines of the job are in Redis.
func (r *rig) logged(id string, n int) {
	r.t.Helper()
	eventually(r.t, func() bool { return len(into[client.Log](r.get("/v1/jobs/"+id+"/logs")).Lines) == n }, func() string { return fmt.Sprintf("not %d lines", n) })
}

// Promise: a reader that does not read is cut off, and holds up nobody else.
func TestReadersThatDoNotReadAreCutOff(t *testing.T) {
	t.Parallel()
	say := make(chan string)
	r := newRig(t, storetest.Redis(t), talking(say))
	base := r.another(func(o *httpapi.Options, s *http.Server) {
		o.Streams.Write = 300 * time.Millisecond
		s.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
			_ = c.(*net.TCPConn).SetWriteBuffer(4 << 10)
			return ctx
		}
	})
	r.pool("default")
	id := r.enqueue(`{"type":"test.talk"}`).ID
	for n := range 200 {
		say <- fmt.Sprint(n, "-", strings.Repeat("x", 1000))
	}
	say <- "enough"
	r.logged(id, 201)
	deaf, err := net.Dial("tcp", strings.TrimPrefix(base, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = deaf.Close() }()
	_ = deaf.(*net.TCPConn).SetReadBuffer(4 << 10)
	if _, err := io.WriteString(deaf, "GET /v1/jobs/"+id+"/events HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return r.flying.Load() == 1 }, func() string { return "the stream does not begin" })
	s := r.read(base, id, "")
	s.until("enough")
	eventually(t, func() bool { return r.flying.Load() == 1 }, func() string { return "the reader that does not read is not cut off" })
	say <- "still here"
	s.until("still here")
	say <- "done"
	s.until("end:completed")
	r.grounded()
}
