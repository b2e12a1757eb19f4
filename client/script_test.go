package client_test

import (
	"context"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"legwork/client"
)

// pipes is a listener whose connections live in memory, so that client and
// server run on the fake clock of a synctest bubble.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.once.Do(func() { close(p.done) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

func (p *pipes) dial(context.Context, string, string) (net.Conn, error) {
	near, far := net.Pipe()
	p.conns <- far
	return near, nil
}

// script is a server that gives one answer after the other and remembers the calls.
type script struct {
	answers []http.HandlerFunc
	calls   []string
	at      []time.Duration // since the first call
	start   time.Time
}

func (s *script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if len(s.calls) == 0 {
		s.start = time.Now()
	}
	s.calls = append(s.calls, r.Method+" "+r.URL.Path)
	s.at = append(s.at, time.Since(s.start))
	s.answers[min(len(s.calls), len(s.answers))-1](w, r)
}

// play runs f in a bubble against a server with the answers.
func play(t *testing.T, retries int, answers []http.HandlerFunc, f func(*testing.T, *client.Client, *script)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &script{answers: answers}
		listener := &pipes{conns: make(chan net.Conn), done: make(chan struct{})}
		server := &http.Server{Handler: s}
		served := make(chan struct{})
		go func() { defer close(served); _ = server.Serve(listener) }()
		transport := &http.Transport{DialContext: listener.dial}
		c, err := client.New(client.Options{
			BaseURL: "http://legwork.test", HTTPClient: &http.Client{Transport: transport}, Retries: retries,
		})
		if err != nil {
			t.Fatal(err)
		}
		f(t, c, s)
		transport.CloseIdleConnections()
		_ = server.Close()
		<-served
	})
}

func busy(status int, after string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if after != "" {
			w.Header().Set("Retry-After", after)
		}
		answer(status, "application/problem+json", `{"code":"unavailable","detail":"busy"}`)(w, r)
	}
}

func (s *script) expect(t *testing.T, calls string, at ...time.Duration) {
	t.Helper()
	if got := strings.Join(s.calls, ", "); got != calls {
		t.Errorf("calls: got %s\nwant %s", got, calls)
	}
	for i, want := range at {
		if i < len(s.at) && s.at[i] != want {
			t.Errorf("call %d came after %s, want %s", i, s.at[i], want)
		}
	}
}
