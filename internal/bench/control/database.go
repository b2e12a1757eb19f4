package control

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/redis/go-redis/v9"

	"legwork/internal/store"
	"legwork/internal/store/embedded"
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
	private *embedded.Server
	dir     string
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
	if d.dir, err = os.MkdirTemp("", "legwork-control-"); err != nil {
		return d, fmt.Errorf("make a directory for the private redis: %w", err)
	}
	if d.private, err = embedded.Start(ctx, embedded.Options{Dir: d.dir, Log: log}); err != nil {
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

// cpu is the CPU time that Redis has used so far.
func (d *database) cpu(ctx context.Context) (time.Duration, error) {
	info, err := store.ReadInfo(ctx, d.redis, "cpu")
	if err != nil {
		return 0, err
	}
	var sum time.Duration
	for _, field := range []string{"used_cpu_sys", "used_cpu_user"} {
		used, err := time.ParseDuration(info[field] + "s")
		if err != nil {
			return 0, wrap("read the cpu time of redis", err)
		}
		sum += used
	}
	return sum, nil
}

func (d *database) close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	var errs []error
	if d.redis != nil {
		errs = append(errs, d.redis.Close())
	}
	if d.private != nil {
		errs = append(errs, d.private.Stop(ctx))
	}
	if d.dir != "" {
		errs = append(errs, os.RemoveAll(d.dir))
	}
	return errors.Join(errs...)
}

func wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, err)
}
