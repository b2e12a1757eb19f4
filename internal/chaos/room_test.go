package chaos_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"legwork/client"
	"legwork/internal/chaos"
	"legwork/internal/inspect"
	"legwork/internal/store/storetest"
	"legwork/jobs"
)

// queue is where all jobs wait.
const queue = jobs.QueueDefault

// room is a Redis, a producer and worker processes, with a ledger beside.
type room struct {
	t           *testing.T
	redis       storetest.Instance
	dir, path   string
	ledger      *chaos.Ledger
	concurrency int
	launched    int
	reader      *chaos.Reader
	seen        sight
}

// sight is what the ledger has told so far.
type sight struct {
	entries        []chaos.Entry
	ready          map[int]bool
	accepted, done map[string]bool
	open           map[string]bool // accepted and not done
}

func newRoom(t *testing.T, o storetest.Options, concurrency int) *room {
	t.Helper()
	dir := t.TempDir()
	r := &room{t: t, dir: dir, path: filepath.Join(dir, "ledger"), concurrency: concurrency, redis: storetest.RedisWith(t, o)}
	ledger, err := chaos.Open(r.path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ledger.Close() })
	r.ledger, r.reader = ledger, chaos.NewReader(r.path)
	r.seen = sight{ready: map[int]bool{}, accepted: map[string]bool{}, done: map[string]bool{}, open: map[string]bool{}}
	watch(t, r.redis, ledger, queue)
	return r
}

// look reads on in the ledger.
func (r *room) look() {
	r.t.Helper()
	news, err := r.reader.Next()
	if err != nil {
		r.t.Fatal(err)
	}
	s := &r.seen
	s.entries = append(s.entries, news...)
	for _, e := range news {
		switch e.Kind {
		case chaos.Ready:
			s.ready[e.PID] = true
		case chaos.Accepted:
			s.accepted[e.Job] = true
			if !s.done[e.Job] {
				s.open[e.Job] = true
			}
		case chaos.End:
			s.done[e.Job] = true
			delete(s.open, e.Job)
		}
	}
}

// until looks into the ledger until ok, or for at most d.
func (r *room) until(d time.Duration, ok func() bool) bool {
	r.t.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(d)
	for {
		if r.look(); ok() {
			return true
		}
		select {
		case <-tick.C:
		case <-deadline:
			return false
		}
	}
}

// await is until, and fails the test when it is in vain.
func (r *room) await(what string, d time.Duration, ok func() bool) {
	r.t.Helper()
	if !r.until(d, ok) {
		r.t.Fatalf("not within %s: %s", d, what)
	}
}

// settled returns the queue once Redis holds nothing but completed jobs, or as it
// is after a while.
func (r *room) settled() client.Queue {
	r.t.Helper()
	i := inspect.New(r.redis.Client, slog.New(slog.DiscardHandler))
	var q client.Queue
	r.until(20*time.Second, func() bool {
		got, err := i.Queue(context.Background(), queue, nil)
		if err == nil {
			q = *got
		}
		return err == nil && q.States[string(jobs.StateCompleted)] == len(r.seen.accepted) && unfinished(q) == 0
	})
	return q
}

// unfinished counts the jobs of the queue that are in any state but completed.
func unfinished(q client.Queue) int {
	n := 0
	for state, count := range q.States {
		if state != string(jobs.StateCompleted) {
			n += count
		}
	}
	return n
}

// tell returns what the ledger and the workers' logs have about a job.
func (r *room) tell(job string) string {
	r.t.Helper()
	var b strings.Builder
	b.WriteString(chaos.Story(r.seen.entries, job))
	logs, _ := filepath.Glob(filepath.Join(r.dir, "worker-*.log"))
	for _, log := range logs {
		raw, _ := os.ReadFile(log)
		for line := range strings.Lines(string(raw)) {
			if strings.Contains(line, job) {
				b.WriteString("  " + filepath.Base(log) + ": " + line)
			}
		}
	}
	return b.String()
}
