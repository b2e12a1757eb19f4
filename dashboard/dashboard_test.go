package dashboard_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"go.uber.org/goleak"
	"golang.org/x/net/html"

	"legwork/client"
	"legwork/dashboard"
	"legwork/internal/engine"
	"legwork/internal/inspect"
	"legwork/internal/store/storetest"
	"legwork/jobs"
)

// What go-redis leaves of a connection to a server that stays away ends within
// a second of the client's end.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/redis/go-redis/v9/internal/pool.(*ConnPool).tryDial"))
}

// rig is a dashboard over a Redis of its own, with an engine and a pool.
type rig struct {
	t       *testing.T
	inst    storetest.Instance
	engine  *engine.Engine
	inspect *inspect.Inspector
	actions *inspect.Actions
	catalog *engine.Catalog
	page    *dashboard.Dashboard
}

func newRig(t *testing.T) *rig {
	t.Helper()
	inst := storetest.Redis(t)
	log := slog.New(slog.DiscardHandler)
	reg := jobs.NewRegistry()
	register(reg)
	if err := reg.Err(); err != nil {
		t.Fatal(err)
	}
	catalog := engine.NewCatalog(reg, inst.Client, log)
	r := &rig{t: t, inst: inst, catalog: catalog, inspect: inspect.New(inst.Client, log), engine: engine.New(engine.Options{Redis: inst.Client, Catalog: catalog, Log: log})}
	r.actions = inspect.NewActions(r.inspect, inspect.ActionsOptions{Look: 20 * time.Millisecond, Log: log})
	if err := r.actions.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.page = dashboard.New(dashboard.Options{Inspector: r.inspect, Actions: r.actions, Catalog: catalog, Log: log, Version: "test"})
	p := engine.NewWorker(engine.WorkerOptions{Redis: inst.Client, Registry: reg, Pools: []engine.PoolOptions{{Name: "main", Queues: map[string]int{"work": 1}, Concurrency: 5}}, Log: log})
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		r.page.Stop()
		_ = r.actions.Stop(context.Background())
		_ = p.Stop(context.Background())
		r.engine.Stop()
	})
	return r
}

// hostile is what somebody might try to have run in a page.
const hostile = `<script>alert(1)</script><img src=x onerror=alert(2)>"'` + "`" + `&lt;{{.}}`

func register(reg *jobs.Registry) {
	jobs.Handle(reg, "test.ok", func(context.Context, any) (string, error) { return "done", nil }, jobs.Options{Summary: "Says " + hostile})
	jobs.Handle(reg, "test.die", func(context.Context, any) (string, error) {
		return "", jobs.Permanent(errors.New(hostile + "\nsecond line"))
	}, jobs.Options{})
	jobs.Handle(reg, "test.fail", func(context.Context, any) (string, error) { return "", errors.New("no luck") }, jobs.Options{Backoff: jobs.Backoff{Initial: time.Hour}})
	jobs.Handle(reg, "test.drop", func(context.Context, any) (string, error) { return "", jobs.Discard(hostile) }, jobs.Options{})
}

func (r *rig) post(q client.Enqueue) {
	r.t.Helper()
	if _, err := r.engine.Enqueue(r.t.Context(), q, ""); err != nil {
		r.t.Fatal(err)
	}
}

// until waits for the job to be in the state.
func (r *rig) until(id string, state jobs.State) {
	r.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(20 * time.Second)
	for {
		if j, err := r.inspect.Job(r.t.Context(), id); err == nil && j.State == string(state) {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			r.t.Fatalf("job %s is not %s", id, state)
		}
	}
}

func (r *rig) get(path string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	r.page.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w
}

