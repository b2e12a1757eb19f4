package httpapi_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"legwork/client"
	"legwork/internal/httpapi"
	"legwork/internal/store/storetest"
)

// Promise: who follows a job with package client has each of its lines once and in order,
// however often the connection is cut, in the middle of events too, and whichever
// process takes the stream up.
func TestTailThroughCuts(t *testing.T) {
	t.Parallel()
	say := make(chan string)
	r := newRig(t, storetest.Redis(t), talking(say))
	network := storetest.Proxy(t, "redis://"+strings.TrimPrefix(r.url, "http://"))
	web := client.NewHTTPClient()
	t.Cleanup(web.CloseIdleConnections)
	api, err := client.New(client.Options{BaseURL: strings.Replace(network.URL, "redis:", "http:", 1), HTTPClient: web})
	if err != nil {
		t.Fatal(err)
	}
	r.pool("default")
	id := r.enqueue(`{"type":"test.talk"}`).ID
	const total, cuts = 300, 5
	speak := sync.OnceFunc(func() { // once the first stream is there
		for n := range total {
			say <- fmt.Sprintf("line-%d %s", n, strings.Repeat("x", 500))
			if n%(total/cuts) == total/cuts/2 { // the stream is under way
				network.Cut()
				time.AfterFunc(100*time.Millisecond, network.Heal)
				time.Sleep(300 * time.Millisecond) // lines come in more than one piece
			}
		}
		say <- "done"
	})
	n, lost := 0, 0
	var last client.JobEvent
	for e, err := range api.Tail(t.Context(), id, client.TailOptions{LostFunc: func(error, time.Duration) { lost++ }}) {
		if err != nil {
			t.Fatal(err)
		}
		go speak()
		if e.Log != nil {
			if got, want := strings.Fields(e.Log.Message)[0], fmt.Sprintf("line-%d", n); got != want {
				t.Fatalf("%s comes in the place of %s", got, want)
			}
			n++
		}
		last = e
	}
	if n != total || last.End == nil || last.End.Reason != "completed" || lost == 0 {
		t.Errorf("%d lines, lost %d times, in the end %+v", n, lost, last)
	}
	r.grounded()
}

// via is a transport that is a function.
type via func(*http.Request) (*http.Response, error)

func (f via) RoundTrip(q *http.Request) (*http.Response, error) { return f(q) }

// Promise: a server that is gone and comes back, with other connections and places in its
// memory, is one stream to who follows.
func TestTailThroughARestart(t *testing.T) {
	t.Parallel()
	say := make(chan string)
	r := newRig(t, storetest.Redis(t), talking(say))
	var stop func()
	first := r.another(func(o *httpapi.Options, _ *http.Server) { stop = o.Waiters.Release })
	second := r.another(nil)
	door := make(chan string, 1) // where calls are sent
	door <- first
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	web := &http.Client{Transport: via(func(q *http.Request) (*http.Response, error) {
		to := <-door
		door <- to
		q = q.Clone(q.Context())
		q.URL.Host = strings.TrimPrefix(to, "http://")
		return transport.RoundTrip(q)
	})}
	api, err := client.New(client.Options{BaseURL: "http://legwork.test", HTTPClient: web})
	if err != nil {
		t.Fatal(err)
	}
	r.pool("default")
	id := r.enqueue(`{"type":"test.talk"}`).ID
	var got []string
	for e, err := range api.Tail(t.Context(), id, client.TailOptions{}) {
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case e.State != nil && e.State.State == "active":
			say <- "one"
		case e.Log != nil && e.Log.Message == "one":
			<-door
			door <- second
			stop() // of the first one
			say <- "two"
		case e.Log != nil && e.Log.Message == "two":
			say <- "done"
		}
		if e.Log != nil {
			got = append(got, e.Log.Message)
		}
	}
	if strings.Join(got, " ") != "one two" {
		t.Errorf("lines %q", got)
	}
}
