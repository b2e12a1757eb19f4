package engine

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"legwork/internal/store"
	"legwork/internal/store/storetest"
	"legwork/jobs"
)

// spy notes what kinds of scripts pass through it.
type spy struct {
	redis.UniversalClient
	mu   sync.Mutex
	seen map[scriptKind]int // guarded by mu
}

func (s *spy) EvalSha(ctx context.Context, sha string, keys []string, args ...any) *redis.Cmd {
	s.mu.Lock()
	s.seen[scriptKindOf(sha)]++
	s.mu.Unlock()
	return s.UniversalClient.EvalSha(ctx, sha, keys, args...)
}

func (s *spy) kinds() []scriptKind {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.seen))
}

// Every script that an asynq server runs is known. An asynq upgrade that changes
// one fails here, and the seam has to be looked at.
func TestContractKnowsEveryScriptOfTheServer(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	c := &spy{UniversalClient: inst.Client, seen: map[scriptKind]int{}}
	release := make(chan struct{})
	s := asynq.NewServerFromRedisClient(c, asynq.Config{
		Concurrency: 10, TaskCheckInterval: 5 * time.Millisecond, DelayedTaskCheckInterval: 20 * time.Millisecond,
		JanitorInterval: 20 * time.Millisecond, ShutdownTimeout: 20 * time.Millisecond,
		RetryDelayFunc: func(int, error, *asynq.Task) time.Duration { return time.Hour },
		Logger:         asynqLogger{slog.New(slog.DiscardHandler)},
	})
	enqueue := asynq.NewClientFromRedisClient(inst.Client)
	for _, o := range []struct {
		name string
		opts []asynq.Option
	}{
		{"done", nil}, {"done", []asynq.Option{asynq.Unique(time.Minute)}},
		{"done", []asynq.Option{asynq.Retention(time.Minute)}},
		{"done", []asynq.Option{asynq.Retention(time.Minute), asynq.Unique(time.Hour), asynq.Queue("default")}},
		{"fail", nil}, {"fail", []asynq.Option{asynq.MaxRetry(0)}}, {"hang", nil},
	} {
		payload := []byte(o.name + time.Now().String())
		if _, err := enqueue.Enqueue(asynq.NewTask(o.name, payload, o.opts...)); err != nil {
			t.Fatal(err)
		}
	}
	ended := make(chan struct{}, 10)
	err := s.Start(asynq.HandlerFunc(func(_ context.Context, task *asynq.Task) error {
		ended <- struct{}{}
		switch task.Type() {
		case "fail":
			return errors.New("no luck")
		case "hang":
			<-release
		}
		return nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	for range 7 {
		<-ended
	}
	deadline := time.Now().Add(20 * time.Second)
	for !slices.Contains(c.kinds(), scriptForward) && time.Now().Before(deadline) {
		time.Sleep(5 * time.Millisecond)
	}
	s.Shutdown()
	close(release)
	want := []scriptKind{scriptOther, scriptDequeue, scriptDone, scriptComplete, scriptRequeue, scriptRetry, scriptArchive, scriptForward, scriptHeartbeat, scriptExpired}
	if diff := cmp.Diff(want, c.kinds()); diff != "" {
		t.Errorf("kinds of scripts that asynq ran (want, got):\n%s", diff)
	}
}

// What Legwork encodes asynq reads, and the other way round.
func TestContractMessageCodec(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	ctx := t.Context()
	task := asynq.NewTaskWithHeaders("test.type", []byte(`{"a":1}`), map[string]string{"x": "1", "y": "2"},
		asynq.TaskID("id-1"), asynq.Queue("q"), asynq.MaxRetry(7), asynq.Timeout(90*time.Second), asynq.Retention(time.Hour))
	if _, err := asynq.NewClientFromRedisClient(inst.Client).Enqueue(task); err != nil {
		t.Fatal(err)
	}
	key := store.KeysOf("q").Task("id-1")
	raw, err := inst.Client.HGet(ctx, key, store.FieldMessage).Bytes()
	if err != nil {
		t.Fatal(err)
	}
	m, err := store.Decode(raw)
	if err != nil {
		t.Fatal(err)
	}
	want := &store.Message{
		Type: "test.type", Payload: []byte(`{"a":1}`), Headers: map[string]string{"x": "1", "y": "2"},
		ID: "id-1", Queue: "q", Retry: 7, Timeout: 90, Retention: 3600,
	}
	if diff := cmp.Diff(want, m); diff != "" {
		t.Errorf("decoded (want, got):\n%s", diff)
	}
	m.Retried, m.Error, m.LastFailedAt, m.CompletedAt = 3, "no luck", 1_700_000_000, 1_700_000_001
	if err := inst.Client.HSet(ctx, key, store.FieldMessage, m.Encode()).Err(); err != nil {
		t.Fatal(err)
	}
	info, err := asynq.NewInspectorFromRedisClient(inst.Client).GetTaskInfo("q", "id-1")
	if err != nil {
		t.Fatal(err)
	}
	if info.Retried != 3 || info.LastErr != "no luck" || info.MaxRetry != 7 || string(info.Payload) != `{"a":1}` ||
		info.Headers["y"] != "2" || info.Timeout != 90*time.Second || info.LastFailedAt.Unix() != 1_700_000_000 {
		t.Errorf("asynq reads %+v", info)
	}
}

// A script that the seam does not know passes through untouched and is counted.
func TestUnknownScriptsAreCounted(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	w := NewWorker(WorkerOptions{Redis: inst.Client, Registry: jobs.NewRegistry()})
	s := &seam{UniversalClient: inst.Client, worker: w}
	script := redis.NewScript("return ARGV[1]")
	for n := int64(1); n <= 2; n++ {
		if got, err := script.Eval(t.Context(), s, []string{"k"}, "same").Text(); err != nil || got != "same" {
			t.Errorf("answer = %q, %v", got, err)
		}
		if got := w.Unknown(); got != n {
			t.Errorf("%d unknown scripts, want %d", got, n)
		}
	}
}
