package httprequest

import (
	"fmt"
	"net/http"
	"slices"

	"golang.org/x/net/http/httpguts"

	"legwork/jobs"
)

// newHeader checks the payload's headers and returns them by canonical name,
// with the job's id and the user agent added. Errors never repeat a value.
func newHeader(given map[string]string, jobID string) (http.Header, error) {
	h := make(http.Header, len(given)+3)
	for name, value := range given {
		if !httpguts.ValidHeaderFieldName(name) {
			return nil, fmt.Errorf("header %q: is not a header name", name)
		}
		if !httpguts.ValidHeaderFieldValue(value) {
			return nil, fmt.Errorf("header %q: its value holds a line break or another control character", name)
		}
		key := http.CanonicalHeaderKey(name)
		if slices.Contains(connectionHeaders(), key) {
			return nil, fmt.Errorf("header %q: belongs to the connection and cannot be set; leave it out", name)
		}
		if _, twice := h[key]; twice {
			return nil, fmt.Errorf("header %q: is given twice in different letter case", key)
		}
		h[key] = []string{value}
	}
	if jobID != "" {
		setDefault(h, "Legwork-Job-Id", jobID)
		setDefault(h, "Idempotency-Key", jobID)
	}
	setDefault(h, "User-Agent", "legwork")
	return h, nil
}

// connectionHeaders are hop by hop (RFC 9110, 7.6.1), or follow from the
// address and the body.
func connectionHeaders() []string {
	return []string{
		"Connection", "Content-Length", "Host", "Http2-Settings", "Keep-Alive", "Proxy-Authenticate",
		"Proxy-Authorization", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade",
	}
}

// portableHeaders may follow a redirect to another origin; anything else may be
// a credential of the first one.
func portableHeaders() []string {
	return []string{
		"Accept", "Accept-Encoding", "Accept-Language", "Content-Encoding", "Content-Language", "Content-Type",
		"Idempotency-Key", "Legwork-Job-Id", "User-Agent",
	}
}

// keptHeaders are the answer headers that go into the result.
func keptHeaders() []string {
	return []string{"Content-Type", "Date", "Etag", "Last-Modified", "Location", "Request-Id", "X-Request-Id"}
}

func setDefault(h http.Header, name, value string) {
	if _, given := h[name]; !given {
		h[name] = []string{value}
	}
}

// requestHeader returns the header of the running job's request.
func requestHeader(in Payload, info jobs.JobInfo) (http.Header, error) {
	h, err := newHeader(in.Headers, info.ID)
	if err != nil {
		return nil, err
	}
	switch {
	case len(in.JSON) > 0:
		setDefault(h, "Content-Type", "application/json")
	case in.Body != "":
		setDefault(h, "Content-Type", "text/plain; charset=utf-8")
	}
	return h, nil
}
