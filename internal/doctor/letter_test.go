package doctor_test

import (
	"fmt"
	"slices"
	"testing"

	"legwork/internal/doctor"
	"legwork/internal/store"
	"legwork/internal/store/storetest"
)

// Promise: a queue that has come to a level of dead letters, over all its shards, is
// warned of with its number and the level.
func TestDeadLetters(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	levels := func(list ...int) func(*doctor.Options) { return func(o *doctor.Options) { o.LetterLevels = list } }
	want(t, examine(t, inst.Client, levels(1)), doctor.CodeLetters, doctor.LevelOK, "0 dead letters in 0 queues")
	for n, shard := range append(store.FirstShards("mail", 3), "other") {
		run(t, inst.Client, "SADD asynq:queues "+shard)
		for i := range 4 - n {
			run(t, inst.Client, fmt.Sprintf("ZADD %s 1 %d", store.KeysOf(shard).Archived(), i))
		}
	}
	want(t, examine(t, inst.Client), doctor.CodeLetters, doctor.LevelOK, "10 dead letters in 2 queues")
	want(t, examine(t, inst.Client, levels(10)), doctor.CodeLetters, doctor.LevelOK, "10 dead letters in 2 queues")
	f := want(t, examine(t, inst.Client, levels(9, 5, 100)), doctor.CodeLetters, doctor.LevelWarn, "10 dead letters in 2 queues")
	if !slices.Equal(f.Examples, []string{"mail: 9, from 9 on"}) {
		t.Errorf("examples = %q", f.Examples)
	}
}
