package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// ErrUnreachable is returned by [WaitReady], wrapped with the address and the
// last error, when Redis did not become reachable in time.
var ErrUnreachable = errors.New("redis is not reachable")

const (
	pauseMin    = 100 * time.Millisecond
	pauseMax    = 2 * time.Second
	pingTimeout = 2 * time.Second
	reportEvery = 5 * time.Second
)

// WaitReady returns nil once Redis answers and serves: not loading, and in a
// Cluster with all slots covered. It tries for the given time, with growing
// pauses, and tells log every few seconds.
//
// It returns at once what waiting does not cure: a wrong password, missing
// rights ([Denied]), a certificate that cannot be trusted, a database that does
// not exist. When the time is up it returns an error that wraps
// [ErrUnreachable]; when ctx ends, one that wraps the cause of that.
func WaitReady(ctx context.Context, c redis.UniversalClient, log *slog.Logger, timeout time.Duration) error {
	w := wait{client: c, where: where(c), log: log, start: time.Now(), timeout: timeout}
	bounded, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	for pause := pauseMin; ; pause = min(2*pause, pauseMax) {
		err := w.try(bounded)
		switch {
		case err == nil:
			w.reached()
			return nil
		case ctx.Err() != nil:
			return fmt.Errorf("waiting for redis at %s: %w", w.where, context.Cause(ctx))
		case hopeless(err):
			return fmt.Errorf("redis at %s: %w%s", w.where, err, remedy(err))
		case bounded.Err() == nil:
			w.report(err)
			w.last = err
		case w.last == nil:
			w.last = err
		}
		select {
		case <-time.After(pause):
		case <-bounded.Done():
		}
		if ctx.Err() == nil && bounded.Err() != nil {
			return fmt.Errorf("%w at %s: tried for %s, last error: %w", ErrUnreachable, w.where, timeout, w.last)
		}
	}
}

// wait is one wait for Redis.
type wait struct {
	client  redis.UniversalClient
	where   string
	log     *slog.Logger
	start   time.Time
	timeout time.Duration
	last    error
	told    time.Time // when the last line was logged
}

func (w *wait) try(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	if err := w.client.Ping(ctx).Err(); err != nil {
		return err
	}
	cc, ok := w.client.(*redis.ClusterClient)
	if !ok {
		return nil
	}
	info, err := cc.ClusterInfo(ctx).Result()
	if err == nil && !strings.Contains(info, "cluster_state:ok") {
		return errClusterDown
	}
	return err
}

var errClusterDown = errors.New("the cluster's state is not ok; see CLUSTER INFO")

func (w *wait) report(err error) {
	if time.Since(w.told) < reportEvery {
		return
	}
	w.told = time.Now()
	left := (w.timeout - time.Since(w.start)).Round(time.Second)
	w.log.Warn(fmt.Sprintf("redis not reachable at %s, trying for another %s", w.where, left), "error", err)
}

func (w *wait) reached() {
	if !w.told.IsZero() {
		w.log.Info("redis reachable at "+w.where, "after", time.Since(w.start).Round(time.Millisecond))
	}
}

func hopeless(err error) bool {
	return Denied(err) || mistrusted(err) || (!Unavailable(err) && !errors.Is(err, errClusterDown))
}

func remedy(err error) string {
	switch {
	case Denied(err):
		return "; correct user and password, or give the user the rights it lacks (ACL SETUSER)"
	case mistrusted(err):
		return "; check the TLS settings: the CA file, the server name, and that the port speaks TLS"
	}
	return ""
}

// where says for a person what c connects to.
func where(c redis.UniversalClient) string {
	switch c := c.(type) {
	case *redis.ClusterClient:
		return "cluster " + strings.Join(c.Options().Addrs, ",")
	case *redis.Client:
		if o := c.Options(); o.Addr != failoverAddr {
			return o.Addr
		}
		return "the master that the Sentinels name"
	}
	return "the configured address"
}

// failoverAddr is what go-redis has for an address in a client that asks
// Sentinels for it.
const failoverAddr = "FailoverClient"
