package store_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"legwork/internal/store"
	"legwork/internal/store/storetest"
)

// Every kind of Redis keeps the same promises; what Legwork relies on is below.
func TestConformance(t *testing.T) {
	t.Parallel()
	storetest.All(t, func(t *testing.T, r storetest.Instance) {
		t.Run("values", func(t *testing.T) { testValues(t, r) })
		t.Run("scripts", func(t *testing.T) { testScripts(t, r) })
		t.Run("pipelines", func(t *testing.T) { testPipelines(t, r) })
		t.Run("messages", func(t *testing.T) { testMessages(t, r) })
		t.Run("deadline", func(t *testing.T) { testDeadline(t, r) })
		t.Run("reconnect", func(t *testing.T) { testReconnect(t, r) })
	})
}

// What is set is got, whatever its bytes; what was never set is redis.Nil.
func testValues(t *testing.T, r storetest.Instance) {
	ctx := t.Context()
	want := "a\x00\r\n\xff"
	if err := r.Client.Set(ctx, "value", want, time.Minute).Err(); err != nil {
		t.Fatal(err)
	}
	if got, err := r.Client.Get(ctx, "value").Result(); err != nil || got != want {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
	if err := r.Client.Get(ctx, "never set").Err(); !errors.Is(err, redis.Nil) || store.Unavailable(err) {
		t.Errorf("a missing key: got %v (unavailable %t), want redis.Nil", err, store.Unavailable(err))
	}
}

// A script that the server does not know yet runs all the same, on several keys
// of one hash tag.
func testScripts(t *testing.T, r storetest.Instance) {
	ctx := t.Context()
	move := redis.NewScript(`
		redis.call("LPUSH", KEYS[1], ARGV[1])
		local id = redis.call("RPOPLPUSH", KEYS[1], KEYS[2])
		redis.call("ZADD", KEYS[3], ARGV[2], id)
		return {id, redis.call("LLEN", KEYS[2])}`)
	keys := []string{"{q}:pending", "{q}:active", "{q}:lease"}
	for n := range 2 {
		got, err := move.Run(ctx, r.Client, keys, "job", 1.5).Slice()
		if err != nil {
			t.Fatal(err)
		}
		if got[0] != "job" || got[1] != int64(n+1) {
			t.Errorf("run %d: got %v", n, got)
		}
	}
	if got, err := r.Client.ZScore(ctx, keys[2], "job").Result(); err != nil || got != 1.5 {
		t.Errorf("score: got %v, %v; want 1.5", got, err)
	}
}

// A pipeline runs its commands in order and reports each of them, a missing key
// included; a transaction runs on the keys of one hash tag.
func testPipelines(t *testing.T, r storetest.Instance) {
	ctx := t.Context()
	cmds, err := r.Client.Pipelined(ctx, func(p redis.Pipeliner) error {
		for _, key := range []string{"{a}:n", "{b}:n", "{c}:n", "{a}:n"} {
			p.Incr(ctx, key)
		}
		p.Get(ctx, "never set")
		return nil
	})
	if !errors.Is(err, redis.Nil) {
		t.Fatalf("got %v, want redis.Nil of the last command", err)
	}
	for i, want := range []int64{1, 1, 1, 2} {
		if got := cmds[i].(*redis.IntCmd).Val(); got != want {
			t.Errorf("command %d: got %d, want %d", i, got, want)
		}
	}
	_, err = r.Client.TxPipelined(ctx, func(p redis.Pipeliner) error {
		p.Incr(ctx, "{a}:n")
		p.Incr(ctx, "{a}:m")
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// A message reaches a subscriber that another client has.
func testMessages(t *testing.T, r storetest.Instance) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	sub := r.Open().Subscribe(ctx, "wake")
	defer func() { _ = sub.Close() }()
	if _, err := sub.Receive(ctx); err != nil {
		t.Fatal(err)
	}
	if err := r.Client.Publish(ctx, "wake", "queue").Err(); err != nil {
		t.Fatal(err)
	}
	if m, err := sub.ReceiveMessage(ctx); err != nil || m.Payload != "queue" {
		t.Errorf("got %v, %v", m, err)
	}
}

// operations are the ways in which a client waits for a server.
func operations(c redis.UniversalClient) map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		"command": func(ctx context.Context) error { return c.Set(ctx, "{q}:key", "value", 0).Err() },
		"keyless": func(ctx context.Context) error { return c.Ping(ctx).Err() },
		"script": func(ctx context.Context) error {
			return redis.NewScript(`return redis.call("GET", KEYS[1])`).Run(ctx, c, []string{"{q}:key"}).Err()
		},
		"pipeline": func(ctx context.Context) error {
			_, err := c.Pipelined(ctx, func(p redis.Pipeliner) error {
				p.Incr(ctx, "{a}:n")
				p.Incr(ctx, "{b}:n")
				return nil
			})
			return err
		},
		"transaction": func(ctx context.Context) error {
			_, err := c.TxPipelined(ctx, func(p redis.Pipeliner) error { return p.Incr(ctx, "{a}:n").Err() })
			return err
		},
		"subscribe": func(ctx context.Context) error {
			sub := c.Subscribe(ctx, "wake")
			defer func() { _ = sub.Close() }()
			_, err := sub.Receive(ctx)
			return err
		},
	}
}

// An operation with a deadline is over soon after it, and tells that Redis is
// unavailable, whether its server is frozen or gone, and whether the client was
// connected before or not.
func testDeadline(t *testing.T, r storetest.Instance) {
	for _, fault := range []struct {
		name       string
		begin, end func()
	}{
		{"frozen", r.Pause, r.Resume},
		{"gone", r.Kill, r.Restart},
	} {
		warm, cold := r.Open(), r.Open()
		for _, op := range operations(warm) {
			if err := op(t.Context()); err != nil && !errors.Is(err, redis.Nil) {
				t.Fatal(err)
			}
		}
		fault.begin()
		var all sync.WaitGroup
		for state, c := range map[string]redis.UniversalClient{"warm": warm, "cold": cold} {
			for name, op := range operations(c) {
				all.Go(func() { checkDeadline(t, fault.name+" "+state+" "+name, op) })
			}
		}
		all.Wait()
		fault.end()
	}
}

func checkDeadline(t *testing.T, name string, op func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
	defer cancel()
	start := time.Now()
	err := op(ctx)
	if took := time.Since(start); took > 2*time.Second {
		t.Errorf("%s: took %s with a deadline of 1.5s (%v)", name, took, err)
	}
	if !store.Unavailable(err) {
		t.Errorf("%s: got %v, want an error that tells that Redis is unavailable", name, err)
	}
}

// A client finds its server again by itself, commands and messages alike.
func testReconnect(t *testing.T, r storetest.Instance) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	sub := r.Client.Subscribe(ctx, "news")
	defer func() { _ = sub.Close() }()
	messages := sub.Channel()
	r.Kill()
	if err := r.Client.Set(ctx, "again", "1", 0).Err(); !store.Unavailable(err) {
		t.Errorf("while it is gone: got %v", err)
	}
	r.Restart()
	for {
		if err := r.Client.Set(ctx, "again", "1", 0).Err(); err == nil {
			break
		} else if !store.Unavailable(err) {
			t.Fatal(err)
		}
	}
	for {
		if err := r.Client.Publish(ctx, "news", "back").Err(); err != nil && !store.Unavailable(err) {
			t.Fatal(err)
		}
		select {
		case <-messages:
			return
		case <-ctx.Done():
			t.Fatal("the subscription did not come back")
		case <-time.After(10 * time.Millisecond):
		}
	}
}
