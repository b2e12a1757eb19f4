package httprequest

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"time"

	"legwork/jobs"
)

// Limits of one connection.
const (
	dialTimeout     = 10 * time.Second
	idleTimeout     = 30 * time.Second
	idlePerHost     = 8
	idleConnections = 64
	answerHeaderMax = 64 << 10
)

// Register adds the type to r. Options that fail [Options.Check] make every job
// of the type fail permanently with what is wrong.
func Register(r *jobs.Registry, o Options) {
	jobs.Handle(r, TypeName, newHandler(o).run, jobs.Options{
		Summary: "Calls an HTTP address and keeps the answer; 429, 5xx and connection errors are tried again.",
		Timeout: time.Minute,
		Examples: []any{
			Payload{URL: "https://example.com/"},
			Payload{
				Method: http.MethodPost, URL: "https://example.com/hooks/orders", Timeout: "10s",
				Headers: map[string]string{"X-Source": "shop"}, JSON: json.RawMessage(`{"order": 4711}`),
			},
		},
	})
}

type handler struct {
	client  *http.Client
	limit   int64
	timeout time.Duration
	broken  error // why the options cannot be used
}

// newHandler returns a handler with a connection pool of its own, which all its
// jobs share; connections idle for idleTimeout close.
func newHandler(o Options) *handler {
	h := &handler{limit: o.ResponseLimit, timeout: o.Timeout, broken: o.Check()}
	if h.limit == 0 {
		h.limit = ResponseLimitDefault
	}
	if h.timeout == 0 {
		h.timeout = TimeoutDefault
	}
	control, _ := newControl(o)
	dialer := &net.Dialer{Timeout: dialTimeout, Control: control}
	h.client = &http.Client{
		CheckRedirect: checkRedirect,
		Transport: &http.Transport{
			DialContext:            dialer.DialContext,
			ForceAttemptHTTP2:      true,
			IdleConnTimeout:        idleTimeout,
			MaxIdleConns:           idleConnections,
			MaxIdleConnsPerHost:    idlePerHost,
			MaxResponseHeaderBytes: answerHeaderMax,
			TLSHandshakeTimeout:    dialTimeout,
		},
	}
	return h
}

func (h *handler) run(ctx context.Context, in Payload) (Result, error) {
	if h.broken != nil {
		return Result{}, jobs.Permanent(h.broken)
	}
	ctx, cancel, err := withTimeout(ctx, in.Timeout, h.timeout)
	if err != nil {
		return Result{}, jobs.Permanent(err)
	}
	defer cancel()
	req, err := newRequest(ctx, in)
	if err != nil {
		return Result{}, jobs.Permanent(err)
	}
	what, start := describe(req), time.Now()
	resp, err := h.client.Do(req)
	if err != nil {
		return Result{}, exchangeError(ctx, what, err)
	}
	defer resp.Body.Close()
	if err := judge(what, resp, in.ExpectStatus, time.Now()); err != nil {
		return Result{}, err
	}
	out, err := readAnswer(resp, h.limit)
	if err != nil {
		return Result{}, exchangeError(ctx, what, err)
	}
	out.Duration = time.Since(start).Round(time.Millisecond).String()
	return out, nil
}
