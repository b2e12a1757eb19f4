package engine

import (
	"testing"

	"legwork/internal/store"
)

// Promise: what an idle process has carried out is told, also when the first word of it
// came too early or was lost.
func TestWishOfIdleProcessIsTold(t *testing.T) {
	t.Parallel()
	said := store.Status{State: store.WorkerRunning, Applied: "1 quiet"}
	r := &reporter{said: said, saidAt: now(), spoke: true}
	if r.due(said) {
		t.Error("an idle process repeats itself")
	}
	st := said
	st.Applied = "2 resume"
	if !r.due(st) {
		t.Error("a wish carried out is not worth a word")
	}
}
