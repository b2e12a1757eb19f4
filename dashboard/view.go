package dashboard

import (
	"html/template"
	"io/fs"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"legwork/client"
)

// views are the templates of the pages, each with the layout and the components.
type views map[string]*template.Template

// parse reads the templates. It panics when one is wrong, which every test notices.
func parse(base string) views {
	shared := template.Must(template.New("").Funcs(funcs(base)).ParseFS(files, "page/layout.html", "page/part/*.html"))
	names, err := fs.Glob(files, "page/*.html")
	if err != nil {
		panic(err)
	}
	all := views{}
	for _, file := range names {
		if name := strings.TrimSuffix(path.Base(file), ".html"); name != "layout" {
			all[name] = template.Must(template.Must(shared.Clone()).ParseFS(files, file))
		}
	}
	return all
}

// funcs are what templates can call, besides those of html/template.
func funcs(base string) template.FuncMap {
	return template.FuncMap{
		"url":      func(parts ...string) string { return link(base, parts...) },
		"query":    query,
		"instant":  func(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) },
		"ago":      func(t time.Time) string { return ago(time.Since(t)) },
		"count":    count,
		"rate":     rate,
		"span":     func(d client.Duration) string { return span(time.Duration(d)) },
		"seconds":  func(s float64) string { return span(time.Duration(s * float64(time.Second))) },
		"line":     func(s string) string { first, _, _ := strings.Cut(s, "\n"); return first },
		"spark":    spark,
		"hours":    hours,
		"short":    short,
		"retries":  func(j client.Job) int { return j.MaxRetries + 1 },
		"clock":    func(t time.Time) string { return t.UTC().Format("15:04:05.000") },
		"sections": sections,
	}
}

// section is an entry of the navigation, with the key that leads there after g.
type section struct{ Name, Path, Key string }

func sections() []section {
	return []section{
		{"Overview", "/", "o"},
		{"Failures", "/failures", "f"},
		{"Jobs", "/jobs", "j"},
		{"Queues", "/queues", "q"},
		{"Types", "/types", "t"},
		{"Workers", "/workers", "w"},
		{"Actions", "/actions", "a"},
	}
}

// link joins path segments, escaped, below the base: link(base, "jobs", id).
func link(base string, parts ...string) string {
	var out strings.Builder
	out.WriteString(base)
	for _, p := range parts {
		out.WriteString("/" + url.PathEscape(p))
	}
	if len(parts) == 0 {
		out.WriteByte('/')
	}
	return out.String()
}

// query makes a query of names and values, leaving out those that are empty.
func query(pairs ...string) template.URL {
	values := url.Values{}
	for n := 0; n+1 < len(pairs); n += 2 {
		if pairs[n+1] != "" {
			values.Set(pairs[n], pairs[n+1])
		}
	}
	if len(values) == 0 {
		return ""
	}
	return template.URL("?" + values.Encode()) //nolint:gosec // encoded
}

// assets serves the files under /static/. They change with the program only.
func assets(base string) http.Handler {
	all := http.StripPrefix(base, http.FileServerFS(files))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "public, max-age=3600")
		all.ServeHTTP(w, r)
	})
}
