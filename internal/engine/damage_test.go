package engine_test

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"strings"
	"testing"
	"time"

	"legwork/client"
	"legwork/internal/engine"
	"legwork/internal/store"
	"legwork/internal/store/storetest"
	"legwork/jobs"
)

// damages are messages that cannot be run, made of one that can.
func damages() map[string]func(m store.Message, raw string) string {
	return map[string]func(m store.Message, raw string) string{
		"not a message":  func(store.Message, string) string { return "\xff\xff" },
		"empty":          func(store.Message, string) string { return "" },
		"cut off":        func(_ store.Message, raw string) string { return raw[:len(raw)/2] },
		"a byte missing": func(_ store.Message, raw string) string { return raw[:len(raw)-1] },
		"type not UTF-8": func(m store.Message, _ string) string { m.Type = "a\xff"; return string(m.Encode()) },
		"header not UTF-8": func(m store.Message, _ string) string {
			m.Headers = map[string]string{"x": "\xff"}
			return string(m.Encode())
		},
		"without an id": func(m store.Message, _ string) string { m.ID = ""; return string(m.Encode()) },
		"another id":    func(m store.Message, _ string) string { m.ID = "somebody-else"; return string(m.Encode()) },
		"another queue": func(m store.Message, _ string) string { m.Queue = "elsewhere"; return string(m.Encode()) },
	}
}

// A message that cannot be read, or that is not the job's own, becomes a dead letter
// that everybody can see, within a few seconds, and the jobs around it run. (Of an
// empty one there is nothing to see but its id.)
func TestDamagedMessagesBecomeDeadLetters(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	var log lockedBuffer
	r := newRig(t, inst, noop)
	k := store.KeysOf("default")
	bad := map[string]string{}
	var good []string
	for name, damage := range damages() {
		good = append(good, r.post(client.Enqueue{Type: "test.ok"}))
		id := r.post(client.Enqueue{Type: "test.ok"})
		raw := inst.Client.HGet(t.Context(), k.Task(id), store.FieldMessage).Val()
		m, err := store.Decode([]byte(raw))
		if err != nil {
			t.Fatal(err)
		}
		inst.Client.HSet(t.Context(), k.Task(id), store.FieldMessage, damage(*m, raw))
		bad[name] = id
	}
	good = append(good, r.post(client.Enqueue{Type: "test.ok"}))
	r.worker(func(o *options) { o.Log = slog.New(slog.NewTextHandler(&log, nil)) })
	for _, id := range good {
		r.until(id, jobs.StateCompleted)
	}
	for name, id := range bad {
		eventually(t, func() bool { return inst.Client.ZScore(t.Context(), k.Archived(), id).Err() == nil },
			func() string { return name + ": no dead letter" })
		if j, err := r.inspect.Job(t.Context(), id); name != "empty" && (err != nil || j.State != "archived") {
			t.Errorf("%s: %+v, %v", name, j, err)
		}
		if !strings.Contains(log.String(), id) {
			t.Errorf("%s: the log does not tell of job %s:\n%s", name, id, log.String())
		}
	}
	for key, want := range map[string]int64{k.Active(): 0, k.Lease(): 0, k.Pending(): 0} {
		if n := inst.Client.Exists(t.Context(), key).Val(); n != want {
			t.Errorf("%s is left behind", key)
		}
	}
	if n := strings.Count(log.String(), "\n"); n > 4*len(bad) {
		t.Errorf("%d lines for %d messages:\n%s", n, len(bad), log.String())
	}
}

