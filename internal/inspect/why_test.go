package inspect_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"legwork/client"
	"legwork/internal/engine"
	"legwork/internal/inspect"
	"legwork/internal/store"
	"legwork/internal/store/storetest"
	"legwork/jobs"
)

// crew is a worker process to announce, and to run when run is set.
type crew struct {
	id      string
	queues  map[string]int
	slots   int
	strict  bool
	unarmed bool // it has no handlers
	state   string
	run     bool
}

// employ announces a worker of the queue "work" unless told otherwise, until the test ends.
func (r *rig) employ(c crew) {
	r.t.Helper()
	if c.queues == nil {
		c.queues = map[string]int{"work": 1}
	}
	if c.id == "" {
		c.id = "w1"
	}
	reg, log := r.reg, slog.New(slog.DiscardHandler)
	if c.unarmed {
		reg = jobs.NewRegistry()
	}
	pools := []engine.PoolOptions{{Name: "main", Queues: c.queues, StrictPriority: c.strict, Concurrency: max(1, c.slots)}}
	state := func() string { return c.state }
	if c.run {
		w := engine.NewWorker(engine.WorkerOptions{
			Redis: r.redis, Registry: reg, ID: c.id, Pools: pools, StopTimeout: 50 * time.Millisecond, CancelGrace: time.Second, Log: log,
		})
		if err := w.Start(context.Background()); err != nil {
			r.t.Fatal(err)
		}
		r.t.Cleanup(func() { _ = w.Stop(context.Background()) })
		state = w.State
	}
	a := engine.NewAnnouncer(engine.AnnouncerOptions{Redis: r.redis, Registry: reg, ID: c.id, Version: "test", Pools: pools, State: state, Log: log})
	if err := a.Start(context.Background()); err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = a.Stop(context.Background()) })
}

// keeper has a scheduler look after due jobs until the test ends.
func (r *rig) keeper() {
	h := engine.NewHousekeeper(r.redis, nil, slog.New(slog.DiscardHandler))
	_ = h.Start(context.Background())
	r.t.Cleanup(func() { _ = h.Stop(context.Background()) })
	eventually(r.t, func() bool { return r.redis.Exists(context.Background(), store.KeyScheduler).Val() == 1 }, func() string { return "the scheduler is not heard of" })
}

// why is the answer for a job that must exist, and be fit to be sent.
func (r *rig) why(id string) *client.Why {
	r.t.Helper()
	w, err := r.Why(context.Background(), id)
	if err != nil {
		r.t.Fatalf("why %s: %v", id, err)
	}
	if _, err := json.Marshal(w); err != nil {
		r.t.Fatal(err)
	}
	if len(w.Reasons) == 0 || w.Code != w.Reasons[0].Code || w.Message != w.Reasons[0].Message || w.ID != id || w.At.IsZero() {
		r.t.Fatalf("why = %+v", w)
	}
	known, _ := reflect.TypeFor[client.Reason]().FieldByName("Code")
	for _, reason := range w.Reasons {
		if !slices.Contains(strings.Split(known.Tag.Get("enum"), ","), reason.Code) {
			r.t.Errorf("the API document does not have the code %s", reason.Code)
		}
		if !strings.HasSuffix(reason.Message, ".") || strings.Contains(reason.Message, "%!") || strings.Contains(reason.Remedy, "%!") {
			r.t.Errorf("%s: %q, %q", reason.Code, reason.Message, reason.Remedy)
		}
	}
	return w
}

// codes are the codes of all reasons, in order.
func codes(w *client.Why) string {
	var all []string
	for _, r := range w.Reasons {
		all = append(all, r.Code)
	}
	return strings.Join(all, " ")
}

func waiting(q client.Enqueue) client.Enqueue {
	q.Type, q.Queue = "test.ok", "work"
	return q
}

