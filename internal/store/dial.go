package store

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/redis/go-redis/v9"
)

// dialer connects within the context's deadline. The one of go-redis ignores it
// for TLS.
type dialer struct {
	timeout time.Duration
	tls     *tls.Config
}

// An idle connection is probed after keepAliveIdle, sooner than load balancers
// forget it, and given up after keepAliveCount probes without an answer.
const (
	keepAliveIdle     = 30 * time.Second
	keepAliveInterval = 5 * time.Second
	keepAliveCount    = 3
)

func (d dialer) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	nd := &net.Dialer{Timeout: d.timeout, KeepAliveConfig: net.KeepAliveConfig{
		Enable: true, Idle: keepAliveIdle, Interval: keepAliveInterval, Count: keepAliveCount,
	}}
	if d.tls == nil {
		return nd.DialContext(ctx, network, addr)
	}
	return (&tls.Dialer{NetDialer: nd, Config: d.tls}).DialContext(ctx, network, addr)
}

// masterHook keeps one mistake from passing for another: a Sentinel that does
// not know the master answers nil, go-redis wraps that, and so every command
// on a wrong master name would look like "no such key" to errors.Is.
type masterHook struct{ master string }

var errUnknownMaster = errors.New("no Sentinel knows the master")

func (h masterHook) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := next(ctx, network, addr)
		if errors.Is(err, redis.Nil) {
			return nil, fmt.Errorf("%w %q; correct the name in the URL, or make the Sentinels monitor it", errUnknownMaster, h.master)
		}
		return conn, err
	}
}

func (masterHook) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }

func (masterHook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}
