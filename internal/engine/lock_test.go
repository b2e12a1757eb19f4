package engine_test

import (
	"context"
	"errors"
	"testing"

	"legwork/client"
	"legwork/internal/store"
	"legwork/internal/store/storetest"
	"legwork/jobs"
)

// Promise: whatever a foreign client names as a job's unique lock, the end of the job
// removes nothing but a lock of its queue that the job holds.
func TestLocksOfOthersStay(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	r := newRig(t, inst, func(reg *jobs.Registry) {
		for name, o := range map[string]jobs.Options{"test.done": {Retention: jobs.NoRetention}, "test.kept": {}} {
			jobs.Handle(reg, name, func(context.Context, any) (struct{}, error) { return struct{}{}, nil }, o)
		}
		jobs.Handle(reg, "test.die", func(context.Context, any) (struct{}, error) {
			return struct{}{}, jobs.Permanent(errors.New("no luck"))
		}, jobs.Options{})
	})
	k := store.KeysOf("default")
	var mine, others []string
	for _, name := range []string{"test.done", "test.kept", "test.die"} {
		for lock, own := range map[string]bool{
			k.Prefix() + "unique:" + name: true, k.Prefix() + "list:" + name: false, k.Prefix() + "held:" + name: false,
			"legwork:lock:" + name: false, "asynq:{other}:unique:" + name: false,
		} {
			id := r.post(client.Enqueue{Type: name})
			m, err := store.Decode([]byte(inst.Client.HGet(t.Context(), k.Task(id), store.FieldMessage).Val()))
			if err != nil {
				t.Fatal(err)
			}
			m.UniqueKey = lock
			inst.Client.HSet(t.Context(), k.Task(id), store.FieldMessage, m.Encode())
			switch lock {
			case k.Prefix() + "list:" + name:
				inst.Client.LPush(t.Context(), lock, id)
			case k.Prefix() + "held:" + name:
				inst.Client.Set(t.Context(), lock, "somebody-else", 0)
			default:
				inst.Client.Set(t.Context(), lock, id, 0)
			}
			if own {
				mine = append(mine, lock)
			} else {
				others = append(others, lock)
			}
		}
	}
	r.worker(nil)
	eventually(t, func() bool {
		return inst.Client.Exists(t.Context(), k.Pending(), k.Active()).Val() == 0 && inst.Client.Exists(t.Context(), mine...).Val() == 0
	}, func() string { return "locks of jobs that have ended are left" })
	if done, dead := inst.Client.ZCard(t.Context(), k.Completed()).Val(), inst.Client.ZCard(t.Context(), k.Archived()).Val(); done != 5 || dead != 5 {
		t.Errorf("%d completed and %d dead, want 5 each", done, dead)
	}
	for _, lock := range others {
		if inst.Client.Exists(t.Context(), lock).Val() != 1 {
			t.Errorf("%s is gone", lock)
		}
	}
}
