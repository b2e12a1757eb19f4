package inspect_test

import (
	"slices"
	"testing"
	"time"

	"legwork/internal/inspect"
	"legwork/internal/store"
	"legwork/internal/store/storetest"
)

// Promise: to delete a dead letter, on a person's word or after its time, releases the
// unique lock that it holds, and touches nothing else that its job names as a lock. A
// key of another type under that name keeps no letter.
func TestDeletedLettersReleaseTheirLocks(t *testing.T) {
	t.Parallel()
	for name, remove := range map[string]func(t *testing.T, inst storetest.Instance, ids []string){
		"delete": func(t *testing.T, inst storetest.Instance, ids []string) {
			r := newRig(t, inst)
			for _, id := range ids {
				if err := r.Delete(t.Context(), id); err != nil {
					t.Errorf("%s: %v", id, err)
				}
			}
		},
		"retention": func(t *testing.T, inst storetest.Instance, ids []string) {
			r := retention(inst.Client, inspect.RetentionOptions{MaxAge: 24 * time.Hour, Archive: newShelf(t)})
			if n := sweep(t, r); n != len(ids) {
				t.Errorf("%d letters removed, want %d", n, len(ids))
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inst := storetest.Redis(t)
			c, k := inst.Client, store.KeysOf("default")
			ids := bury(t, c, "default", 5, time.Now().Add(-25*time.Hour))
			locks := []string{k.Prefix() + "unique:mine", k.Prefix() + "list", k.Prefix() + "held", "legwork:lock", "asynq:{other}:unique:x"}
			for i, id := range ids {
				c.HSet(t.Context(), k.Task(id), "unique_key", locks[i])
				c.Set(t.Context(), locks[i], id, 0)
			}
			c.Del(t.Context(), locks[1])
			c.LPush(t.Context(), locks[1], ids[1])
			c.Set(t.Context(), locks[2], "somebody-else", 0)
			remove(t, inst, ids)
			same(t, "letters", left(t, c, "default"), []string{})
			kept := slices.DeleteFunc(slices.Clone(locks), func(lock string) bool { return c.Exists(t.Context(), lock).Val() == 0 })
			same(t, "locks", kept, locks[1:])
		})
	}
}
