package dashboard

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strings"

	"legwork/jobs"
)

// page is one page: where it is, its template, and how its data are read.
type page struct {
	path    string // below the base, a pattern of http.ServeMux
	view    string // template page/<view>.html
	section string // of the navigation
	read    func(d *Dashboard, r *http.Request) (content, error)
}

// content is what a page shows.
type content struct {
	title string
	data  any
}

// pages are all pages.
func pages() []page {
	return []page{
		{"/{$}", "overview", "Overview", (*Dashboard).overview},
		{"/failures", "failures", "Failures", (*Dashboard).failures},
		{"/failures/{fingerprint}", "failure", "Failures", (*Dashboard).failure},
		{"/jobs", "jobs", "Jobs", (*Dashboard).jobs},
		{"/jobs/{id}", "job", "Jobs", (*Dashboard).job},
		{"/queues", "queues", "Queues", (*Dashboard).queues},
		{"/queues/{name}", "queue", "Queues", (*Dashboard).queue},
		{"/types", "types", "Types", (*Dashboard).types},
		{"/workers", "workers", "Workers", (*Dashboard).workers},
		{"/actions", "actions", "Actions", (*Dashboard).actions},
		{"/actions/{id}", "action", "Actions", (*Dashboard).action},
	}
}

// frame is what the layout shows around a page.
type frame struct {
	Title, Section string
	Page           string // path and query of this page, below the server's root
	Version        string
	Notice         *notice // of the last act
	Trouble        string  // why the page has no data
	Main           any
}

// show is the handler of a page.
func (d *Dashboard) show(p page) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		f, status := d.read(p, r)
		if r.Context().Err() != nil { // nobody waits for the page any more
			return
		}
		name := "layout"
		if isFragment(r.Context()) {
			name = "content"
		} else {
			f.Notice = takeNotice(w, r, d.Base)
		}
		d.write(w, r, status, p.view, name, f)
	}
}

// read reads the page's data, or words why there are none.
func (d *Dashboard) read(p page, r *http.Request) (f frame, status int) {
	ctx, cancel := context.WithTimeout(r.Context(), readTimeout)
	defer cancel()
	f = frame{Title: p.section, Section: p.section, Page: r.URL.RequestURI(), Version: d.Version}
	c, err := p.read(d, r.WithContext(ctx))
	switch code := jobs.CodeOf(err); {
	case err == nil:
		f.Title, f.Main = c.title, c.data
		return f, http.StatusOK
	case code == jobs.CodeNotFound:
		f.Trouble = trouble(err) + "."
		return f, http.StatusNotFound
	case code == jobs.CodeInvalidRequest:
		f.Trouble = trouble(err) + "."
		return f, http.StatusUnprocessableEntity
	case code == jobs.CodeUnavailable:
		d.Log.WarnContext(ctx, "page not read", "page", p.view, "error", err)
		f.Trouble = trouble(err) + ". Jobs that were accepted are safe; this page tries again by itself."
		return f, http.StatusServiceUnavailable
	}
	d.Log.ErrorContext(ctx, "page not read", "page", p.view, "error", err)
	f.Trouble = "Something went wrong inside Legwork; its log says what. This page tries again by itself."
	return f, http.StatusInternalServerError
}

// trouble is the error's message for people, without its cause, as a sentence.
func trouble(err error) string {
	const away = "Redis cannot be reached"
	e, ok := errors.AsType[*jobs.Error](err)
	if !ok || e.Message == "" || strings.HasPrefix(e.Message, away) {
		return away
	}
	return strings.ToUpper(e.Message[:1]) + e.Message[1:]
}

// retryAfter is what a page without data tells the caller to wait, in seconds.
const retryAfter = "2"

// write writes a page, or a part of it, or an error when its template fails.
func (d *Dashboard) write(w http.ResponseWriter, r *http.Request, status int, view, name string, data any) {
	var out bytes.Buffer
	if err := d.views[view].ExecuteTemplate(&out, name, data); err != nil {
		d.Log.ErrorContext(r.Context(), "page not rendered", "page", view, "error", err)
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
	_, _ = out.WriteTo(w)
}
