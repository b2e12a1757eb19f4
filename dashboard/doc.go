// Package dashboard is the web UI for people: what waits, what runs, what failed and
// why, and forms that put it right. It is a plain http.Handler over the services that
// the API stands on; its files are embedded, and its pages load nothing from elsewhere.
//
// A page is an entry of pages: a path, a template and a function that reads its data.
// Its content is also a stream, which the hub reads once for all who watch it. A form is
// an entry of acts: it does what a call of the API does, and leads back to a page.
//
//	GET /jobs             page --read--> services --template--> layout with content
//	GET /live?page=/jobs  hub  --read, once a second--> content, when it has changed
//	POST /jobs/x/retry    act  --do----> services; 303 to a page that says so
package dashboard
