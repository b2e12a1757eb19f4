// Package dashboard is the web page for people: what waits, what runs and what
// failed. It is a plain http.Handler over the inspector and the catalog; its
// files are embedded, and its pages load nothing from elsewhere.
package dashboard
