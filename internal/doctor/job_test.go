package doctor_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hibiken/asynq"

	"legwork/client"
	"legwork/internal/doctor"
	"legwork/internal/engine"
	"legwork/internal/store"
	"legwork/internal/store/storetest"
	"legwork/jobs"
)

// Promise: an active job counts as stuck when its lease ended long ago, as that of
// a dead process for a while before, and not while a living process has it.
func TestStuckJobs(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	k := store.KeysOf("mail")
	now := time.Now().Unix()
	run(t, inst.Client, "SADD asynq:queues mail", "SET "+store.KeyPulsePrefix+"alive 1")
	hold := func(id, holder string, lease int64) {
		run(t, inst.Client, "HSET "+k.Task(id)+" state active msg x", "LPUSH "+k.Active()+" "+id, fmt.Sprintf("ZADD %s %d %s", k.Lease(), lease, id))
		if holder != "" {
			inst.Client.HSet(t.Context(), k.Holders(), id, holder+" 1")
		}
	}
	hold("fine", "alive", now+20)
	hold("foreign", "", now+20)
	want(t, examine(t, inst.Client), doctor.CodeStuck, doctor.LevelOK, "none of 2 active jobs")
	hold("dying", "gone", now-10)
	want(t, examine(t, inst.Client), doctor.CodeStuck, doctor.LevelWarn, "1 of 3 active jobs, of processes that have just died")
	hold("dead", "gone", now-120)
	hold("forgotten", "", now-3600)
	f := want(t, examine(t, inst.Client), doctor.CodeStuck, doctor.LevelFail, "2 of 5 active jobs")
	if !slices.Contains(f.Examples, "mail/dead") || !slices.Contains(f.Examples, "mail/forgotten") {
		t.Errorf("examples = %v", f.Examples)
	}
}

// Promise: ids without a job and jobs without a list are found in every state, on
// a Cluster too; whole jobs, and jobs of asynq's groups, are left alone.
func TestGhostsAndOrphans(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(testing.TB) storetest.Instance{"redis": storetest.Redis, "cluster": storetest.Cluster, "embedded": storetest.Embedded} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inst := start(t)
			k := store.KeysOf("q")
			run(t, inst.Client, "SADD asynq:queues q", "HSET "+k.Task("grouped")+" state aggregating msg x group g")
			place := func(state, id string) {
				command := "ZADD " + k.State(state) + " 9999999999 " + id
				if state == "pending" || state == "active" {
					command = "LPUSH " + k.State(state) + " " + id
				}
				run(t, inst.Client, command)
			}
			states := []string{"active", "pending", "scheduled", "retry", "archived", "completed"}
			for _, s := range states {
				run(t, inst.Client, "HSET "+k.Task("whole-"+s)+" state "+s+" msg x")
				place(s, "whole-"+s)
			}
			r := examine(t, inst.Client)
			want(t, r, doctor.CodeGhosts, doctor.LevelOK, "none of 6 ids looked at")
			want(t, r, doctor.CodeOrphans, doctor.LevelOK, "none of all 7 jobs")
			for _, s := range states {
				place(s, "ghost-"+s)
				run(t, inst.Client, "HSET "+k.Task("orphan-"+s)+" state "+s+" msg x")
			}
			r = examine(t, inst.Client)
			f := want(t, r, doctor.CodeGhosts, doctor.LevelWarn, "6 of 12 ids looked at")
			if !slices.Contains(f.Examples, "q/active/ghost-active") || len(f.Examples) != 5 {
				t.Errorf("examples = %v", f.Examples)
			}
			f = want(t, r, doctor.CodeOrphans, doctor.LevelWarn, "6 of all 13 jobs")
			if !slices.Contains(f.Examples, "q/active/orphan-active") {
				t.Errorf("examples = %v", f.Examples)
			}
		})
	}
}

// Promise: long lists are sampled, which the finding tells, and the examination
// stays short.
func TestLongListsAreSampled(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	k := store.KeysOf("q")
	run(t, inst.Client, "SADD asynq:queues q")
	const total = 100_000
	for chunk := range total / 1000 {
		pipe := inst.Client.Pipeline()
		for i := range 1000 {
			id := fmt.Sprint(chunk*1000 + i)
			pipe.HSet(t.Context(), k.Task(id), "state", "pending", "msg", "x")
			pipe.LPush(t.Context(), k.Pending(), id)
		}
		if _, err := pipe.Exec(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	run(t, inst.Client, "DEL "+k.Task("0"), "DEL "+k.Task("99999"))
	began := time.Now()
	r := examine(t, inst.Client)
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("took %s", took)
	}
	want(t, r, doctor.CodeGhosts, doctor.LevelWarn, "2 of 1000 ids looked at, of 100000 in all")
	f := want(t, r, doctor.CodeOrphans, doctor.LevelOK, "looked at, a part of them all")
	if !strings.Contains(f.Value, "in long lists were passed over") {
		t.Errorf("value = %q", f.Value)
	}
}

// Promise: jobs that move while they are looked at are neither stuck, nor ghosts,
// nor orphans.
func TestMovingJobsAreWell(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	reg := jobs.NewRegistry()
	var runs atomic.Int64
	jobs.Handle(reg, "test.count", func(context.Context, any) (any, error) { runs.Add(1); return nil, nil }, jobs.Options{})
	log := slog.New(slog.DiscardHandler)
	e := engine.New(engine.Options{Redis: inst.Client, Catalog: engine.NewCatalog(reg, inst.Client, log), Log: log})
	t.Cleanup(e.Stop)
	pool := engine.NewWorker(engine.WorkerOptions{
		Redis: inst.Client, Registry: reg, Pools: []engine.PoolOptions{{Name: "main", Queues: map[string]int{"default": 1}, Concurrency: 20}}, Log: log,
	})
	if err := pool.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pool.Stop(context.Background()) })
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		batch := make([]*client.Enqueue, 500)
		for i := range batch {
			batch[i] = &client.Enqueue{Type: "test.count", Retention: new(client.Duration)}
		}
		for ctx.Err() == nil {
			e.EnqueueBatch(ctx, batch)
		}
	}()
	eventually(t, func() bool { return runs.Load() > 0 }, func() string { return "no job runs" })
	for range 20 {
		before := runs.Load()
		r := examine(t, inst.Client)
		for _, code := range []string{doctor.CodeStuck, doctor.CodeGhosts, doctor.CodeOrphans, doctor.CodeKeyTypes} {
			want(t, r, code, doctor.LevelOK, "none")
		}
		if runs.Load() == before {
			t.Error("no job ran meanwhile, so this says nothing")
		}
	}
	cancel()
	<-done
}