// set runs commands of Redis, written as in redis-cli without quotes.
func (r *rig) set(lines ...string) {
	r.t.Helper()
	for _, line := range lines {
		var args []any
		for _, word := range strings.Fields(line) {
			args = append(args, word)
		}
		if err := r.redis.Do(context.Background(), args...).Err(); err != nil {
			r.t.Fatalf("%s: %v", line, err)
		}
	}
}

// Promise: each thing that keeps a waiting job from running is told by its own code, the
// one to be put right first first, and all that hold as well after it; the main reason
// has what it is about.
func TestWhyWaitingJobs(t *testing.T) {
	t.Parallel()
	k := store.KeysOf("work")
	ago := func(d time.Duration) string { return strconv.FormatInt(time.Now().Add(-d).Unix(), 10) }
	for name, c := range map[string]struct {
		make func(r *rig) (id string)
		want string
		is   func(r client.Reason) bool // of the main reason
	}{
		"nothing keeps it": {func(r *rig) string {
			r.employ(crew{})
			return r.post(waiting(client.Enqueue{}))
		}, "ready", func(r client.Reason) bool { return slices.Equal(r.Workers, []string{"w1"}) }},
		"paused": {func(r *rig) string {
			r.employ(crew{})
			id := r.post(waiting(client.Enqueue{}))
			if _, err := r.Pause(context.Background(), "work", nil); err != nil {
				r.t.Fatal(err)
			}
			return id
		}, "queue_paused", func(r client.Reason) bool {
			return strings.Contains(r.Remedy, "legwork queues resume work") && r.Since != nil && time.Since(*r.Since) < time.Minute
		}},
		"no worker": {func(r *rig) string {
			r.employ(crew{queues: map[string]int{"other": 1}})
			return r.post(waiting(client.Enqueue{}))
		}, "no_worker", func(r client.Reason) bool { return strings.Contains(r.Message, "queue work") && r.Remedy != "" }},
		"all quiet or stopping": {func(r *rig) string {
			r.employ(crew{state: store.WorkerQuiet})
			r.employ(crew{id: "w2", state: store.WorkerStopping})
			return r.post(waiting(client.Enqueue{}))
		}, "workers_quiet", func(r client.Reason) bool {
			return len(r.Workers) == 2 && strings.Contains(r.Remedy, "workers resume w1")
		}},
		"all stopping": {func(r *rig) string {
			r.employ(crew{state: store.WorkerStopping})
			return r.post(waiting(client.Enqueue{}))
		}, "workers_quiet", func(r client.Reason) bool { return strings.Contains(r.Remedy, "legwork serve") }},
		"one quiet": {func(r *rig) string {
			r.employ(crew{state: store.WorkerQuiet})
			r.employ(crew{id: "w2"})
			return r.post(waiting(client.Enqueue{}))
		}, "ready", func(r client.Reason) bool { return slices.Equal(r.Workers, []string{"w2"}) }},
		"no handler": {func(r *rig) string {
			r.employ(crew{unarmed: true})
			return r.post(waiting(client.Enqueue{}))
		}, "no_handler", func(r client.Reason) bool { return strings.Contains(r.Message, "test.ok") && len(r.Workers) == 1 }},
		"one has the handler": {func(r *rig) string {
			r.employ(crew{unarmed: true})
			r.employ(crew{id: "w2"})
			return r.post(waiting(client.Enqueue{}))
		}, "ready", nil},
		"behind others": {func(r *rig) string {
			r.employ(crew{})
			for range 3 {
				r.post(waiting(client.Enqueue{}))
			}
			id := r.post(waiting(client.Enqueue{}))
			r.post(waiting(client.Enqueue{}))
			return id
		}, "behind", func(r client.Reason) bool { return r.Ahead != nil && *r.Ahead == 3 && !r.AtLeast }},
		"outranked": {func(r *rig) string {
			r.employ(crew{strict: true, queues: map[string]int{"work": 1, "vip": 2}})
			r.post(client.Enqueue{Type: "test.ok", Queue: "vip"})
			r.post(client.Enqueue{Type: "test.ok", Queue: "vip"})
			return r.post(waiting(client.Enqueue{}))
		}, "outranked", func(r client.Reason) bool {
			return r.Ahead != nil && *r.Ahead == 2 && slices.Equal(r.Queues, []string{"vip"})
		}},
		"outranked in one pool of two": {func(r *rig) string {
			r.employ(crew{strict: true, queues: map[string]int{"work": 1, "vip": 2}})
			r.employ(crew{id: "w2", strict: true, queues: map[string]int{"work": 1, "idle": 2}})
			r.post(client.Enqueue{Type: "test.ok", Queue: "vip"})
			return r.post(waiting(client.Enqueue{}))
		}, "ready", nil},
		"by weight": {func(r *rig) string {
			r.employ(crew{queues: map[string]int{"work": 1, "vip": 2}})
			r.post(client.Enqueue{Type: "test.ok", Queue: "vip"})
			return r.post(waiting(client.Enqueue{}))
		}, "ready", nil},
		"everything at once": {func(r *rig) string {
			r.post(waiting(client.Enqueue{}))
			id := r.post(waiting(client.Enqueue{}))
			r.set("SET "+k.Paused()+" 1", "CONFIG SET maxmemory 1")
			return id
		}, "queue_paused no_worker behind redis_full", nil},
		"scheduled": {func(r *rig) string {
			return r.post(waiting(client.Enqueue{Delay: hours(1)}))
		}, "waits_until no_worker", func(r client.Reason) bool {
			return r.Until != nil && time.Until(*r.Until) > 59*time.Minute && strings.Contains(r.Remedy, "jobs retry")
		}},
		"due, and nobody to move it": {func(r *rig) string {
			id := r.post(waiting(client.Enqueue{Delay: hours(1)}))
			r.set("ZADD " + k.Scheduled() + " " + ago(time.Second) + " " + id)
			return id
		}, "due_not_moved no_worker", func(r client.Reason) bool {
			return r.Until != nil && strings.Contains(r.Remedy, "--roles scheduler")
		}},
		"due just now": {func(r *rig) string {
			r.employ(crew{})
			id := r.post(waiting(client.Enqueue{Delay: hours(1)}))
			r.set("ZADD " + k.Scheduled() + " " + ago(time.Second) + " " + id)
			return id
		}, "waits_until", nil},
		"due for long, although a worker lives": {func(r *rig) string {
			r.employ(crew{})
			id := r.post(waiting(client.Enqueue{Delay: hours(1)}))
			r.set("ZADD " + k.Scheduled() + " " + ago(time.Minute) + " " + id)
			return id
		}, "due_not_moved", func(r client.Reason) bool { return strings.Contains(r.Remedy, "clocks") }},
		"due for long, although a scheduler lives": {func(r *rig) string {
			id := r.post(waiting(client.Enqueue{Delay: hours(1)}))
			r.set("SET "+store.KeyScheduler+" x", "ZADD "+k.Scheduled()+" "+ago(time.Minute)+" "+id)
			return id
		}, "due_not_moved no_worker", func(r client.Reason) bool { return strings.Contains(r.Remedy, "clocks") }},
		"deadline": {func(r *rig) string {
			until := time.Now().Add(200 * time.Millisecond)
			id := r.post(waiting(client.Enqueue{Deadline: &until}))
			eventually(r.t, func() bool { return time.Now().After(until) }, func() string { return "" })
			return id
		}, "deadline_passed no_worker", func(r client.Reason) bool { return r.Until != nil && r.Until.Before(time.Now()) }},
		"too few replicas": {func(r *rig) string {
			id := r.post(waiting(client.Enqueue{}))
			r.set("CONFIG SET min-replicas-to-write 1")
			return id
		}, "redis_refuses_writes no_worker", func(r client.Reason) bool { return strings.HasPrefix(r.Error, "NOREPLICAS") }},
		"Redis is a replica": {func(r *rig) string {
			id := r.post(waiting(client.Enqueue{}))
			r.set("REPLICAOF 127.0.0.1 1")
			return id
		}, "redis_refuses_writes no_worker", func(r client.Reason) bool { return strings.HasPrefix(r.Error, "READONLY") }},
		"Redis is full": {func(r *rig) string {
			r.employ(crew{})
			id := r.post(waiting(client.Enqueue{}))
			r.set("CONFIG SET maxmemory 1")
			return id
		}, "redis_full", func(r client.Reason) bool {
			return strings.HasPrefix(r.Error, "OOM") && strings.Contains(r.Remedy, "maxmemory")
		}},
		"a key of another type": {func(r *rig) string {
			r.employ(crew{})
			id := r.post(waiting(client.Enqueue{}))
			r.set("SET " + k.Lease() + " x")
			return id
		}, "wrong_type", func(r client.Reason) bool { return r.Key == k.Lease() }},
		"a key of another type that it does not need": {func(r *rig) string {
			r.employ(crew{})
			id := r.post(waiting(client.Enqueue{}))
			r.set("SET " + k.Scheduled() + " x")
			return id
		}, "ready", nil},
		"its own set of another type": {func(r *rig) string {
			r.employ(crew{})
			id := r.post(waiting(client.Enqueue{Delay: hours(1)}))
			r.set("SET " + k.Scheduled() + " x")
			return id
		}, "wrong_type", func(r client.Reason) bool { return r.Key == k.Scheduled() }},
		"its own list of another type": {func(r *rig) string {
			r.employ(crew{})
			id := r.post(waiting(client.Enqueue{}))
			r.set("SET " + k.Pending() + " x")
			return id
		}, "wrong_type", func(r client.Reason) bool { return r.Key == k.Pending() }},
		"in no list": {func(r *rig) string {
			r.employ(crew{})
			id := r.post(waiting(client.Enqueue{}))
			r.set("LREM " + k.Pending() + " 0 " + id)
			return id
		}, "misplaced", func(r client.Reason) bool { return r.Remedy != "" && strings.HasPrefix(r.Key, k.TaskPrefix()) }},
		"scheduled in no set": {func(r *rig) string {
			id := r.post(waiting(client.Enqueue{Delay: hours(1)}))
			r.set("ZREM " + k.Scheduled() + " " + id)
			return id
		}, "misplaced no_worker", nil},
		"on its way": {func(r *rig) string {
			r.employ(crew{})
			id := r.post(waiting(client.Enqueue{}))
			r.set("LREM "+k.Pending()+" 0 "+id, "HSET "+k.Moving()+" "+id+" x")
			return id
		}, "moving", nil},
		"damaged": {func(r *rig) string {
			r.employ(crew{})
			id := r.post(waiting(client.Enqueue{}))
			r.set("HSET " + k.Task(id) + " msg hello")
			return id
		}, "damaged", func(r client.Reason) bool { return strings.HasPrefix(r.Key, k.TaskPrefix()) }},
		"of another asynq client's group": {func(r *rig) string {
			info, err := asynq.NewClientFromRedisClient(r.redis).Enqueue(asynq.NewTask("mail:send", nil), asynq.Group("g"), asynq.Queue("work"))
			if err != nil {
				r.t.Fatal(err)
			}
			return info.ID
		}, "group_held", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, storetest.Redis(t))
			id := c.make(r)
			w := r.why(id)
			if got := codes(w); got != c.want || c.is != nil && !c.is(w.Reasons[0]) {
				t.Errorf("%s, want %s: %+v", got, c.want, w.Reasons)
			}
			if w.Queue != "work" || name != "damaged" && w.Type == "" {
				t.Errorf("why = %+v", w)
			}
		})
	}
}

