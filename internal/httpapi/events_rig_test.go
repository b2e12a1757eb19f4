package httpapi_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"legwork/client"
	"legwork/internal/engine"
	"legwork/internal/httpapi"
	"legwork/internal/inspect"
	"legwork/internal/store"
	"legwork/jobs"
)

// event is a server-sent event as it came.
type event struct{ id, event, data string }

func (e event) String() string {
	switch e.event {
	case client.EventLog:
		var l client.LogLine
		_ = json.Unmarshal([]byte(e.data), &l)
		return l.Message
	case client.EventProgress:
		var p client.Progress
		_ = json.Unmarshal([]byte(e.data), &p)
		return fmt.Sprintf("%d/%d", p.Done, p.Total)
	case client.EventState:
		var s client.StateChange
		_ = json.Unmarshal([]byte(e.data), &s)
		return fmt.Sprintf("%s:%d", s.State, s.Attempt)
	}
	var end client.JobEnd
	_ = json.Unmarshal([]byte(e.data), &end)
	return e.event + ":" + end.Reason
}

func words(events []event) string {
	all := make([]string, len(events))
	for n, e := range events {
		all[n] = e.String()
	}
	return strings.Join(all, " ")
}

// reader reads one stream.
type reader struct {
	t      testing.TB
	resp   *http.Response
	lines  *bufio.Scanner
	leave  context.CancelFunc
	quiet  int // comments so far
	failed error
}

// read opens a stream of the job's events, after that with the id unless it is "".
func (r *rig) read(base, id, after string) *reader {
	r.t.Helper()
	ctx, leave := context.WithCancel(context.Background())
	r.t.Cleanup(leave)
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/v1/jobs/"+id+"/events", nil)
	if err != nil {
		r.t.Fatal(err)
	}
	if after != "" {
		q.Header.Set("Last-Event-ID", after)
	}
	resp, err := r.http.Do(q)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = resp.Body.Close() })
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 1<<20)
	return &reader{t: r.t, resp: resp, lines: lines, leave: leave}
}

// next returns the next event; false at the end of the stream.
func (s *reader) next() (e event, ok bool) {
	for s.lines.Scan() {
		name, value, _ := strings.Cut(s.lines.Text(), ": ")
		switch name {
		case "":
			if e != (event{}) {
				return e, true
			}
		case ":":
			s.quiet++
		case "id":
			e.id = value
		case "event":
			e.event = value
		case "data":
			e.data = value
		default:
			s.t.Errorf("line %q of a stream", s.lines.Text())
		}
	}
	s.failed = s.lines.Err()
	return e, false
}

// until returns the events up to the one that reads like that; all when it is "".
func (s *reader) until(last string) (all []event) {
	s.t.Helper()
	time.AfterFunc(20*time.Second, s.leave)
	for {
		e, ok := s.next()
		if !ok {
			break
		}
		all = append(all, e)
		if e.String() == last {
			return all
		}
	}
	if last != "" {
		s.t.Fatalf("the stream ends (%v) after %q, without %s", s.failed, words(all), last)
	}
	return all
}

// another serves the same Redis as another process would, with options of its own.
func (r *rig) another(change func(*httpapi.Options, *http.Server)) (base string) {
	r.t.Helper()
	o := r.options
	o.Inspector = inspect.New(r.inst.Client, slog.New(slog.DiscardHandler))
	o.Followers = inspect.NewFollowers(r.inst.Client)
	o.Waiters = engine.NewWaiters(r.inst.Client, "another")
	server := httptest.NewUnstartedServer(nil)
	if change != nil {
		change(&o, server.Config)
	}
	if err := o.Followers.Start(context.Background()); err != nil {
		r.t.Fatal(err)
	}
	handler := httpapi.New(o)
	server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		r.flying.Add(1)
		defer r.flying.Add(-1)
		handler.ServeHTTP(w, q)
	})
	server.Start()
	r.t.Cleanup(func() {
		o.Waiters.Release()
		server.Close()
		_ = o.Followers.Stop(context.Background())
	})
	return server.URL
}

// talking registers a type whose handler says what it is told to.
func talking(say <-chan string) func(*jobs.Registry) {
	return func(reg *jobs.Registry) {
		jobs.Handle(reg, "test.talk", func(ctx context.Context, _ struct{}) (struct{}, error) {
			for {
				select {
				case text := <-say:
					switch word, rest, _ := strings.Cut(text, " "); word {
					case "done":
						return struct{}{}, nil
					case "fail":
						return struct{}{}, fmt.Errorf("failed as told")
					case "progress":
						var done, total int64
						_, _ = fmt.Sscan(rest, &done, &total)
						jobs.Progress(ctx, done, total)
					default:
						jobs.Logger(ctx).Info(text, "n", 1)
					}
				case <-ctx.Done():
					return struct{}{}, context.Cause(ctx)
				}
			}
		}, jobs.Options{MaxRetries: 1, Backoff: jobs.Backoff{Initial: time.Second, Jitter: jobs.NoJitter}})
		commonTypes(reg)
	}
}

// listeners waits until so many connections listen for the logs of the job.
func (r *rig) listeners(id string, n int64) {
	r.t.Helper()
	channel := store.ChannelLog + ":" + id
	eventually(r.t, func() bool {
		return r.inst.Client.PubSubNumSub(context.Background(), channel).Val()[channel] == n
	}, func() string { return fmt.Sprintf("not %d connections listen for job %s", n, id) })
}

// grounded waits until no request is being answered.
func (r *rig) grounded() {
	r.t.Helper()
	eventually(r.t, func() bool { return r.flying.Load() == 0 }, func() string { return "a stream does not end" })
}
