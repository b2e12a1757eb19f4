package engine_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"legwork/client"
	"legwork/internal/store"
	"legwork/internal/store/storetest"
	"legwork/jobs"
)

// handoverMin is the soonest that a job may be given to another process after its
// own was last heard of.
const handoverMin = 28 * time.Second

// However a handler ends whose job another process holds by now, the job stays
// that process's.
func TestEndOfALostJobChangesNothing(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]error{
		"done":    nil,
		"retry":   errors.New("again"),
		"archive": jobs.Permanent(errors.New("never again")),
		"snooze":  jobs.Snooze(time.Hour),
		"discard": jobs.Discard("not wanted"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inst := storetest.Redis(t)
			started, release := make(chan string, 1), make(chan struct{})
			r := newRig(t, inst, func(reg *jobs.Registry) {
				jobs.Handle(reg, "test.hold", func(ctx context.Context, _ struct{}) (struct{}, error) {
					started <- jobs.Info(ctx).ID
					<-release
					return struct{}{}, end
				}, jobs.Options{})
			})
			p := r.worker(nil)
			id := r.post(client.Enqueue{Type: "test.hold"})
			receive(t, started)
			k := store.KeysOf("default")
			inst.Client.HSet(t.Context(), k.Holders(), id, "another 7")
			close(release)
			if err := p.Stop(t.Context()); err != nil { // waits for the acknowledgement
				t.Error(err)
			}
			active := inst.Client.LRange(t.Context(), k.Active(), 0, -1).Val()
			job := inst.Client.HGetAll(t.Context(), k.Task(id)).Val()
			claim := inst.Client.HGet(t.Context(), k.Holders(), id).Val()
			if !slices.Equal(active, []string{id}) || job[store.FieldState] != "active" || claim != "another 7" {
				t.Errorf("active jobs %v; the job: %v", active, job)
			}
		})
	}
}

// A process that Redis cannot hear stops its handlers before others may be given
// their jobs.
func TestHandlersStopBeforeOthersHaveTheirJobs(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	proxy, worker := proxied(t, inst, store.Options{})
	started, stopped := make(chan string, 1), make(chan time.Time, 1)
	r := newRig(t, inst, blocker(started, func(ctx context.Context) error {
		<-ctx.Done()
		stopped <- time.Now()
		return ctx.Err()
	}))
	r.worker(func(o *options) { o.Redis = worker })
	r.post(client.Enqueue{Type: "test.block"})
	receive(t, started)
	proxy.BlackHole()
	cut := time.Now()
	t.Cleanup(proxy.Heal)
	select {
	case at := <-stopped:
		t.Logf("stopped after %s", at.Sub(cut))
		if at.Sub(cut) > handoverMin {
			t.Errorf("stopped %s after the cut, others may be given the job after %s", at.Sub(cut), handoverMin)
		}
	case <-time.After(90 * time.Second):
		t.Error("the handler goes on")
	}
}

// late is a Redis client that is late with the answer of the first call that took
// a job.
type late struct {
	redis.UniversalClient
	once    sync.Once
	took    chan struct{} // closed when the job is taken
	release chan struct{} // lets the answer through
}

func (l *late) EvalSha(ctx context.Context, sha string, keys []string, args ...any) *redis.Cmd {
	return l.delay(keys, l.UniversalClient.EvalSha(ctx, sha, keys, args...))
}

func (l *late) Eval(ctx context.Context, script string, keys []string, args ...any) *redis.Cmd {
	return l.delay(keys, l.UniversalClient.Eval(ctx, script, keys, args...))
}

func (l *late) delay(keys []string, cmd *redis.Cmd) *redis.Cmd {
	if answer, _ := cmd.Val().([]any); len(answer) == 5 && strings.HasSuffix(keys[0], ":pending") {
		l.once.Do(func() {
			close(l.took)
			<-l.release
		})
	}
	return cmd
}

// A process that stood still between the taking of a job and its start does not
// start it when others may have been given it.
func TestJobTakenLongAgoIsNotStarted(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	slow := &late{UniversalClient: inst.Client, took: make(chan struct{}), release: make(chan struct{})}
	started := make(chan string, 1)
	r := newRig(t, inst, blocker(started, func(context.Context) error { return nil }))
	r.worker(func(o *options) { o.Redis = slow })
	id := r.post(client.Enqueue{Type: "test.block"})
	receive(t, slow.took)
	inst.Client.HSet(t.Context(), store.KeysOf("default").Holders(), id, "another 7")
	inst.Client.Set(t.Context(), store.KeyPulsePrefix+"another", "lives", 2*time.Minute)
	time.Sleep(handoverMin)
	close(slow.release)
	select {
	case <-started:
		t.Error("the job was started although another process holds it")
	case <-time.After(2 * time.Second):
	}
}

// stalled is a Redis client whose first call that takes jobs stands still before it
// is sent.
type stalled struct {
	redis.UniversalClient
	once    sync.Once
	asked   chan struct{} // closed when the call stands still
	release chan struct{} // lets it go on
}

func (s *stalled) EvalSha(ctx context.Context, sha string, keys []string, args ...any) *redis.Cmd {
	if strings.HasSuffix(keys[0], ":pending") {
		s.once.Do(func() {
			close(s.asked)
			<-s.release
		})
	}
	return s.UniversalClient.EvalSha(ctx, sha, keys, args...)
}

// A process that stood still while it asked for work ends the job that it then
// gets: the job's time begins when it is taken, not when it was asked for.
func TestJobTakenAfterAPauseIsEnded(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	slow := &stalled{UniversalClient: inst.Client, asked: make(chan struct{}), release: make(chan struct{})}
	r := newRig(t, inst, noop)
	r.worker(func(o *options) { o.Redis = slow })
	receive(t, slow.asked)
	id := r.post(client.Enqueue{Type: "test.ok"})
	time.Sleep(31 * time.Second) // asynq's lease has 30
	close(slow.release)
	r.until(id, jobs.StateCompleted)
}