// Promise: the place of a job is exact near either end of a queue, and a lower bound in
// the middle of a long one; no command looks at more than a bounded part of it.
func TestWhyInLongQueue(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	r := newRig(t, inst)
	r.employ(crew{})
	k := store.KeysOf("work")
	const size = 250_000
	for first := 0; first < size; first += 10_000 {
		ids := make([]any, 10_000)
		for n := range ids {
			ids[n] = fmt.Sprintf("0198c0de-7a5b-7c3d-9e1f-%012d", first+n)
		}
		if err := r.redis.LPush(t.Context(), k.Pending(), ids...).Err(); err != nil {
			t.Fatal(err)
		}
	}
	r.redis.SAdd(t.Context(), store.KeyQueues, "work")
	counted := &commands{}
	slow := inst.Open()
	slow.AddHook(counted)
	r.Inspector = inspect.New(slow, slog.New(slog.DiscardHandler))
	for n, want := range map[int]struct {
		ahead   int
		atLeast bool
	}{0: {0, false}, 1: {1, false}, 99_999: {99_999, false}, 125_000: {100_000, true}, 150_000: {150_000, false}, size - 1: {size - 1, false}} {
		id := fmt.Sprintf("0198c0de-7a5b-7c3d-9e1f-%012d", n)
		m := store.Message{ID: id, Type: "test.ok", Queue: "work"}
		r.redis.HSet(t.Context(), k.Task(id), store.FieldMessage, m.Encode(), store.FieldState, "pending")
		counted.trips, counted.walks = 0, nil
		w := r.why(id)
		if counted.trips > 8 || !slices.Equal(counted.walks, []string{"rank -1 maxlen 100000", "maxlen 100000"}) {
			t.Errorf("%d round trips, and lists were walked by %q", counted.trips, counted.walks)
		}
		if want.ahead == 0 {
			if w.Code != client.WhyReady {
				t.Errorf("%d: %+v", n, w)
			}
			continue
		}
		if m := w.Reasons[0]; m.Code != client.WhyBehind || *m.Ahead != want.ahead || m.AtLeast != want.atLeast {
			t.Errorf("%d: %+v, want %+v", n, m, want)
		}
	}
}

