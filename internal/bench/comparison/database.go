package comparison

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"legwork/internal/bench"
	"legwork/internal/store"
)

const (
	stopTimeout = 10 * time.Second
	// portTries is how often a port is chosen: another program may take it first.
	portTries = 10
)

// database is the Redis of a run.
type database struct {
	about   string
	url     string
	probe   *probe
	private *bench.Private // nil with a Redis of the caller's
	used    bool           // something of the run's may be in it
}

// openDatabase starts a private redis-server, with an append-only file synced
// every second, or connects to the one at the URL, which must be empty.
func openDatabase(ctx context.Context, o Options) (d *database, err error) {
	d = &database{url: o.RedisURL, about: store.Redact(o.RedisURL)}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.close(context.WithoutCancel(ctx)))
			d = nil
		}
	}()
	if d.url == "" {
		if err := d.start(ctx, o); err != nil {
			return d, err
		}
	}
	if d.probe, err = openProbe(d.url); err != nil {
		return d, err
	}
	n, err := d.probe.redis.DBSize(ctx).Result()
	if err == nil && n > 0 {
		err = fmt.Errorf("the database holds %d keys, and a comparison empties it: give one that is empty, such as redis://127.0.0.1:6379/15", n)
	}
	return d, err
}

func (d *database) start(ctx context.Context, o Options) (err error) {
	if d.private, err = bench.StartPrivate(ctx, o.Log); err != nil {
		return err
	}
	if !d.private.Durable() {
		return errors.New("a comparison needs a redis-server or valkey-server: install one, or give --redis-url")
	}
	d.about = "a private " + d.private.Kind() + " over loopback TCP, append-only file synced every second"
	return d.listen(ctx)
}

// listen makes the private server listen on the loopback interface as well: that
// is how most workers reach their Redis, and a unix socket favours the side that
// calls more often.
func (d *database) listen(ctx context.Context) error {
	p, err := openProbe(d.private.URL())
	if err != nil {
		return err
	}
	defer func() { _ = p.close() }()
	if err := p.redis.ConfigSet(ctx, "bind", "127.0.0.1").Err(); err != nil {
		return fmt.Errorf("bind the private redis: %w", err)
	}
	for range portTries {
		var port string
		if port, err = freePort(ctx); err != nil {
			return err
		}
		if err = p.redis.ConfigSet(ctx, "port", port).Err(); err == nil {
			d.url = "redis://127.0.0.1:" + port
			return nil
		}
	}
	return fmt.Errorf("let the private redis listen, which needs version 7 (--redis-url uses another): %w", err)
}

// freePort returns a port that is free at this moment.
func freePort(ctx context.Context) (string, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, errors.Join(err, l.Close())
}

// empty removes everything. The private server's append-only file begins anew as
// well, and is not rewritten until the next time.
func (d *database) empty(ctx context.Context) error {
	d.used = true
	if err := d.probe.redis.FlushDB(ctx).Err(); err != nil {
		return fmt.Errorf("empty the database: %w", err)
	}
	if d.private == nil {
		return nil
	}
	if err := d.probe.redis.ConfigSet(ctx, "auto-aof-rewrite-percentage", "0").Err(); err != nil {
		return fmt.Errorf("configure the private redis: %w", err)
	}
	if err := d.probe.redis.BgRewriteAOF(ctx).Err(); err != nil && !strings.Contains(err.Error(), "in progress") {
		return fmt.Errorf("begin the append-only file anew: %w", err)
	}
	return d.awaitRewrite(ctx)
}

func (d *database) awaitRewrite(ctx context.Context) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		info, err := store.ReadInfo(ctx, d.probe.redis, "persistence")
		if err != nil {
			return fmt.Errorf("wait for the append-only file: %w", err)
		}
		if info["aof_rewrite_in_progress"] == "0" && info["aof_rewrite_scheduled"] == "0" {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// close empties a database of the caller's again, and ends a private server.
func (d *database) close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, stopTimeout)
	defer cancel()
	var errs []error
	if d.probe != nil {
		if d.used && d.private == nil {
			errs = append(errs, d.probe.redis.FlushDB(ctx).Err())
		}
		errs = append(errs, d.probe.close())
	}
	errs = append(errs, d.private.Close(ctx))
	return errors.Join(errs...)
}
