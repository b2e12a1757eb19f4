package control

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/redis/go-redis/v9"

	"legwork/internal/bench"
	"legwork/internal/store"
)

const (
	startTimeout = 10 * time.Second
	stopTimeout  = 30 * time.Second
	// slow is from which duration on Redis notes a command.
	slow = 10 * time.Millisecond
	// slowMax bounds the commands that Redis keeps.
	slowMax = 1000
)

// database is the Redis of a run.
type database struct {
	redis   redis.UniversalClient
	private *bench.Private
}

// openDatabase starts a redis-server of its own, with an append-only file synced
// every second.
func openDatabase(ctx context.Context, log *slog.Logger) (d *database, err error) {
	d = &database{}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.close(ctx))
			d = nil
		}
	}()
	if d.private, err = bench.StartPrivate(ctx, log); err != nil {
		return d, err
	}
	if !d.private.Durable() {
		return d, errors.New("the measurement needs a redis-server or valkey-server: install one")
	}
	if d.redis, err = store.Open(store.Options{URL: d.private.URL(), ClientName: "legwork-control"}); err != nil {
		return d, err
	}
	if err = store.WaitReady(ctx, d.redis, log, startTimeout); err != nil {
		return d, err
	}
	for name, value := range map[string]string{
		"slowlog-log-slower-than":     fmt.Sprint(slow.Microseconds()),
		"slowlog-max-len":             fmt.Sprint(slowMax),
		"auto-aof-rewrite-percentage": "0", // a rewrite beside some pages and not others would tell nothing of either
	} {
		if err = d.redis.ConfigSet(ctx, name, value).Err(); err != nil {
			return d, fmt.Errorf("configure the private redis: %w", err)
		}
	}
	return d, nil
}

// watch forgets what was slow so far.
func (d *database) watch(ctx context.Context) error {
	return wrap("reset the slow log", d.redis.Do(ctx, "SLOWLOG", "RESET").Err())
}

// slow returns the commands that took Redis longer than 10 ms, at most slowMax of
// them, the last first.
func (d *database) slow(ctx context.Context) ([]Slow, error) {
	logs, err := d.redis.(*redis.Client).SlowLogGet(ctx, slowMax).Result()
	if err != nil {
		return nil, wrap("read the slow log", err)
	}
	all := make([]Slow, 0, len(logs))
	for _, l := range logs {
		all = append(all, newSlow(l))
	}
	return all, nil
}

func (d *database) close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	var errs []error
	if d.redis != nil {
		errs = append(errs, d.redis.Close())
	}
	errs = append(errs, d.private.Close(ctx))
	return errors.Join(errs...)
}

func wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, err)
}
