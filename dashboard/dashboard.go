package dashboard

import (
	"bytes"
	"context"
	"embed"
	"html/template"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"legwork/client"
	"legwork/internal/engine"
)

//go:embed page static/style.css
var files embed.FS

// policy lets a page load this server's own files and nothing else.
const policy = "default-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// recentMax is the number of jobs in each table of the overview.
const recentMax = 10

// Inspector is what the dashboard asks of the control plane.
type Inspector interface {
	Queues(ctx context.Context, weights map[string]int) ([]client.Queue, error)
	Jobs(ctx context.Context, f client.JobFilter) (*client.JobList, error)
}

// Catalog is what the dashboard asks about job types.
type Catalog interface {
	Types(ctx context.Context) []engine.TypeEntry
	Weights(ctx context.Context) map[string]int
}

// Options configures the dashboard. All fields are required.
type Options struct {
	Inspector Inspector
	Catalog   Catalog
	Log       *slog.Logger
}

type dashboard struct {
	Options
	page *template.Template
}

// New returns the handler of "/" and the files under "/static/".
func New(o Options) http.Handler {
	d := &dashboard{Options: o, page: parse()}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", d.overview)
	mux.Handle("GET /static/{file}", http.FileServerFS(files))
	return secure(mux)
}

func parse() *template.Template {
	funcs := template.FuncMap{
		"ago":  func(t time.Time) string { return ago(time.Since(t)) },
		"span": func(d client.Duration) string { return ago(time.Duration(d)) },
		"line": func(s string) string { first, _, _ := strings.Cut(s, "\n"); return first },
	}
	return template.Must(template.New("").Funcs(funcs).ParseFS(files, "page/*.html"))
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

// retryAfter is what a page without data tells the caller to wait, in seconds.
const retryAfter = "2"

// render writes a whole page or, when its template fails, an error.
func (d *dashboard) render(w http.ResponseWriter, r *http.Request, status int, name string, data any) {
	var page bytes.Buffer
	if err := d.page.ExecuteTemplate(&page, name, data); err != nil {
		d.Log.ErrorContext(r.Context(), "page not rendered", "page", name, "error", err)
		http.Error(w, "the page cannot be shown; the log says why", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	if status == http.StatusServiceUnavailable {
		h.Set("Retry-After", retryAfter)
	}
	w.WriteHeader(status)
	_, _ = page.WriteTo(w)
}

// ago words a duration in its largest unit.
func ago(d time.Duration) string {
	for _, unit := range []struct {
		size time.Duration
		name string
	}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "m"}, {time.Second, "s"}} {
		if d >= unit.size {
			return strconv.Itoa(int(d/unit.size)) + " " + unit.name
		}
	}
	return "now"
}
