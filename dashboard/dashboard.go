package dashboard

import (
	"context"
	"embed"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"legwork/client"
	"legwork/internal/engine"
	"legwork/internal/store"
)

//go:embed page static/*.css static/*.js static/*.svg
var files embed.FS

// policy lets a page load this server's own files and nothing else.
const policy = "default-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// readTimeout bounds what one page may ask of Redis.
const readTimeout = 1500 * time.Millisecond

// Inspector is what the dashboard asks of the control plane.
type Inspector interface {
	Queues(ctx context.Context, weights map[string]int) ([]client.Queue, error)
	Jobs(ctx context.Context, f client.JobFilter) (*client.JobList, error)
	Job(ctx context.Context, id string) (*client.Job, error)
	Why(ctx context.Context, id string) (*client.Why, error)
	Log(ctx context.Context, id string, f client.LogFilter) (*client.Log, error)
	Retry(ctx context.Context, id string) (*client.Job, error)
	Archive(ctx context.Context, id string) (*client.Job, error)
	Cancel(ctx context.Context, id string) (*client.Job, error)
	Delete(ctx context.Context, id string) error
	Failure(ctx context.Context, fingerprint, trend string) (*client.FailureGroup, error)
	Resolve(ctx context.Context, fingerprint string) (*client.FailureGroup, error)
	Reopen(ctx context.Context, fingerprint string) (*client.FailureGroup, error)
	Ignore(ctx context.Context, fingerprint string, how client.Ignore) (*client.FailureGroup, error)
	Queue(ctx context.Context, name string, weights map[string]int) (*client.Queue, error)
	Pause(ctx context.Context, name string, weights map[string]int) (*client.Queue, error)
	Resume(ctx context.Context, name string, weights map[string]int) (*client.Queue, error)
	Ask(ctx context.Context, id, what string) (store.Wish, error)
	Failures(ctx context.Context, f client.FailureFilter) (*client.FailureList, error)
	Stats(ctx context.Context, f client.StatsFilter) (*client.Stats, error)
	Workers(ctx context.Context) ([]client.Worker, error)
}

// Catalog is what the dashboard asks about job types.
type Catalog interface {
	Types(ctx context.Context) []engine.TypeEntry
	Weights(ctx context.Context) map[string]int
}

// Actions is what the dashboard asks to have done to many jobs.
type Actions interface {
	Order(ctx context.Context, r client.ActionRequest) (*client.Action, error)
	Action(ctx context.Context, id string) (*client.Action, error)
	List(ctx context.Context, limit int, cursor string) (*client.ActionList, error)
	Abort(ctx context.Context, id string) (*client.Action, error)
}

// Options configures the dashboard. Inspector, Catalog, Actions and Log are required.
type Options struct {
	Inspector Inspector
	Actions   Actions
	Catalog   Catalog
	Log       *slog.Logger
	// Base is the path that the dashboard is mounted at, without a slash at its end.
	Base string
	// Version of the program, as people are told.
	Version string
}

// Dashboard is the handler of all pages. Stop it before its server.
type Dashboard struct {
	Options
	handler http.Handler
	pages   *http.ServeMux // the pages alone, as the live streams read them
	views   views
	hub     *hub
}

// New returns the handler of the pages below the base, and of the files that they need.
func New(o Options) *Dashboard {
	d := &Dashboard{Options: o, pages: http.NewServeMux(), views: parse(o.Base)}
	d.hub = newHub(d.fragment)
	for _, p := range pages() {
		d.pages.HandleFunc("GET "+o.Base+p.path, d.show(p))
	}
	mux := http.NewServeMux()
	mux.Handle("GET "+o.Base+"/", d.pages)
	mux.HandleFunc("GET "+o.Base+"/live", d.live)
	mux.Handle("GET "+o.Base+"/static/{file}", assets(o.Base))
	for _, a := range acts() {
		mux.HandleFunc("POST "+o.Base+a.path, d.perform(a))
	}
	d.handler = secure(http.NewCrossOriginProtection().Handler(mux))
	return d
}

func (d *Dashboard) ServeHTTP(w http.ResponseWriter, r *http.Request) { d.handler.ServeHTTP(w, r) }

// Stop ends the live streams, so that their server can stop.
func (d *Dashboard) Stop() { d.hub.stop() }

// Paths are the patterns that the dashboard is to be mounted under.
func (d *Dashboard) Paths() []string {
	all := []string{d.Base + "/live", d.Base + "/static/{file}"}
	for _, p := range pages() {
		all = append(all, d.Base+p.path)
	}
	for _, a := range acts() {
		all = append(all, d.Base+a.path)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func secure(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		next.ServeHTTP(w, r)
	})
}
