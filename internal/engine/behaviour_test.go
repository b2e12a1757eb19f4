package engine_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"legwork/client"
	"legwork/internal/engine"
	"legwork/internal/store"
	"legwork/internal/store/storetest"
	"legwork/jobs"
)

// With any one behaviour left to asynq, and with all of them, jobs still run, fail,
// are tried again and stop as asynq has it.
func TestPlainBehaviours(t *testing.T) {
	t.Parallel()
	cases := map[string][]engine.Behaviour{"all": engine.Behaviours()}
	for _, b := range engine.Behaviours() {
		cases[string(b)] = []engine.Behaviour{b}
	}
	for name, plain := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inst := storetest.Redis(t)
			r := newRig(t, inst, func(reg *jobs.Registry) {
				jobs.Handle(reg, "test.twice", func(ctx context.Context, _ struct{}) (struct{}, error) {
					if jobs.Info(ctx).Attempt == 1 {
						return struct{}{}, jobs.RetryAfter(errors.New("once more"), 10*time.Millisecond)
					}
					return struct{}{}, nil
				}, jobs.Options{})
				jobs.Handle(reg, "test.die", func(context.Context, struct{}) (struct{}, error) {
					return struct{}{}, jobs.Permanent(errors.New("no luck"))
				}, jobs.Options{})
			})
			w := r.worker(func(o *options) { o.Plain = plain })
			twice, dead := r.post(client.Enqueue{Type: "test.twice"}), r.post(client.Enqueue{Type: "test.die"})
			if j := r.until(twice, jobs.StateCompleted); j.Attempt != 2 {
				t.Errorf("job = %+v, want its second attempt", j)
			}
			r.until(dead, jobs.StateArchived)
			if err := w.Stop(context.Background()); err != nil {
				t.Error(err)
			}
			if left := inst.Client.HLen(t.Context(), store.KeysOf("default").Holders()).Val(); left != 0 {
				t.Errorf("%d jobs are still claimed", left)
			}
			if n := w.Unknown(); n != 0 {
				t.Errorf("%d scripts were not recognised", n)
			}
		})
	}
}

// A worker whose slots are all held by handlers that ignore their contexts says
// that it is useless.
func TestTooManyZombiesFailTheWorker(t *testing.T) {
	t.Parallel()
	returns := make(chan struct{})
	defer close(returns)
	r := newRig(t, storetest.Redis(t), func(reg *jobs.Registry) {
		jobs.Handle(reg, "test.zombie", func(context.Context, struct{}) (struct{}, error) {
			ignoreContext(returns)
			return struct{}{}, nil
		}, jobs.Options{Timeout: time.Second})
	})
	w := r.worker(func(o *options) {
		o.Concurrency, o.StopTimeout, o.CancelGrace = 2, 50*time.Millisecond, 50*time.Millisecond
	})
	for range 2 {
		r.post(client.Enqueue{Type: "test.zombie"})
	}
	if err := receive(t, w.Failed()); !errors.Is(err, engine.ErrZombies) || w.Zombies() != 2 {
		t.Errorf("error %v with %d zombies", err, w.Zombies())
	}
}
