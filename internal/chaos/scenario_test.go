package chaos_test

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"legwork/internal/chaos"
	"legwork/internal/store/storetest"
	"legwork/jobs"
)

// full reports whether everything runs at full size (make chaos).
func full() bool { return os.Getenv("LEGWORK_CHAOS") == "full" }

// drainMax is how long after the last fault the last job may take: the promise
// for recovery, twice.
const drainMax = 2 * chaos.RecoveryMax

// scenario is one kind of fault under load.
type scenario struct {
	redis   storetest.Options
	workers int
	rate    int           // jobs a second
	long    time.Duration // length of one job a second; 0 for none
	before  time.Duration // load before the faults
	faults  func(r *room, team []*worker) []*worker
	after   time.Duration // load after the faults
	// mayLose says why a broken promise is only reported, "" if it fails the test.
	mayLose string
}

// play runs the scenario, prints what became of the jobs, and holds the promises.
func (s scenario) play(t *testing.T) {
	t.Helper()
	r := newRoom(t, s.redis, slots(s.rate, s.workers))
	team := r.hire(s.workers)
	p := newProducer(t, r.redis, r.ledger, s)
	load, stop := context.WithCancel(context.Background())
	handedIn := make(chan struct{})
	go func() {
		defer close(handedIn)
		p.run(load, s.rate)
	}()
	t.Cleanup(func() { stop(); <-handedIn })
	r.loadFor(s.before)
	team = s.faults(r, team)
	r.loadFor(s.after)
	stop()
	<-handedIn
	r.until(drainMax, func() bool { return len(r.seen.open) == 0 })
	q := r.settled()
	for _, w := range team {
		w.dismiss()
	}
	r.look()
	report := chaos.Audit(r.seen.entries)
	completed := q.States[string(jobs.StateCompleted)]
	t.Logf("\n%s\n%s  %-44s %d\n  %-44s %d of %d", t.Name(), report,
		"calls of enqueue repeated", p.again.Load(), "held as completed, acknowledgements that count", completed, q.ProcessedTotal-q.FailedTotal)
	broken := report.Broken()
	if n := unfinished(q); completed != report.Accepted || n > 0 {
		broken = append(broken, fmt.Sprintf("Redis holds %d of %d accepted jobs as completed, and %d in other states: %v", completed, report.Accepted, n, q.States))
	}
	if ended := int(q.ProcessedTotal - q.FailedTotal); ended != completed {
		broken = append(broken, fmt.Sprintf("%d jobs were ended %d times", completed, ended))
	}
	if n := p.unclaimed.Load(); n > 0 {
		broken = append(broken, fmt.Sprintf("%d repeated calls were told that another job has the id, and none had", n))
	}
	r.judge(s, report, broken)
}

func (r *room) judge(s scenario, report chaos.Report, broken []string) {
	r.t.Helper()
	say := r.t.Errorf
	if s.mayLose != "" {
		say = r.t.Logf
	}
	for _, b := range broken {
		say("%s", b)
	}
	for _, id := range report.Suspects(2) {
		r.t.Logf("job %s\n%s", id, r.tell(id))
	}
}

// slots is the concurrency of each worker: enough for two thirds of them to keep
// up, while the jobs of the others wait to be recovered.
func slots(rate, workers int) int { return max(10, rate/2/workers) }

// loadFor lets time pass under load.
func (r *room) loadFor(d time.Duration) {
	r.t.Helper()
	r.until(d, func() bool { return false })
}
