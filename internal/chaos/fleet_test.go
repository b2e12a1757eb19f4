package chaos_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"legwork/internal/chaos"
	"legwork/internal/store/server"
	"legwork/internal/store/storetest"
)

// worker is a worker process, behind a network of its own.
type worker struct {
	*server.Process
	t      testing.TB
	ledger *chaos.Ledger
	net    *storetest.FaultProxy
	log    string
}

// hire starts n worker processes and returns them once they work.
func (r *room) hire(n int) []*worker {
	r.t.Helper()
	team := make([]*worker, n)
	for i := range team {
		team[i] = r.launch()
	}
	for _, w := range team {
		r.await(fmt.Sprintf("worker %d works", w.PID()), 60*time.Second, func() bool { return r.seen.ready[w.PID()] })
	}
	return team
}

// launch starts a worker process, which ends with the test at the latest.
func (r *room) launch() *worker {
	r.t.Helper()
	w := &worker{t: r.t, ledger: r.ledger, net: storetest.Proxy(r.t, r.redis.URL)}
	settings, err := json.Marshal(workerSettings{Redis: w.net.URL, Ledger: r.path, Concurrency: r.concurrency})
	if err != nil {
		r.t.Fatal(err)
	}
	r.launched++
	w.log = filepath.Join(r.dir, fmt.Sprintf("worker-%d.log", r.launched))
	if w.Process, err = server.Start(os.Args[0], []string{workerCommand, string(settings)}, w.log); err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(w.Kill)
	return w
}

func (w *worker) note(kind chaos.Kind) {
	w.t.Helper()
	if err := w.ledger.Write(chaos.Entry{Kind: kind, PID: w.PID()}); err != nil {
		w.t.Fatal(err)
	}
}

// kill ends the process with SIGKILL.
func (w *worker) kill() {
	w.Kill()
	w.note(chaos.Killed)
}

// freeze stops the process with SIGSTOP.
func (w *worker) freeze() {
	w.t.Helper()
	if err := w.Pause(); err != nil {
		w.t.Fatal(err)
	}
	w.note(chaos.Frozen)
}

// thaw lets a frozen process go on.
func (w *worker) thaw() {
	w.t.Helper()
	w.note(chaos.Thawed)
	if err := w.Resume(); err != nil {
		w.t.Fatal(err)
	}
}

// cut takes the process's connections to Redis: with a reset, also of each new
// one, or in silence.
func (w *worker) cut(silent bool) {
	w.note(chaos.Cut)
	if silent {
		w.net.BlackHole()
	} else {
		w.net.Cut()
	}
}

// heal gives them back.
func (w *worker) heal() {
	w.note(chaos.Healed)
	w.net.Heal()
}

// dismiss asks the process to stop and holds that it does.
func (w *worker) dismiss() {
	w.t.Helper()
	if err := w.Err(); err != nil {
		w.t.Errorf("a worker ended by itself: %v", err)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 40*time.Second)
	defer cancel()
	if err := w.Stop(ctx); err != nil {
		w.t.Error(err)
	}
}
