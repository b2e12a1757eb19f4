package engine_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/hibiken/asynq"

	"legwork/client"
	"legwork/internal/engine"
	"legwork/internal/store"
	"legwork/internal/store/storetest"
)

// Promise: jobs that another client of asynq moved, and those older than the indexes,
// are put into the indexes, and out of them, by the scheduler role; a key of the wrong
// type in one queue does not keep the others from it.
func TestIndexesAreMended(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	r := newRig(t, inst, dies)
	w := r.worker(nil)
	older, moved := r.dead(r.post(client.Enqueue{Type: "test.error"})), r.dead(r.post(client.Enqueue{Type: "test.panic"}))
	if err := w.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	pending := r.post(client.Enqueue{Type: "test.slow"})
	foreign := asynq.NewInspectorFromRedisClient(inst.Client)
	for what, err := range map[string]error{
		"archive": foreign.ArchiveTask("default", pending), "run": foreign.RunTask("default", moved.ID),
	} {
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	k := store.KeysOf("default")
	fingerprint := older.Attempts[1].Fingerprint
	inst.Client.Del(t.Context(), k.Index("archived", store.IndexType, "test.error"), k.Index("archived", store.IndexFingerprint, fingerprint))
	inst.Client.HDel(t.Context(), k.Task(older.ID), store.FieldIndex)
	inst.Client.ZAdd(t.Context(), store.KeysOf("bad").Archived(), redisZ(1, "ghost"))
	inst.Client.HSet(t.Context(), store.KeysOf("bad").Indexes(), "no", "set")
	inst.Client.SAdd(t.Context(), store.KeyQueues, "bad")

	var log bytes.Buffer
	h := engine.NewHousekeeper(inst.Client, nil, slog.New(slog.NewTextHandler(&log, nil)))
	if err := h.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	state := func() string {
		var lines []string
		for _, name := range inst.Client.SMembers(t.Context(), k.Indexes()).Val() {
			for _, id := range inst.Client.ZRange(t.Context(), k.IndexNamed(name), 0, -1).Val() {
				lines = append(lines, fmt.Sprintf("%s %s", name, id))
			}
		}
		return strings.Join(lines, "\n")
	}
	eventually(t, func() bool {
		all := state()
		return strings.Contains(all, older.ID) && strings.Contains(all, pending) && !strings.Contains(all, moved.ID)
	}, func() string { return "not mended:\n" + state() })
	indexed(t, inst, "archived", "test.error", fingerprint, older.ID)
	if n := inst.Client.ZCard(t.Context(), k.Index("archived", store.IndexType, "test.slow")).Val(); n != 1 {
		t.Errorf("%d jobs in the index of the foreign dead letter", n)
	}
	if got := inst.Client.HGet(t.Context(), k.Task(pending), store.FieldIndex).Val(); got != "archived  test.slow" {
		t.Errorf("the foreign dead letter stands under %q", got)
	}
	if err := h.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(log.String(), "indexes mended") || !strings.Contains(log.String(), "WRONGTYPE") {
		t.Errorf("the log says\n%s", log.String())
	}
}