// A damaged message in the hands of a process that has died becomes a dead letter
// as well, and the jobs beside it run.
func TestDamagedMessageOfDeadProcess(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	r := newRig(t, inst, noop)
	k := store.KeysOf("default")
	bad, other, good := r.post(client.Enqueue{Type: "test.ok"}), r.post(client.Enqueue{Type: "test.ok"}), r.post(client.Enqueue{Type: "test.ok"})
	for i, id := range []string{bad, other, good} {
		inst.Client.LMove(t.Context(), k.Pending(), k.Active(), "RIGHT", "LEFT")
		inst.Client.HSet(t.Context(), k.Task(id), store.FieldState, "active")
		inst.Client.HSet(t.Context(), k.Holders(), id, "somebody-dead "+string(rune('1'+i)))
		inst.Client.ZAdd(t.Context(), k.Lease(), redisZ(float64(time.Now().Unix()), id))
	}
	inst.Client.HSet(t.Context(), k.Task(bad), store.FieldMessage, "\xff\xff")
	plant(t, inst, k.Task(other))
	r.worker(nil)
	select {
	case <-time.After(10 * time.Second):
	case <-t.Context().Done():
	}
	r.until(good, jobs.StateCompleted)
	for _, id := range []string{bad, other} {
		eventually(t, func() bool { return inst.Client.ZScore(t.Context(), k.Archived(), id).Err() == nil },
			func() string { return "no dead letter" })
	}
	if n := inst.Client.HLen(t.Context(), k.Holders()).Val(); n != 0 {
		t.Errorf("%d jobs are still held", n)
	}
}

// A job of a type that no worker here has fails like any other: it is retried, where
// a worker that has the type may get it, and ends as a dead letter that names the type.
func TestTypeThatNobodyHas(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	r := newRig(t, inst, noop)
	known := newRig(t, inst, func(reg *jobs.Registry) {
		jobs.Handle(reg, "far.work", func(context.Context, struct{}) (struct{}, error) { return struct{}{}, nil }, jobs.Options{})
	})
	again := known.post(client.Enqueue{Type: "far.work", MaxRetries: ptr(1)})
	final := known.post(client.Enqueue{Type: "far.work", MaxRetries: ptr(0)})
	r.worker(nil)
	r.until(again, jobs.StateRetry)
	if j := r.until(final, jobs.StateArchived); !strings.Contains(j.LastError, `no handler for type "far.work"`) {
		t.Errorf("last error = %q", j.LastError)
	}
}

// shy cannot be written as JSON.
type shy struct{}

func (shy) MarshalJSON() ([]byte, error) { return nil, errors.New("too shy") }

// bomb panics when it is written as JSON.
type bomb struct{}

func (bomb) MarshalJSON() ([]byte, error) { panic("boom") }

// A result that cannot be stored makes a dead letter at once: the work is done, and
// another run would neither undo it nor give a better result.
func TestResultsThatCannotBeStored(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		result any
		says   string
	}{
		"channel":   {make(chan int), "unsupported type: chan int"},
		"NaN":       {math.NaN(), "unsupported value: NaN"},
		"function":  {func() {}, "unsupported type"},
		"shy":       {shy{}, "too shy"},
		"too large": {strings.Repeat("x", engine.ResultLimitDefault), "the limit is 262144"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inst := storetest.Redis(t)
			r := newRig(t, inst, func(reg *jobs.Registry) {
				noop(reg)
				jobs.Handle(reg, "test.result", func(context.Context, struct{}) (any, error) { return c.result, nil }, jobs.Options{})
			})
			r.worker(nil)
			j := r.until(r.post(client.Enqueue{Type: "test.result"}), jobs.StateArchived)
			if !strings.Contains(j.LastError, c.says) || j.Attempt != 1 || len(j.Result) != 0 {
				t.Errorf("job = %+v", j)
			}
			r.until(r.post(client.Enqueue{Type: "test.ok"}), jobs.StateCompleted)
		})
	}
}

// A result whose encoding panics is like a handler that panics: the attempt fails.
func TestResultThatPanics(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t), func(reg *jobs.Registry) {
		jobs.Handle(reg, "test.result", func(context.Context, struct{}) (bomb, error) { return bomb{}, nil }, jobs.Options{MaxRetries: jobs.NoRetries})
	})
	r.worker(nil)
	if j := r.until(r.post(client.Enqueue{Type: "test.result"}), jobs.StateArchived); !strings.Contains(j.LastError, "panic: boom") {
		t.Errorf("last error = %q", j.LastError)
	}
}