// parse checks that the page has nothing that runs, and returns its text, row
// by row with the cells joined by blanks.
func parse(t *testing.T, page string) (rows []string) {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	for n := range root.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		switch n.Data {
		case "script":
			if src := attr(n, "src"); !strings.HasPrefix(src, "/static/") || n.FirstChild != nil {
				t.Errorf("the page has a script of its own, or from %q", src)
			}
		case "style", "img", "iframe", "object", "base":
			t.Errorf("the page has <%s>", n.Data)
		case "tr", "p", "h2", "h1", "div", "pre", "li", "dd":
			rows = append(rows, text(n))
		}
		for _, a := range n.Attr {
			links := a.Key == "href" || a.Key == "src" || a.Key == "action"
			if a.Key == "style" || strings.HasPrefix(a.Key, "on") || links && (strings.Contains(strings.ToLower(a.Val), "javascript:") || strings.Contains(a.Val, "//")) {
				t.Errorf("<%s %s=%q>", n.Data, a.Key, a.Val)
			}
		}
	}
	return rows
}

func attr(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

func text(n *html.Node) string {
	var words []string
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			words = append(words, strings.Fields(d.Data)...)
		}
	}
	return strings.Join(words, " ")
}

// Promise: the overview shows what goes in and out, dead letters, the causes of
// failures and the queues.
func TestOverview(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.post(client.Enqueue{Type: "test.die", ID: "die", Queue: "work"})
	r.until("die", jobs.StateArchived)
	r.post(client.Enqueue{Type: "test.ok", Queue: "idle"})
	if _, err := r.inspect.Pause(t.Context(), "idle", nil); err != nil {
		t.Fatal(err)
	}
	w := r.get("/")
	if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "text/html; charset=utf-8" || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("answer = %d %v", w.Code, w.Header())
	}
	rows := parse(t, w.Body.String())
	for _, want := range []string{"idle paused no worker – 1 ", "work no worker – 0 "} {
		if !slices.ContainsFunc(rows, func(row string) bool { return strings.HasPrefix(row, want) }) {
			t.Errorf("no row %q in\n%s", want, strings.Join(rows, "\n"))
		}
	}
	for _, want := range []string{"Backlog 1", "Dead letters 1"} {
		if !slices.Contains(rows, want) {
			t.Errorf("no tile %q in\n%s", want, strings.Join(rows, "\n"))
		}
	}
}

// Promise: an empty Redis makes inviting pages, not errors.
func TestPagesOfNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for path, want := range map[string]string{
		"/": "No queue yet. Post a job, and its queue appears here.", "/failures": "Nothing has failed like that.", "/jobs": "No job yet.",
		"/queues": "No queue yet.", "/workers": "No worker lives, so nothing runs.", "/actions": "No action in the last seven days.",
	} {
		w := r.get(path)
		rows := parse(t, w.Body.String())
		if w.Code != http.StatusOK || !slices.ContainsFunc(rows, func(row string) bool { return strings.HasPrefix(row, want) }) {
			t.Errorf("%s: %d, no %q in\n%s", path, w.Code, want, strings.Join(rows, "\n"))
		}
	}
}

// Promise: nothing that another asynq client wrote, be it names, payloads or
// errors, becomes part of the page's own text.
func TestHostileNames(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	foreign := asynq.NewClientFromRedisClient(r.inst.Client)
	info, err := foreign.Enqueue(asynq.NewTask(hostile, []byte(hostile), asynq.TaskID(hostile), asynq.Queue(hostile)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.inspect.Archive(t.Context(), info.ID); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/", "/jobs", "/jobs/" + url.PathEscape(hostile), "/queues", "/queues/" + url.PathEscape(hostile), "/types", "/failures", "/workers"} {
		w := r.get(path)
		rows := strings.Join(parse(t, w.Body.String()), "\n")
		refused := strings.HasPrefix(path, "/queues/") && w.Code == http.StatusUnprocessableEntity // no name of a queue of Legwork's
		if w.Code != http.StatusOK && !refused || path == "/jobs" && !strings.Contains(rows, hostile+" "+hostile+" archived") {
			t.Errorf("%s: %d\n%s", path, w.Code, rows)
		}
	}
}
