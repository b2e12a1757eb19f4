package bench

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"legwork/client"
	"legwork/configs"
	"legwork/internal/store"
	"legwork/internal/store/storetest"
	"legwork/jobs"
)

// What cannot be measured is said before anything is loaded.
func TestServerThatCannotBeMeasured(t *testing.T) {
	t.Parallel()
	other := func(r *jobs.Registry) {
		jobs.Handle(r, "test.ok", func(context.Context, struct{}) (struct{}, error) { return struct{}{}, nil }, jobs.Options{})
	}
	for name, c := range map[string]struct {
		register func(*jobs.Registry)
		roles    []string
		prepare  func(*testing.T, *client.Client)
		queue    string
		want     string
	}{
		"unknown type":  {register: other, roles: configs.Roles(), want: "does not know job type bench.noop"},
		"no worker":     {register: Register, roles: []string{configs.RoleAPI}, want: "no living worker runs jobs of type bench.noop"},
		"no such queue": {register: Register, roles: configs.Roles(), queue: "other", want: "queue other: no such queue"},
		"queue without worker": {register: Register, roles: configs.Roles(), queue: "other", prepare: func(t *testing.T, api *client.Client) {
			enqueue(t, api, client.Enqueue{Type: Type, Queue: "other"})
		}, want: "no living worker serves queue other"},
		"paused": {register: Register, roles: configs.Roles(), prepare: func(t *testing.T, api *client.Client) {
			if _, err := api.Pause(t.Context(), "default"); err != nil {
				t.Fatal(err)
			}
		}, want: "queue default is paused"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newRig(t, redisURL(t), c.register, c.roles...)
			s := g.target(t)
			if c.prepare != nil {
				c.prepare(t, s.api)
			}
			o := small()
			if c.queue != "" {
				o.Queue = c.queue
			}
			if _, err := Run(timely(t), s, o, nil); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error = %v, want %q in it", err, c.want)
			}
		})
	}
	busy := &client.Queue{Name: "q", States: map[string]int{"pending": 2, "active": 1}}
	if err := checkQueue(busy); err == nil || !strings.Contains(err.Error(), "3 jobs wait or run") {
		t.Errorf("a busy queue: %v", err)
	}
}

func enqueue(t *testing.T, api *client.Client, job client.Enqueue) {
	t.Helper()
	if _, err := api.Enqueue(t.Context(), job); err != nil {
		t.Fatal(err)
	}
}

// When the server goes in the middle of a load, the run ends with how far it
// came and an error of the connection, alone or in batches.
func TestServerGone(t *testing.T) {
	t.Parallel()
	for name, batch := range map[string]int{"jobs one by one": 0, "jobs in batches": 20} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inst := storetest.Redis(t)
			g := newRig(t, inst.URL, Register, configs.Roles()...)
			o := small()
			o.Probes = 0
			if o.Batch = batch; batch == 0 {
				o.Jobs = JobsMax
			}
			ctx := timely(t)
			go func() {
				awaitProcessed(ctx, inst.Client, 10)
				g.stop()
			}()
			var err error
			for err == nil { // batches of few jobs may all be through before the stop
				_, err = Run(ctx, g.target(t), o, nil)
			}
			if _, lost := errors.AsType[*url.Error](err); !lost || ctx.Err() != nil {
				t.Errorf("error = %v", err)
			}
			if batch == 0 && !strings.Contains(err.Error(), "round 1 of 2: jobs one by one: after ") {
				t.Errorf("error = %v", err)
			}
		})
	}
}

func awaitProcessed(ctx context.Context, c redis.UniversalClient, n int) {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for ctx.Err() == nil {
		if done, err := c.Get(ctx, store.KeysOf("default").Processed()).Int(); err == nil && done >= n {
			return
		}
		<-tick.C
	}
}

// A run ends when its time is up, with the cause.
func TestRunEndsWithItsContext(t *testing.T) {
	t.Parallel()
	g := newRig(t, redisURL(t), Register, configs.Roles()...)
	late := errors.New("late")
	ctx, cancel := context.WithCancelCause(timely(t))
	o := small()
	o.Jobs, o.Probes = JobsMax, 0
	_, err := Run(ctx, g.target(t), o, func(step string) {
		if strings.HasSuffix(step, "one by one") {
			cancel(late)
		}
	})
	if !errors.Is(err, late) && !errors.Is(err, context.Canceled) {
		t.Errorf("error = %v", err)
	}
}
