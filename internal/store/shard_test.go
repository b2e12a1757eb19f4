package store_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"legwork/internal/store"
)

// Promise: shard 0 has the queue's own name, every shard leads back to its queue,
// and no two shards of any queues share a name.
func TestShardNamesRoundTrip(t *testing.T) {
	t.Parallel()
	if got := store.Shard("default", 0); got != "default" {
		t.Errorf("shard 0 is %q", got)
	}
	seen := map[string]string{}
	rapid.Check(t, func(rt *rapid.T) {
		queue := rapid.StringMatching(`[a-z0-9_-]{1,64}`).Draw(rt, "queue")
		for n, name := range store.FirstShards(queue, store.ShardsMax) {
			if store.QueueOf(name) != queue || store.ShardNumber(name) != n {
				rt.Fatalf("%q is shard %d of %q", name, store.ShardNumber(name), store.QueueOf(name))
			}
			if other, ok := seen[name]; ok && other != queue {
				rt.Fatalf("%q is a shard of %q and %q", name, queue, other)
			}
			seen[name] = queue
		}
	})
}

// Promise: a name that Legwork does not make is that of a queue, whoever chose it.
func TestForeignNamesAreQueues(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", "a", "a~", "a~0", "a~01", "a~-1", "a~+1", "a~32", "a~x", "a~1~2", "~1", "a~1 ", "A B"} {
		if store.QueueOf(name) != name || store.ShardNumber(name) != 0 {
			t.Errorf("%q is shard %d of %q", name, store.ShardNumber(name), store.QueueOf(name))
		}
	}
}

// Promise: the shards of a queue are those that are agreed on and those that
// exist, in order, with shard 0 among them.
func TestGroupShards(t *testing.T) {
	t.Parallel()
	got := store.GroupShards([]string{"b~10", "a", "b~2", "c~3", "x~y"}, map[string]int{"a": 2, "d": 3})
	want := map[string][]string{
		"a": {"a", "a~1"}, "b": {"b", "b~2", "b~10"}, "c": {"c", "c~3"}, "d": {"d", "d~1", "d~2"}, "x~y": {"x~y"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(want, got):\n%s", diff)
	}
}

// Promise: the shards of a queue share its weight; queues without shards, and the
// order under strict priority, are as they were configured; the sum stays small.
func TestShardWeights(t *testing.T) {
	t.Parallel()
	weights := map[string]int{"critical": 6, "default": 3}
	eight := map[string][]string{"critical": store.FirstShards("critical", 8), "default": {"default"}}
	if diff := cmp.Diff(weights, store.ShardWeights(weights, nil, false)); diff != "" {
		t.Errorf("without shards (want, got):\n%s", diff)
	}
	got := store.ShardWeights(weights, eight, false)
	for _, name := range eight["critical"] {
		if got[name]*8 != got["default"]*2 {
			t.Errorf("weights %v", got)
		}
	}
	if got := store.ShardWeights(weights, eight, true); got["critical~7"] != 6 || got["default"] != 3 {
		t.Errorf("with strict priority: %v", got)
	}
	odd := map[string]int{"a": 100, "b": 1, "c": 50}
	got = store.ShardWeights(odd, map[string][]string{
		"a": store.FirstShards("a", 31), "b": store.FirstShards("b", 29), "c": store.FirstShards("c", 23),
	}, false)
	sum, least := 0, 1<<30
	for _, w := range got {
		sum, least = sum+w, min(least, w)
	}
	if sum > 1100 || least < 1 || len(got) != 31+29+23 || !slices.IsSortedFunc([]string{"a", "c", "b"}, func(x, y string) int { return got[y] - got[x] }) {
		t.Errorf("sum %d, least %d: %v", sum, least, got)
	}
}
