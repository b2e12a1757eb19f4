package chaos_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"legwork/configs"
	"legwork/internal/app"
	"legwork/internal/chaos"
	"legwork/internal/store"
	"legwork/jobs"
)

// workerCommand as first argument makes the test binary a worker process; the
// second is its settings.
const workerCommand = "chaos-worker"

// What go-redis leaves of a connection to a server that stays away ends within
// a second of the client's end.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == workerCommand {
		os.Exit(work(os.Args[2]))
	}
	store.LogTo(slog.New(slog.DiscardHandler))
	flag.Parse()
	if !full() {
		// The short scenarios wait for half a minute and compute little.
		_ = flag.Set("test.parallel", fmt.Sprint(max(8, runtime.GOMAXPROCS(0))))
	}
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/redis/go-redis/v9/internal/pool.(*ConnPool).tryDial"))
}

// workerSettings are what a worker process is told.
type workerSettings struct {
	Redis       string
	Ledger      string
	Concurrency int
}

// jobType is the type of all jobs.
const jobType = "chaos.sleep"

// sleep is the payload of a job: how long its handler takes, and what its first
// attempt does, if that is to fail.
type sleep struct {
	Micros    int64 `json:"micros"`
	FailAfter int64 `json:"fail_after,omitempty"` // microseconds; 0: it does not fail
}

// errFirst is how first attempts fail.
var errFirst = errors.New("the first attempt fails")

// work is a worker process: the app with the roles worker and scheduler, whose
// handler writes the ledger. It runs until it is told to end.
func work(settings string) (exit int) {
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	store.LogTo(log)
	var s workerSettings
	if err := json.Unmarshal([]byte(settings), &s); err != nil {
		log.Error("settings", "error", err)
		return 1
	}
	ledger, err := chaos.Open(s.Ledger)
	if err != nil {
		log.Error("ledger", "error", err)
		return 1
	}
	reg := jobs.NewRegistry()
	jobs.Handle(reg, jobType, handler(ledger, log), jobs.Options{Backoff: jobs.Backoff{Initial: time.Second, Factor: 1}})
	c := configs.Default()
	c.Roles = []string{configs.RoleWorker, configs.RoleScheduler}
	c.Redis.URL, c.Worker.Concurrency = s.Redis, s.Concurrency
	a, err := app.New(app.Options{Config: c, Registry: reg, Version: "chaos", Log: log})
	if err != nil {
		log.Error("app", "error", err)
		return 1
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	err = a.Run(ctx, func() { note(ledger, log, chaos.Entry{Kind: chaos.Ready, PID: os.Getpid()}) })
	if err != nil {
		log.Error("run", "error", err)
		return 1
	}
	return 0
}

// handler sleeps for as long as the job says, and tells the ledger.
func handler(ledger *chaos.Ledger, log *slog.Logger) func(context.Context, sleep) (struct{}, error) {
	var runs atomic.Int64
	pid := os.Getpid()
	return func(ctx context.Context, in sleep) (struct{}, error) {
		info := jobs.Info(ctx)
		e := chaos.Entry{PID: pid, Job: info.ID, Run: int(runs.Add(1)), Attempt: info.Attempt}
		e.Kind = chaos.Start
		note(ledger, log, e)
		length, kind, err := in.Micros, chaos.End, error(nil)
		if in.FailAfter > 0 && info.Attempt == 1 {
			length, kind, err = in.FailAfter, chaos.Failed, errFirst
		}
		timer := time.NewTimer(time.Duration(length) * time.Microsecond)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			kind, err = chaos.Stopped, ctx.Err()
		}
		e.Kind = kind
		note(ledger, log, e)
		return struct{}{}, err
	}
}

// note writes the entry; a ledger that cannot be written proves nothing, so its
// worker ends at once.
func note(ledger *chaos.Ledger, log *slog.Logger, e chaos.Entry) {
	if err := ledger.Write(e); err != nil {
		log.Error("ledger", "error", err)
		os.Exit(1)
	}
}
