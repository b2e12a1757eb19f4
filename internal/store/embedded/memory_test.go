package embedded_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/hibiken/asynq"

	"legwork/internal/store/embedded"
)

// Without a directory nothing is kept and nothing is locked.
func TestMemoryWithoutDir(t *testing.T) {
	t.Parallel()
	for range 2 {
		_, c := start(t, embedded.Options{InMemory: true})
		if n, err := c.DBSize(t.Context()).Result(); n != 0 || err != nil {
			t.Errorf("starts with %d keys, %v", n, err)
		}
		fill(t, c)
	}
	if _, err := embedded.Start(t.Context(), embedded.Options{}); err == nil {
		t.Error("a durable one without a directory was started")
	}
}

// Time passes for keys with a time to live, early by no more than a tick.
func TestMemoryExpires(t *testing.T) {
	t.Parallel()
	_, c := start(t, embedded.Options{InMemory: true})
	begin := time.Now()
	if err := c.Set(t.Context(), "key", "1", time.Second).Err(); err != nil {
		t.Fatal(err)
	}
	until(t, "it expires", func() bool { return c.Exists(t.Context(), "key").Val() == 0 })
	if took := time.Since(begin); took < 800*time.Millisecond || took > 5*time.Second {
		t.Errorf("a second to live took %s", took)
	}
}

// Stop ends clients that wait for something, and what they have sent before is
// in the snapshot.
func TestMemoryStopsWaiters(t *testing.T) {
	t.Parallel()
	dir := shortDir(t)
	s, c := start(t, embedded.Options{Dir: dir, InMemory: true})
	sub := c.Subscribe(t.Context(), "news")
	defer func() { _ = sub.Close() }()
	if _, err := sub.Receive(t.Context()); err != nil {
		t.Fatal(err)
	}
	waits, received := make(chan error, 1), make(chan error, 1)
	go func() { waits <- open(t, s.URL()).BLPop(t.Context(), 0, "nothing").Err() }()
	go func() {
		_, err := sub.ReceiveMessage(t.Context())
		received <- err
	}()
	acknowledged, done := 0, make(chan struct{})
	writer := open(t, s.URL())
	go func() {
		defer close(done)
		for writer.RPush(context.Background(), "list", "x").Err() == nil {
			acknowledged++
		}
	}()
	until(t, "something is written", func() bool { return c.LLen(t.Context(), "list").Val() >= 100 })
	stop(t, s)
	<-done
	for name, ch := range map[string]chan error{"pop": waits, "subscriber": received} {
		select {
		case err := <-ch:
			t.Logf("the %s ended with %v", name, err)
		case <-time.After(20 * time.Second):
			t.Errorf("the %s still waits", name)
		}
	}
	_, c = start(t, embedded.Options{Dir: dir, InMemory: true})
	if n := c.LLen(t.Context(), "list").Val(); int(n) < acknowledged {
		t.Errorf("%d were acknowledged, %d are kept", acknowledged, n)
	}
}

// Where no redis-server is on PATH the one in memory serves, and jobs of the
// other kind in the directory are pointed out.
func TestMemoryWithoutRedis(t *testing.T) {
	dir := shortDir(t)
	s, _ := start(t, embedded.Options{Dir: dir})
	stop(t, s)
	path := os.Getenv("PATH")
	t.Setenv("PATH", dir)
	text, log := capture()
	s, _ = start(t, embedded.Options{Dir: dir, Log: log})
	stop(t, s)
	if s.Kind() != "in memory" || !strings.Contains(text.String(), "put one on PATH") {
		t.Errorf("it is %q and logged %q", s.Kind(), text)
	}
	t.Setenv("PATH", path)
	text, log = capture()
	s, _ = start(t, embedded.Options{Dir: dir, Log: log})
	if s.Kind() == "in memory" || !strings.Contains(text.String(), "of a run in memory") {
		t.Errorf("it is %q and logged %q", s.Kind(), text)
	}
}

// asynq works on it: jobs run at once, later, and again after a failure, and
// what it shows of them is right.
func TestMemoryRunsAsynq(t *testing.T) {
	t.Parallel()
	_, c := start(t, embedded.Options{InMemory: true})
	client := asynq.NewClientFromRedisClient(c)
	ran := make(chan string, 10)
	failed := false
	mux := asynq.NewServeMux()
	mux.HandleFunc("job", func(_ context.Context, task *asynq.Task) error {
		if string(task.Payload()) == "fail once" && !failed {
			failed = true
			return errors.New("told to fail")
		}
		ran <- string(task.Payload())
		return nil
	})
	srv := asynq.NewServerFromRedisClient(c, asynq.Config{
		Concurrency: 1, LogLevel: asynq.FatalLevel, TaskCheckInterval: 10 * time.Millisecond,
		DelayedTaskCheckInterval: 50 * time.Millisecond,
		RetryDelayFunc:           func(int, error, *asynq.Task) time.Duration { return time.Millisecond },
	})
	if err := srv.Start(mux); err != nil {
		t.Fatal(err)
	}
	for payload, o := range map[string][]asynq.Option{
		"now": {asynq.Retention(time.Hour)}, "later": {asynq.ProcessIn(time.Second), asynq.Retention(time.Hour)},
		"fail once": {asynq.Unique(time.Minute), asynq.Retention(time.Hour)},
	} {
		if _, err := client.Enqueue(asynq.NewTask("job", []byte(payload)), o...); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		select {
		case <-ran:
		case <-time.After(20 * time.Second):
			t.Fatal("a job does not run")
		}
	}
	srv.Shutdown()
	inspector := asynq.NewInspectorFromRedisClient(c)
	if info, err := inspector.GetQueueInfo("default"); err != nil || info.Completed != 3 || info.Size != 3 {
		t.Errorf("got %+v, %v", info, err)
	}
}