// Promise: pending jobs that no living worker takes are told by queue; queues that
// a worker of Legwork's or a program of asynq's serves, and paused ones, are not.
func TestUnservedQueues(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	for _, q := range []string{"ours", "theirs", "paused", "alone", "empty"} {
		run(t, inst.Client, "SADD asynq:queues "+q)
		if q != "empty" {
			k := store.KeysOf(q)
			run(t, inst.Client, "HSET "+k.Task("1")+" state pending msg x", "LPUSH "+k.Pending()+" 1")
		}
	}
	run(t, inst.Client, "SET "+store.KeysOf("paused").Paused()+" 1")
	want(t, examine(t, inst.Client), doctor.CodeWorkers, doctor.LevelWarn, "none lives")
	want(t, examine(t, inst.Client), doctor.CodeUnserved, doctor.LevelWarn, "3 pending jobs in 3 queues")
	a := engine.NewAnnouncer(engine.AnnouncerOptions{
		Redis: inst.Client, Registry: jobs.NewRegistry(), ID: "w1", Version: "v1", Log: slog.New(slog.DiscardHandler),
		Pools: []engine.PoolOptions{{Name: "main", Queues: map[string]int{"ours": 1}, Concurrency: 1}},
	})
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Stop(context.Background()) })
	server := asynq.NewServerFromRedisClient(inst.Client, asynq.Config{Queues: map[string]int{"theirs": 1, "more": 2}, LogLevel: asynq.FatalLevel})
	if err := server.Start(asynq.HandlerFunc(func(ctx context.Context, _ *asynq.Task) error { <-ctx.Done(); return ctx.Err() })); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Shutdown)
	var r *doctor.Report
	eventually(t, func() bool {
		r = examine(t, inst.Client)
		return strings.Contains(finding(t, r, doctor.CodeWorkers).Value, "theirs")
	}, func() string { return fmt.Sprintf("workers = %+v", finding(t, r, doctor.CodeWorkers)) })
	want(t, r, doctor.CodeWorkers, doctor.LevelOK, "1 process; queues: more, ours, theirs")
	f := want(t, r, doctor.CodeUnserved, doctor.LevelWarn, "1 pending job in 1 queue")
	if !slices.Equal(f.Examples, []string{"alone: 1"}) {
		t.Errorf("examples = %v", f.Examples)
	}
}

// Promise: scripts that a worker's seam did not recognise are told, with the
// worker.
func TestUnknownScripts(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	want(t, examine(t, inst.Client), doctor.CodeScripts, doctor.LevelOK, "none run")
	a := engine.NewAnnouncer(engine.AnnouncerOptions{
		Redis: inst.Client, Registry: jobs.NewRegistry(), ID: "w1", Version: "v1", Log: slog.New(slog.DiscardHandler), Unknown: func() int64 { return 7 },
		Pools: []engine.PoolOptions{{Name: "main", Queues: map[string]int{"q": 1}, Concurrency: 1}},
	})
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Stop(context.Background()) })
	f := want(t, examine(t, inst.Client), doctor.CodeScripts, doctor.LevelWarn, "7 run by 1 worker process")
	if len(f.Examples) != 1 || !strings.HasSuffix(f.Examples[0], ": 7") {
		t.Errorf("examples = %v", f.Examples)
	}
}

// Promise: keys of other types under asynq's names are told, and no check breaks
// on them.
func TestWrongKeyTypes(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	run(t, inst.Client, "SADD asynq:queues q")
	want(t, examine(t, inst.Client), doctor.CodeKeyTypes, doctor.LevelOK, "none wrong")
	for _, key := range []string{"pending", "active", "lease", "scheduled", "retry", "archived", "completed", "t:1"} {
		run(t, inst.Client, "SET asynq:{q}:"+key+" x")
	}
	run(t, inst.Client, "LPUSH asynq:{q}:paused x", "SET asynq:servers x")
	r := examine(t, inst.Client)
	f := want(t, r, doctor.CodeKeyTypes, doctor.LevelFail, "10 wrong of 16 keys looked at")
	if !slices.Contains(f.Examples, "asynq:{q}:active is a string, not a list") {
		t.Errorf("examples = %v", f.Examples)
	}
	if got := codes(r, doctor.LevelUnknown); got != nil {
		t.Errorf("not known: %v", got)
	}
	run(t, inst.Client, "DEL asynq:queues", "SET asynq:queues x", "SET "+store.KeyWorkers+" x")
	r = examine(t, inst.Client)
	want(t, r, doctor.CodeKeyTypes, doctor.LevelFail, "4 wrong of 6 keys looked at")
	for _, code := range []string{doctor.CodeStuck, doctor.CodeGhosts, doctor.CodeUnserved, doctor.CodeWorkers, doctor.CodeScripts} {
		want(t, r, code, doctor.LevelUnknown, "WRONGTYPE")
	}
}
