package store_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"legwork/internal/store"
	"legwork/internal/store/storetest"
)

// Promise: on every kind of Redis, the number of shards is raised by whoever wants
// more, and is never lowered; everybody serves all that are agreed on.
func TestShardsGrowOnly(t *testing.T) {
	t.Parallel()
	storetest.All(t, func(t *testing.T, r storetest.Instance) {
		for _, step := range []struct{ want, get int }{{0, 1}, {1, 1}, {2, 2}, {8, 8}, {4, 8}, {0, 8}, {99, store.ShardsMax}} {
			wanted := map[string]int{"default": step.want, "unserved": 5}
			if step.want == 0 {
				delete(wanted, "default")
			}
			got, err := store.NewShards(r.Client, discard()).Serve(t.Context(), []string{"default", "low"}, wanted)
			if err != nil {
				t.Fatal(err)
			}
			want := map[string][]string{"default": store.FirstShards("default", step.get), "low": {"low"}}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("asked for %d (want, got):\n%s", step.want, diff)
			}
			if step.want < 2 && step.get == 1 && r.Client.Exists(t.Context(), store.KeyShards).Val() != 0 {
				t.Error("a queue of one shard left a key")
			}
		}
	})
}

// Promise: shards that hold jobs are served although nobody has agreed on them,
// and nonsense in place of a number counts as one shard.
func TestShardsOutsideTheAgreement(t *testing.T) {
	t.Parallel()
	r := storetest.Redis(t)
	r.Client.SAdd(t.Context(), store.KeyQueues, "default~3", "other")
	r.Client.HSet(t.Context(), store.KeyShards, "default", "many", "low", "-2")
	s := store.NewShards(r.Client, discard())
	got, err := s.Serve(t.Context(), []string{"default", "low"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string][]string{"default": {"default", "default~3"}, "low": {"low"}}, got); diff != "" {
		t.Errorf("(want, got):\n%s", diff)
	}
	if _, err := s.Serve(t.Context(), []string{"default"}, map[string]int{"default": 2}); err != nil {
		t.Fatal(err)
	}
	if n := r.Client.HGet(t.Context(), store.KeyShards, "default").Val(); n != "2" {
		t.Errorf("nonsense was replaced by %q", n)
	}
}

// Promise: a queue that is paused when it grows is paused in its new shards, and one
// that is not leaves no pause behind.
func TestShardsTakeOverAPause(t *testing.T) {
	t.Parallel()
	r := storetest.Redis(t)
	r.Client.Set(t.Context(), store.KeysOf("still").Paused(), "7", 0)
	r.Client.Set(t.Context(), store.KeysOf("moving~1").Paused(), "7", 0)
	wanted := map[string]int{"still": 3, "moving": 3}
	if _, err := store.NewShards(r.Client, discard()).Serve(t.Context(), []string{"still", "moving"}, wanted); err != nil {
		t.Fatal(err)
	}
	for n := range 3 {
		if since := r.Client.Get(t.Context(), store.KeysOf(store.Shard("still", n)).Paused()).Val(); since != "7" {
			t.Errorf("shard %d of the paused queue: %q", n, since)
		}
		if r.Client.Exists(t.Context(), store.KeysOf(store.Shard("moving", n)).Paused()).Val() != 0 {
			t.Errorf("shard %d of the other queue is paused", n)
		}
	}
}

// Promise: a running process learns of new shards within seconds, and is told until
// it serves them.
func TestShardsAreFollowed(t *testing.T) {
	t.Parallel()
	r := storetest.Redis(t)
	log, logger := newLines()
	s := store.NewShards(r.Client, logger)
	if _, err := s.Serve(t.Context(), []string{"default"}, map[string]int{"default": 2}); err != nil {
		t.Fatal(err)
	}
	if s.Count("default") != 1 {
		t.Error("it follows before it was started")
	}
	calls := make(chan map[string][]string, 10)
	first := true
	s.OnGrow(func(ctx context.Context) error {
		shards, err := s.Serve(ctx, []string{"default"}, nil)
		if first {
			first = false
			return errors.New("not yet")
		}
		calls <- shards
		return err
	})
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Stop(context.Background()) })
	if s.Count("default") != 2 || s.Count("low") != 1 {
		t.Errorf("counts %d, %d", s.Count("default"), s.Count("low"))
	}
	if _, err := store.NewShards(r.Client, discard()).Serve(t.Context(), []string{"default"}, map[string]int{"default": 4}); err != nil {
		t.Fatal(err)
	}
	log.next(t, "not yet")
	if s.Count("default") != 4 {
		t.Errorf("count %d", s.Count("default"))
	}
	select {
	case shards := <-calls:
		if len(shards["default"]) != 4 {
			t.Errorf("shards %v", shards)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("it is told once only")
	}
}

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }
