package app_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"legwork/client"
	"legwork/configs"
	"legwork/internal/store"
	"legwork/internal/store/storetest"
	"legwork/jobs"
)

// ledger counts the runs of jobs by id.
type ledger struct {
	mu   sync.Mutex
	runs map[string]int // guarded by mu
}

func (l *ledger) register(reg *jobs.Registry) {
	l.runs = map[string]int{}
	jobs.Handle(reg, "test.note", func(ctx context.Context, _ any) (string, error) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.runs[jobs.Info(ctx).ID]++
		return jobs.Info(ctx).Queue, nil
	}, jobs.Options{})
}

func (l *ledger) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.runs)
}

// once fails the test unless each of the jobs ran exactly once.
func (l *ledger) once(t testing.TB, ids []string) {
	t.Helper()
	eventually(t, func() bool { return l.count() >= len(ids) }, func() string { return fmt.Sprintf("%d of %d jobs ran", l.count(), len(ids)) })
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, id := range ids {
		if l.runs[id] != 1 {
			t.Errorf("job %s ran %d times", id, l.runs[id])
		}
	}
}

// batch enqueues n jobs in one request and returns their ids.
func (p *process) batch(n int) []string {
	p.t.Helper()
	status, text := p.call("POST", "/v1/jobs/batch", `{"jobs":[`+strings.TrimSuffix(strings.Repeat(`{"type":"test.note"},`, n), ",")+`]}`)
	res := decode[client.BatchResult](p.t, text)
	if res.Enqueued != n {
		p.t.Fatalf("batch: %d %.300s", status, text)
	}
	ids := make([]string, n)
	for i, item := range res.Results {
		ids[i] = item.ID
	}
	return ids
}

// queues returns the list of queues.
func (p *process) queues() []client.Queue {
	p.t.Helper()
	return decode[client.QueueList](p.t, second(p.call("GET", "/v1/queues", ""))).Queues
}

// onRedisAndCluster runs the test on a single Redis and on a Cluster.
func onRedisAndCluster(t *testing.T, test func(t *testing.T, inst storetest.Instance)) {
	for kind, start := range map[string]func(testing.TB) storetest.Instance{"redis": storetest.Redis, "cluster": storetest.Cluster} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			test(t, start(t))
		})
	}
}

// nodesOf counts the nodes that hold keys of queues.
func nodesOf(t testing.TB, inst storetest.Instance) int {
	t.Helper()
	n := 0
	for _, node := range inst.Nodes {
		c, err := store.Open(store.Options{URL: "redis://" + node.Addr()})
		if err != nil {
			t.Fatal(err)
		}
		keys, err := c.Keys(context.Background(), "asynq:{*").Result()
		if err != nil {
			t.Fatal(err)
		}
		if len(keys) > 0 {
			n++
		}
		_ = c.Close()
	}
	return n
}

// Promise: a queue of 8 shards has its keys on every node of a Cluster of three,
// runs each job exactly once, and is one queue to whoever looks at it or turns it.
func TestShardedQueue(t *testing.T) {
	t.Parallel()
	onRedisAndCluster(t, func(t *testing.T, inst storetest.Instance) {
		c := config(inst)
		c.Worker.Shards = map[string]int{"default": 8}
		var l ledger
		p := start(t, c, l.register)
		p.t = t
		ids := p.batch(900)
		l.once(t, ids)
		if n := len(inst.Nodes); n > 1 && nodesOf(t, inst) != n {
			t.Errorf("keys on %d of %d nodes", nodesOf(t, inst), n)
		}
		if j := p.until(ids[0], "completed"); j.Queue != "default" || string(j.Result) != `"default"` {
			t.Errorf("job %+v", j)
		}
		if status, _ := p.call("POST", "/v1/queues/default/pause", ""); status != http.StatusOK {
			t.Errorf("pause: %d", status)
		}
		held := p.batch(500)
		if q := p.queues(); len(q) != 1 || q[0].Name != "default" || !q[0].Paused || q[0].States["pending"] != 500 || q[0].Weight != 1 {
			t.Errorf("queues %+v", q)
		}
		if list := decode[client.JobList](t, second(p.call("GET", "/v1/jobs?state=pending&queue=default&limit=500", ""))); len(list.Jobs) != 500 || list.Jobs[499].Queue != "default" {
			t.Errorf("%d jobs pending", len(list.Jobs))
		}
		for _, id := range held[:40] {
			if status, text := p.call("DELETE", "/v1/jobs/"+id, ""); status >= 300 {
				t.Errorf("delete %s: %d %s", id, status, text)
			}
		}
		if n := l.count(); n != 900 {
			t.Errorf("%d jobs ran during the pause", n-900)
		}
		for path, want := range map[string]int{"/v1/queues/default~1": http.StatusNotFound, "/v1/jobs?queue=default~1": http.StatusUnprocessableEntity} {
			if status, text := p.call("GET", path, ""); status != want {
				t.Errorf("%s = %d %s", path, status, text)
			}
		}
		if status, _ := p.call("POST", "/v1/queues/default/resume", ""); status != http.StatusOK {
			t.Errorf("resume: %d", status)
		}
		l.once(t, append(ids, held[40:]...))
	})
}

// Promise: a queue that grows while jobs wait loses none of them; an API that was
// there before spreads jobs over the new shards within seconds; a worker that asks
// for fewer serves them all, and says so.
func TestQueueGrows(t *testing.T) {
	t.Parallel()
	onRedisAndCluster(t, func(t *testing.T, inst storetest.Instance) {
		var unused, l, m ledger
		api := start(t, config(inst, configs.RoleAPI), unused.register)
		api.t = t
		ids := api.batch(300)
		if names := inst.Client.SMembers(t.Context(), store.KeyQueues).Val(); len(names) != 1 || inst.Client.Exists(t.Context(), store.KeyShards).Val() != 0 {
			t.Errorf("one shard: queues %v", names)
		}
		c := config(inst, configs.RoleWorker)
		c.Worker.Shards = map[string]int{"default": 4}
		worker := start(t, c, l.register)
		eventually(t, func() bool {
			ids = append(ids, api.batch(200)...)
			return inst.Client.SCard(t.Context(), store.KeyQueues).Val() == 4
		}, func() string { return "the API does not spread jobs" })
		l.once(t, ids)
		if err := worker.stop(); err != nil {
			t.Error(err)
		}
		waiting := api.batch(200)
		c.Worker.Shards = map[string]int{"default": 2}
		worker = start(t, c, m.register)
		m.once(t, waiting)
		if log := worker.log.String(); !strings.Contains(log, "fewer shards") || !strings.Contains(log, "shards=4 asked=2") {
			t.Errorf("log: %s", log)
		}
		if n := inst.Client.HGet(t.Context(), store.KeyShards, "default").Val(); n != "4" {
			t.Errorf("the queue has %s shards", n)
		}
	})
}

// Promise: a worker that runs when its queue grows serves the new shards within
// seconds, with slots of its own or shared; so does one that is given the new
// number while it runs. Nobody has to be restarted.
func TestRunningWorkersServeNewShards(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	var l ledger
	c := config(inst)
	c.Worker.Dedicated = map[string]int{"narrow": 2}
	p := start(t, c, l.register)
	old := p.batch(100)
	l.once(t, old)
	s := store.NewShards(inst.Client, slog.New(slog.DiscardHandler))
	if _, err := s.Serve(t.Context(), []string{"default", "narrow"}, map[string]int{"default": 3, "narrow": 3}); err != nil {
		t.Fatal(err)
	}
	// A job of every shard, from a process that knows of them at once.
	ids := slices.Clone(old)
	place := func(queue string, n int) {
		for i := range 40 * n {
			id := fmt.Sprint(queue, n, "-", i)
			shard := store.Shard(queue, i%n)
			m := store.Message{Type: "test.note", Payload: []byte("{}"), ID: id, Queue: shard, Timeout: 60, Retention: 60}
			k := store.KeysOf(shard)
			pipe := inst.Client.TxPipeline()
			pipe.SAdd(t.Context(), store.KeyQueues, shard)
			pipe.HSet(t.Context(), k.Task(id), store.FieldMessage, m.Encode(), store.FieldState, "pending")
			pipe.LPush(t.Context(), k.Pending(), id)
			if _, err := pipe.Exec(t.Context()); err != nil {
				t.Fatal(err)
			}
			ids = append(ids, id)
		}
	}
	place("default", 3)
	place("narrow", 3)
	l.once(t, ids)
	c.Worker.Shards = map[string]int{"default": 5, "narrow": 4}
	if later, err := p.app.Reconfigure(t.Context(), c); err != nil || len(later) > 0 {
		t.Fatalf("reconfigure: %v, %v wait", err, later)
	}
	if n := inst.Client.HGet(t.Context(), store.KeyShards, "default").Val(); n != "5" {
		t.Errorf("the queue has %s shards", n)
	}
	place("default", 5)
	place("narrow", 4)
	l.once(t, ids)
	for _, q := range p.queues() {
		if q.Weight != 1 || q.States["pending"] != 0 {
			t.Errorf("queue %+v", q)
		}
	}
}

// Promise: lowering the number as docs/operations.md says loses no job: workers go on
// serving the shards that are left over, and new jobs go to the others.
func TestQueueShrinks(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	var unused, l ledger
	if _, err := store.NewShards(inst.Client, slog.New(slog.DiscardHandler)).Serve(t.Context(), []string{"default"}, map[string]int{"default": 4}); err != nil {
		t.Fatal(err)
	}
	before := start(t, config(inst, configs.RoleAPI), unused.register)
	ids := before.batch(400)
	inst.Client.HSet(t.Context(), store.KeyShards, "default", 2)
	after := start(t, config(inst, configs.RoleAPI), unused.register)
	ids = append(ids, after.batch(400)...)
	for n, want := range []int64{300, 300, 100, 100} {
		if got := inst.Client.LLen(t.Context(), store.KeysOf(store.Shard("default", n)).Pending()).Val(); got != want {
			t.Errorf("shard %d has %d jobs, want %d", n, got, want)
		}
	}
	c := config(inst, configs.RoleWorker)
	c.Worker.Shards = map[string]int{"default": 2}
	worker := start(t, c, l.register)
	l.once(t, ids)
	for line := range strings.Lines(worker.log.String()) {
		if strings.Contains(line, "level=WARN") && !strings.Contains(line, "persistence") {
			t.Errorf("log: %s", line)
		}
	}
}

// Promise: the configuration takes as many shards as the store, and no more.
func TestShardLimitIsTheStores(t *testing.T) {
	t.Parallel()
	c := configs.Default()
	for n, ok := range map[int]bool{store.ShardsMax: true, store.ShardsMax + 1: false} {
		c.Worker.Shards = map[string]int{"default": n}
		if err := c.Validate(); (err == nil) != ok {
			t.Errorf("%d shards: %v", n, err)
		}
	}
}
