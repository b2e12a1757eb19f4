package httprequest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"legwork/jobs"
)

// judge reads the answer's status: nil completes the job.
func judge(what string, resp *http.Response, expect []int, now time.Time) error {
	code := resp.StatusCode
	if len(expect) > 0 && slices.Contains(expect, code) || len(expect) == 0 && code/100 == 2 {
		return nil
	}
	err := errors.New(strings.TrimRight(fmt.Sprintf("%s answered %d %s", what, code, http.StatusText(code)), " "))
	if !temporary(code) {
		return jobs.Permanent(err)
	}
	if delay, ok := retryAfter(resp.Header.Get("Retry-After"), now); ok {
		return jobs.RetryAfter(err, delay)
	}
	return err
}

func temporary(code int) bool {
	switch code {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return true
	}
	return code >= 500
}

// retryAfter reads a Retry-After value, seconds or an HTTP date. A delay that is
// over already says nothing, so that no server can make a job use up its
// attempts at once.
func retryAfter(value string, now time.Time) (time.Duration, bool) {
	value = strings.TrimSpace(value)
	delay := time.Duration(0)
	if seconds, err := strconv.ParseUint(value, 10, 64); err == nil {
		delay = time.Duration(min(seconds, uint64(RetryAfterMax/time.Second))) * time.Second
	} else if at, err := http.ParseTime(value); err == nil {
		delay = at.Sub(now)
	}
	return min(delay, RetryAfterMax), delay > 0
}

// exchangeError words an exchange that got no complete answer. All but refusals
// are worth another attempt.
func exchangeError(ctx context.Context, what string, err error) error {
	if r, ok := errors.AsType[refusal](err); ok {
		return jobs.Permanent(fmt.Errorf("%s: refused: %w", what, r))
	}
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", what, context.Cause(ctx))
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		return fmt.Errorf("%s: look up the host: %s", what, dns.Err)
	}
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		err = op.Err // without the addresses of both ends
	}
	return fmt.Errorf("%s: %w", what, err)
}