// commands is a hook that counts round trips, and notes how lists are walked. It serves
// one caller at a time.
type commands struct {
	trips int
	walks []string
}

func (*commands) DialHook(next redis.DialHook) redis.DialHook { return next }

func (c *commands) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		c.note(cmd)
		return next(ctx, cmd)
	}
}

func (c *commands) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		c.note(cmds...)
		return next(ctx, cmds)
	}
}

func (c *commands) note(cmds ...redis.Cmder) {
	c.trips++
	for _, cmd := range cmds {
		if cmd.Name() == "lpos" {
			c.walks = append(c.walks, strings.Trim(fmt.Sprint(cmd.Args()[3:]), "[]"))
		}
	}
}

// Promise: a Redis that cannot save, and therefore refuses writes, is told of in its own
// words.
func TestWhyRedisCannotSave(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	r := newRig(t, storetest.RedisWith(t, storetest.Options{TCP: true, Dir: dir, Args: []string{"--save", "3600 1"}}))
	id := r.post(waiting(client.Enqueue{}))
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	r.set("BGSAVE")
	eventually(t, func() bool { return r.why(id).Code == client.WhyRedisRefuses }, func() string { return fmt.Sprintf("%+v", r.why(id)) })
	if m := r.why(id).Reasons[0]; !strings.HasPrefix(m.Error, "MISCONF") {
		t.Errorf("%+v", m)
	}
}

// Promise: a scheduler is heard of while it lives, also on a full Redis.
func TestSchedulerIsHeardOf(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t))
	r.set("CONFIG SET maxmemory 1")
	r.keeper()
	if ttl := r.redis.PTTL(t.Context(), store.KeyScheduler).Val(); ttl <= 0 || ttl > 12*time.Second {
		t.Errorf("it is heard of for %s", ttl)
	}
}

// Promise: with Redis away the error says so.
func TestWhyWithoutRedis(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	r := newRig(t, inst)
	id := r.post(waiting(client.Enqueue{}))
	inst.Kill()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if _, err := r.Why(ctx, id); code(err) != jobs.CodeUnavailable {
		t.Errorf("why: %v", err)
	}
	inst.Restart()
}
