package client

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Defaults and bounds of a [Client].
const (
	// BaseURLDefault is where `legwork dev` and `legwork serve` listen unless told otherwise.
	BaseURLDefault = "http://127.0.0.1:8080"
	// UserAgentDefault is sent when [Options].UserAgent is empty.
	UserAgentDefault = "legwork-go-client"
	// AnswerMax is the largest answer that is read, in bytes.
	AnswerMax = 64 << 20
	// WaitMax is the longest that one call waits for a job to finish.
	WaitMax = time.Minute
	// RetryWaitDefault is the wait before the first repetition when the answer has no Retry-After.
	RetryWaitDefault = time.Second
	// RetryWaitMax is the longest wait before a repetition.
	RetryWaitMax = 30 * time.Second
)

// Options configure a [Client]. The zero value talks to [BaseURLDefault]
// without a key.
type Options struct {
	// BaseURL is the server's address, http or https, with a path if it is
	// mounted under one. Defaults to [BaseURLDefault].
	BaseURL string
	// APIKey is sent as "Authorization: Bearer". Empty sends no such header.
	APIKey string
	// HTTPClient does the exchange. Give it at least [WaitMax] and some seconds
	// if calls wait for jobs. Defaults to [NewHTTPClient].
	HTTPClient *http.Client
	// UserAgent names the program. Defaults to [UserAgentDefault].
	UserAgent string
	// Retries is how often a call is repeated after 503 or 429; the package
	// comment says which calls and when. Defaults to 0: never.
	Retries int
}

// Client calls the HTTP API of one server. It is safe for concurrent use.
type Client struct {
	base      string // without a slash at its end
	apiKey    string
	userAgent string
	http      *http.Client
	retries   int
}

// New returns a client. It makes no call; the error is about the options.
func New(o Options) (*Client, error) {
	if o.BaseURL == "" {
		o.BaseURL = BaseURLDefault
	}
	if o.UserAgent == "" {
		o.UserAgent = UserAgentDefault
	}
	if o.HTTPClient == nil {
		o.HTTPClient = NewHTTPClient()
	}
	if err := checkBaseURL(o.BaseURL); err != nil {
		return nil, err
	}
	if !headerSafe(o.APIKey) {
		return nil, errors.New("API key: holds a space, a line break or a character outside ASCII; check how it was copied")
	}
	if o.Retries < 0 {
		return nil, fmt.Errorf("retries %d: use 0 or more", o.Retries)
	}
	return &Client{
		base: strings.TrimRight(o.BaseURL, "/"), apiKey: o.APIKey, userAgent: o.UserAgent,
		http: o.HTTPClient, retries: o.Retries,
	}, nil
}

// NewHTTPClient returns the HTTP client that is used when [Options] has none:
// 10 s to connect, [WaitMax] and 15 s for an answer to begin, 2 minutes for the
// whole exchange, proxies from the environment, no redirects. Take it as a
// start to change a timeout or to wrap the transport.
func NewHTTPClient() *http.Client {
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Client{
		Timeout: 2 * time.Minute,
		Transport: &http.Transport{
			Proxy:                 http.ProxyFromEnvironment,
			DialContext:           dialer.DialContext,
			ForceAttemptHTTP2:     true,
			TLSHandshakeTimeout:   10 * time.Second,
			ResponseHeaderTimeout: WaitMax + 15*time.Second,
			ExpectContinueTimeout: time.Second,
			IdleConnTimeout:       90 * time.Second,
			MaxIdleConns:          128,
			MaxIdleConnsPerHost:   128,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// checkBaseURL refuses what would only fail later, or leak. Its errors do not
// repeat a URL that might hold a password.
func checkBaseURL(raw string) error {
	u, err := url.Parse(raw)
	if err != nil {
		if wrong, ok := errors.AsType[*url.Error](err); ok {
			err = wrong.Err
		}
		return fmt.Errorf("base URL: %w", err)
	}
	switch {
	case u.User != nil:
		return errors.New("base URL: holds a user or password; give the API key on its own")
	case u.Scheme != "http" && u.Scheme != "https", u.Hostname() == "":
		return fmt.Errorf("base URL %q: want http://host:port or https://host", raw)
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return fmt.Errorf("base URL %q: must not have a query or a fragment", raw)
	}
	return nil
}

// headerSafe reports whether s is printable ASCII without spaces.
func headerSafe(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f }) < 0
}
