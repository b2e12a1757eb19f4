package inspect_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/redis/go-redis/v9"

	"legwork/client"
	"legwork/internal/inspect"
	"legwork/internal/store"
	"legwork/internal/store/storetest"
	"legwork/jobs"
)

// Promise: followers hear of the job that they follow and of no other, whatever kind of
// Redis it is, until they leave.
func TestFollowersHearOfTheirJobs(t *testing.T) {
	t.Parallel()
	storetest.All(t, func(t *testing.T, inst storetest.Instance) {
		f := inspect.NewFollowers(inst.Client)
		if err := f.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = f.Stop(context.Background()) }()
		first, leaveFirst := f.Follow("a")
		second, leaveSecond := f.Follow("a")
		other, leaveOther := f.Follow("b")
		defer leaveOther()
		say := func(id string) { inst.Client.Publish(context.Background(), store.ChannelLog+":"+id, "") }
		hears := func(wake <-chan struct{}, id string) {
			t.Helper()
			eventually(t, func() bool {
				say(id)
				select {
				case <-wake:
					return true
				default:
					return false
				}
			}, func() string { return "nobody hears of job " + id })
		}
		hears(first, "a")
		hears(second, "a")
		if len(other) > 0 {
			t.Error("job b: a word of job a")
		}
		hears(other, "b")
		leaveFirst()
		for range 1000 { // more than anybody has room for
			say("a")
		}
		hears(second, "a")
		leaveSecond()
		hears(other, "b")
	})
}

// Stopping without ever having followed, or twice, is safe.
func TestFollowersStop(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	if err := inspect.NewFollowers(inst.Client).Stop(t.Context()); err != nil {
		t.Error(err)
	}
	f := inspect.NewFollowers(inst.Client)
	for _, step := range []func(context.Context) error{f.Start, f.Stop, f.Stop} {
		if err := step(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if list := inst.Client.Do(t.Context(), "client", "list", "type", "pubsub").String(); strings.Contains(list, "id=") {
		t.Errorf("a connection was made for nobody: %s", list)
	}
}

// asked notes what a client sends.
type asked struct {
	mu   sync.Mutex
	cmds []string // guarded by mu
}

func (a *asked) DialHook(next redis.DialHook) redis.DialHook { return next }

func (a *asked) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		a.note(cmd)
		return next(ctx, cmd)
	}
}

func (a *asked) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		a.note(cmds...)
		return next(ctx, cmds)
	}
}

func (a *asked) note(cmds ...redis.Cmder) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, cmd := range cmds {
		a.cmds = append(a.cmds, fmt.Sprint(cmd.Args()...))
	}
}

// take returns what was sent since the last call.
func (a *asked) take() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	defer func() { a.cmds = nil }()
	return a.cmds
}

// Promise: a look at a job that has nothing new is one command, without the payload; a
// look at a log that has grown reads its last chunks and not all of it.
func TestLooksAreCheap(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	r := newRig(t, inst)
	id := r.post(client.Enqueue{Type: "test.hold"})
	r.pool("default")
	r.until(id, jobs.StateActive)
	far, log := inst.Open(), &asked{}
	far.AddHook(log)
	w, err := inspect.New(far, discard()).Watch(id, "")
	if err != nil {
		t.Fatal(err)
	}
	events(t, w)
	log.take()
	for range 3 {
		if all, over := events(t, w); len(all) > 0 || over {
			t.Errorf("told %q, %v", kinds(all), over)
		}
	}
	if sent := log.take(); len(sent) != 3 || slices.ContainsFunc(sent, func(c string) bool { return strings.Contains(c, " "+store.FieldMessage) }) {
		t.Errorf("three looks at a quiet job send %q", sent)
	}
	key := store.KeysOf("default").Task(id)
	chunks := map[string]int{}
	for n := range 20 {
		chunks[fmt.Sprintf("1:%d", n)] = 10
		r.scribble(id, fmt.Sprintf("1 1 1795590459962825 1 %d %d 0", n+1, 10*n+10), chunks)
		if all, _ := events(t, w); len(all) != 10 {
			t.Fatalf("after chunk %d: told %q", n, kinds(all))
		}
		for _, cmd := range log.take() {
			if read := strings.Count(cmd, store.FieldLogPrefix); strings.Contains(cmd, key) && read > 2 {
				t.Errorf("%d chunks are read for the lines of one", read)
			}
		}
	}
}
