package engine_test

import (
	"context"
	"testing"
	"time"

	"legwork/client"
	"legwork/internal/store/storetest"
	"legwork/jobs"
)

// A process that is given a job again whose earlier run still goes on in it ends the
// later run only by that run's own end.
func TestStaleRunDoesNotEndTheNextOneOfItsProcess(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	tokens := make(chan int64, 2)
	staleGo, rightGo := make(chan struct{}), make(chan struct{})
	r := newRig(t, inst, func(reg *jobs.Registry) {
		jobs.Handle(reg, "test.overlap", func(ctx context.Context, _ struct{}) (string, error) {
			token := jobs.Info(ctx).Token
			tokens <- token
			if token == 1 {
				<-staleGo
				return "stale", nil
			}
			<-rightGo
			time.Sleep(200 * time.Millisecond) // the stale run's end is on its way
			return "rightful", nil
		}, jobs.Options{})
	})
	r.worker(nil)
	id := r.post(client.Enqueue{Type: "test.overlap"})
	receive(t, tokens)
	steal(t, inst, id)
	// Either the second run waits until the first one is over, or both go on.
	select {
	case <-tokens:
		close(staleGo)
	case <-time.After(time.Second):
		close(staleGo)
		receive(t, tokens)
	}
	close(rightGo)
	if j := r.until(id, jobs.StateCompleted); string(j.Result) != `"rightful"` {
		t.Errorf("result %s; want that of the rightful run", j.Result)
	}
}
