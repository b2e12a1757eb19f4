package httprequest

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// checkRedirect is the client's say on following a redirect: req is the next
// request and via those already made, oldest first.
func checkRedirect(req *http.Request, via []*http.Request) error {
	if len(via) > RedirectsMax {
		return refusal("more than " + strconv.Itoa(RedirectsMax) + " redirects")
	}
	if !httpScheme(req.URL) {
		return refusal("a redirect leads to an address that is neither http nor https")
	}
	if losesBody(req, via[len(via)-1]) {
		return refusal("a redirect would turn the " + via[len(via)-1].Method + " into a " + req.Method +
			" and drop its body; use the address it leads to")
	}
	req.Header.Del("Referer")
	if leavesOrigin(req, via) {
		keepOnly(req.Header, portableHeaders())
	}
	return nil
}

// losesBody reports whether a 301 or 302 changes the method. A 303 does so by
// definition, after the request was processed (RFC 9110, 15.4.4).
func losesBody(req, last *http.Request) bool {
	return req.Method != last.Method && req.Response != nil && req.Response.StatusCode != http.StatusSeeOther
}

// leavesOrigin reports whether any request of the chain went to another origin
// than the first: the client copies the first request's headers to each.
func leavesOrigin(req *http.Request, via []*http.Request) bool {
	first := origin(via[0].URL)
	return origin(req.URL) != first || slices.ContainsFunc(via, func(r *http.Request) bool { return origin(r.URL) != first })
}

func origin(u *url.URL) string {
	port := u.Port()
	switch {
	case port == "" && u.Scheme == "https":
		port = "443"
	case port == "":
		port = "80"
	}
	return u.Scheme + "://" + strings.ToLower(u.Hostname()) + ":" + port
}

func keepOnly(h http.Header, names []string) {
	for name := range h {
		if !slices.Contains(names, name) {
			delete(h, name)
		}
	}
}
