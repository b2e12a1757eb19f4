package client

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// repetition says whether a call that just ended with err is made again, and
// after what wait. Tries count from 0.
func (c *Client) repetition(ctx context.Context, k call, try int, err error) (wait time.Duration, again bool) {
	p, ok := errors.AsType[*Problem](err)
	if !ok || !k.repeatable || try >= c.retries {
		return 0, false
	}
	if p.Status != http.StatusServiceUnavailable && p.Status != http.StatusTooManyRequests {
		return 0, false
	}
	wait = time.Duration(p.RetryAfter)
	if wait == 0 {
		wait = min(RetryWaitDefault<<min(try, 5), RetryWaitMax)
	}
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= wait {
		return 0, false
	}
	return wait, wait <= RetryWaitMax
}

// pause waits, or returns why the context ended first.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
