package httprequest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"legwork/jobs"
)

// newRequest turns the payload into a request. Its errors are the payload's
// fault.
func newRequest(ctx context.Context, in Payload) (*http.Request, error) {
	method, err := checkMethod(in.Method)
	if err != nil {
		return nil, err
	}
	u, err := parseURL(in.URL)
	if err != nil {
		return nil, err
	}
	body, err := newBody(in)
	if err != nil {
		return nil, err
	}
	header, err := requestHeader(in, jobs.Info(ctx))
	if err != nil {
		return nil, err
	}
	user := u.User
	u.User = nil
	req, err := http.NewRequestWithContext(ctx, method, u.String(), body)
	if err != nil {
		return nil, errors.New("url: is not a valid address")
	}
	req.Header = header
	if user != nil && req.Header.Get("Authorization") == "" {
		password, _ := user.Password()
		req.SetBasicAuth(user.Username(), password)
	}
	return req, nil
}

func checkMethod(method string) (string, error) {
	if method == "" {
		return http.MethodGet, nil
	}
	known := []string{
		http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions,
	}
	if !slices.Contains(known, method) {
		return "", fmt.Errorf("method: use one of %s", strings.Join(known, ", "))
	}
	return method, nil
}

// parseURL does not repeat the address or the parser's complaint, which quotes it.
func parseURL(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Hostname() == "" || u.Opaque != "" {
		return nil, errors.New("url: is not an absolute address such as https://example.com/path")
	}
	if !httpScheme(u) {
		return nil, errors.New("url: use http or https")
	}
	return u, nil
}

func httpScheme(u *url.URL) bool { return u.Scheme == "http" || u.Scheme == "https" }

func newBody(in Payload) (io.Reader, error) {
	switch {
	case in.Body != "" && len(in.JSON) > 0:
		return nil, errors.New("body and json: give one of them")
	case len(in.JSON) > 0:
		return bytes.NewReader(in.JSON), nil
	case in.Body != "":
		return strings.NewReader(in.Body), nil
	}
	return http.NoBody, nil
}

// withTimeout bounds ctx by the payload's timeout or, when it has none, by the
// operator's.
func withTimeout(ctx context.Context, timeout string, unset time.Duration) (context.Context, context.CancelFunc, error) {
	d := unset
	if timeout != "" {
		var err error
		if d, err = time.ParseDuration(timeout); err != nil || d <= 0 {
			return nil, nil, errors.New(`timeout: is not a positive duration such as "10s"`)
		}
	}
	ctx, cancel := context.WithTimeoutCause(ctx, d, fmt.Errorf("no complete answer within the timeout of %s", d))
	return ctx, cancel, nil
}

// describe names a request in errors without what may be secret in its address.
func describe(req *http.Request) string {
	return req.Method + " " + req.URL.Scheme + "://" + req.URL.Host
}
