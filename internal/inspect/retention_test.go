package inspect_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"legwork/internal/archive"
	"legwork/internal/inspect"
	"legwork/internal/store"
	"legwork/internal/store/storetest"
	"legwork/jobs"
)

// Promise: nothing is deleted unless the operator asks for it, and asynq's bounds
// (9,999 letters, 90 days) mean nothing.
func TestRetentionIsOff(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	bury(t, inst.Client, "default", 12_000, time.Unix(1, 0))
	if n := sweep(t, retention(inst.Client, inspect.RetentionOptions{Archive: newShelf(t), WarnAt: []int{1}})); n != 0 {
		t.Errorf("%d letters removed", n)
	}
	if n := len(left(t, inst.Client, "default")); n != 12_000 {
		t.Errorf("%d dead letters, want 12000", n)
	}
}

// Promise: a queue keeps its newest max_count letters over all its shards; the others
// are in the archive, once each, with all that is needed to restore them.
func TestRetentionByCount(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	newRig(t, inst).spread("mail", 3)
	shards := store.FirstShards("mail", 3)
	var all []string
	for n, s := range shards {
		all = append(all, bury(t, inst.Client, s, 150, died.Add(time.Duration(n)*50*time.Second))...)
	}
	other := bury(t, inst.Client, "other", 90, died)
	dir := newShelf(t)
	r := retention(inst.Client, inspect.RetentionOptions{MaxCount: 200, Archive: dir})
	if n := sweep(t, r); n != 250 {
		t.Errorf("%d letters removed, want 250", n)
	}
	slices.SortStableFunc(all, func(a, b string) int { return deathOf(a) - deathOf(b) })
	kept := left(t, inst.Client, shards...)
	if len(kept) != 200 {
		t.Errorf("%d letters are kept, want 200", len(kept))
	}
	for _, id := range kept {
		if deathOf(id) < deathOf(all[250]) {
			t.Errorf("%s is kept, and a younger one is not", id)
		}
	}
	lines := dir.lines(t)
	same(t, "kept and archived", slices.Concat(kept, keys(lines)), all)
	for id, twice := range lines {
		if e := twice[0]; len(twice) != 1 || e.Queue != "mail" || e.State != "archived" || e.DiedAt == nil || len(e.Attempts) != 1 || e.Fingerprint == "" {
			t.Errorf("%s is archived as %+v", id, twice)
		}
	}
	same(t, "other queue", left(t, inst.Client, "other"), other)
	if n := sweep(t, r); n != 0 {
		t.Errorf("%d letters removed by the next sweep, want none", n)
	}
}

// deathOf is when a letter of TestRetentionByCount died, in seconds.
func deathOf(id string) int {
	parts := strings.Split(id, "-")
	return 50*number(parts[1]) + number(strings.TrimLeft(parts[2], "0"))
}

// Promise: letters older than max_age go, and a clock of this machine that is ahead or
// behind deletes nothing that Redis' clock would keep.
func TestRetentionByAge(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		clock time.Duration
		want  int
	}{"right": {0, 60}, "ahead": {1000 * time.Hour, 60}, "two hours behind": {-2 * time.Hour, 0}, "years behind": {-1e5 * time.Hour, 0}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inst := storetest.Redis(t)
			now := time.Now()
			bury(t, inst.Client, "default", 60, now.Add(-25*time.Hour))
			young := bury(t, inst.Client, "mail", 60, now.Add(-23*time.Hour))
			r := retention(inst.Client, inspect.RetentionOptions{
				MaxAge: 24 * time.Hour, Archive: newShelf(t), Now: func() time.Time { return now.Add(c.clock) },
			})
			if n := sweep(t, r); n != c.want {
				t.Errorf("%d letters removed, want %d", n, c.want)
			}
			same(t, "young letters", left(t, inst.Client, "mail"), young)
			left(t, inst.Client, "default")
		})
	}
}

// Promise: without an archive letters are deleted unwritten, when that is asked for.
func TestRetentionWithoutArchive(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	bury(t, inst.Client, "default", 30, died)
	if n := sweep(t, retention(inst.Client, inspect.RetentionOptions{MaxCount: 10})); n != 20 {
		t.Errorf("%d letters removed, want 20", n)
	}
	if n := len(left(t, inst.Client, "default")); n != 10 {
		t.Errorf("%d letters left", n)
	}
}

// Promise: while the archive cannot be written nothing is deleted, the log says once
// what is wrong and what to do, and it goes on by itself afterwards.
func TestRetentionWithoutRoom(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	all := bury(t, inst.Client, "default", 30, died)
	dir, log := t.TempDir(), &journal{}
	missing := dir + "/missing"
	r := retention(inst.Client, inspect.RetentionOptions{
		MaxCount: 10, Archive: archive.New(archive.Options{Dir: missing, Name: "x"}), Log: log.log(), Every: time.Millisecond,
	})
	if _, err := r.Sweep(t.Context()); err == nil || !strings.Contains(err.Error(), missing) {
		t.Errorf("sweep: %v", err)
	}
	if err := r.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return len(log.all()) > 0 }, func() string { return "nothing is logged" })
	same(t, "letters", left(t, inst.Client, "default"), all)
	if line := log.all()[0]; !strings.Contains(line, "level=WARN") || !strings.Contains(line, missing) || !strings.Contains(line, "Create the directory") {
		t.Errorf("the log says %s", line)
	}
	mustMkdir(t, missing)
	eventually(t, func() bool { return len(left10(t, inst.Client)) == 10 }, func() string { return "the letters stay" })
	eventually(t, func() bool { return strings.Contains(strings.Join(log.all(), ""), "goes on") }, func() string { return fmt.Sprint(log.all()) })
	_ = r.Stop(t.Context())
	_ = r.Stop(t.Context())
	if text := strings.Join(log.all(), ""); strings.Count(text, "level=WARN") != 1 {
		t.Errorf("the log warns more than once: %s", text)
	}
	same(t, "kept and archived", slices.Concat(left(t, inst.Client, "default"), keys(linesIn(t, missing))), all)
}

func left10(t *testing.T, c redis.UniversalClient) []string {
	return c.ZRange(t.Context(), store.KeysOf("default").Archived(), 0, -1).Val()
}

// Promise: a letter that a person retries while it is being archived is not deleted,
// nor is one that has failed once more.
func TestRetentionMeetsRetry(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	rig := newRig(t, inst)
	ids := bury(t, inst.Client, "default", 20, died)
	dir := newShelf(t)
	meanwhile := sync.OnceFunc(func() {
		if _, err := rig.Retry(context.Background(), ids[3]); err != nil {
			t.Error(err)
		}
		inst.Client.HSet(context.Background(), store.KeysOf("default").Task(ids[4]), store.FieldFails, "2")
	})
	dir.after = func([][]byte) { meanwhile() }
	if n := sweep(t, retention(inst.Client, inspect.RetentionOptions{MaxCount: 10, Archive: dir})); n < 8 {
		t.Errorf("%d letters removed, want the 8 that nobody touched, at least", n)
	}
	mustState(t, rig, ids[3], jobs.StatePending)
	mustState(t, rig, ids[4], jobs.StateArchived)
}

// Promise: of processes that sweep at once one does, so that every letter is written
// once.
func TestRetentionsAtOnce(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	all := bury(t, inst.Client, "default", 1000, died)
	dir := newShelf(t)
	var processes sync.WaitGroup
	for range 4 {
		r := retention(inst.Open(), inspect.RetentionOptions{
			MaxCount: 100, Archive: archive.New(archive.Options{Dir: dir.dir, Name: "x"}),
		})
		processes.Go(func() {
			for range 20 {
				if _, err := r.Sweep(context.Background()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	processes.Wait()
	lines := dir.lines(t)
	same(t, "kept and archived", slices.Concat(left(t, inst.Client, "default"), keys(lines)), all)
	for id, twice := range lines {
		if len(twice) > 1 {
			t.Errorf("%s is archived %d times", id, len(twice))
		}
	}
	if len(lines) != 900 {
		t.Errorf("%d letters archived, want 900", len(lines))
	}
}

// Promise: a sweep gets past what is no dead letter, or cannot be read: ghosts and
// damaged ones are archived as what they are, and go; the rest stays.
func TestRetentionMeetsDamage(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	c, k := inst.Client, store.KeysOf("default")
	ids := bury(t, c, "default", 250, died)
	for _, id := range ids[:120] { // more than one batch
		c.Del(t.Context(), k.Task(id))
		c.Set(t.Context(), k.Task(id), "no hash", 0)
	}
	c.Del(t.Context(), k.Task(ids[120]))
	c.HSet(t.Context(), k.Task(ids[121]), store.FieldMessage, "\xff\xfe")
	c.HSet(t.Context(), k.Task(ids[122]), store.FieldState, "pending")
	dir := newShelf(t)
	if n := sweep(t, retention(c, inspect.RetentionOptions{MaxCount: 20, Archive: dir})); n != 250-121-20 {
		t.Errorf("%d removed", n)
	}
	lines := dir.lines(t)
	if e := lines[ids[120]]; len(e) != 1 || e[0].Damaged == "" || e[0].Queue != "default" || e[0].DiedAt == nil {
		t.Errorf("the ghost is archived as %+v", e)
	}
	if e := lines[ids[121]]; len(e) != 1 || e[0].Damaged == "" || string(e[0].Message) != "\xff\xfe" || len(e[0].Attempts) != 1 {
		t.Errorf("the damaged letter is archived as %+v", e)
	}
	kept := c.ZRange(t.Context(), k.Archived(), 0, -1).Val()
	same(t, "kept", kept, slices.Concat(ids[:120], ids[122:123], ids[230:]))
}

// Promise: one queue's fault does not keep the others from being looked after.
func TestRetentionMeetsFaultyQueue(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	bury(t, inst.Client, "mail", 30, died)
	inst.Client.SAdd(t.Context(), store.KeyQueues, "broken")
	inst.Client.Set(t.Context(), store.KeysOf("broken").Archived(), "x", 0)
	r := retention(inst.Client, inspect.RetentionOptions{MaxCount: 10, Archive: newShelf(t), WarnAt: []int{5}})
	if _, err := r.Sweep(t.Context()); err == nil || !strings.Contains(err.Error(), "broken") {
		t.Errorf("sweep: %v, want that the queue is broken", err)
	}
	if n := len(left(t, inst.Client, "mail")); n != 10 {
		t.Errorf("%d letters left", n)
	}
}

// Promise: the log warns of a queue when it crosses a level upward, once whatever the
// number of processes, and again only after it fell below.
func TestFillLevels(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	log := &journal{}
	var processes []*inspect.Retention
	for range 2 {
		processes = append(processes, retention(inst.Client, inspect.RetentionOptions{WarnAt: []int{100, 10}, Log: log.log()}))
	}
	k := store.KeysOf("default")
	for _, step := range []struct {
		letters int
		lines   int // after the step, in all
	}{{9, 0}, {10, 1}, {50, 1}, {120, 2}, {99, 2}, {100, 3}, {9, 3}, {100, 4}} {
		inst.Client.Del(t.Context(), k.Archived())
		bury(t, inst.Client, "default", step.letters, died)
		for _, r := range processes {
			for range 2 {
				sweep(t, r)
			}
		}
		if n := len(log.all()); n != step.lines {
			t.Fatalf("with %d letters the log has %d lines, want %d: %q", step.letters, n, step.lines, log.all())
		}
	}
	if line := log.all()[1]; !strings.Contains(line, "level=WARN") || !strings.Contains(line, "queue=default") || !strings.Contains(line, "letters=120") || !strings.Contains(line, "remedy=") {
		t.Errorf("the log says %s", line)
	}
}

// Promise: Redis that goes away in the middle of a sweep loses no letter, and no letter
// is written again by the process that wrote it.
func TestRetentionLosesRedis(t *testing.T) {
	t.Parallel()
	inst := storetest.RedisWith(t, storetest.Options{TCP: true})
	proxy := storetest.Proxy(t, inst.URL)
	all := bury(t, inst.Client, "default", 130, died)
	dir := newShelf(t)
	cut := true
	dir.after = func([][]byte) {
		if cut {
			proxy.Cut()
		}
	}
	c := openURL(t, proxy.URL)
	r := retention(c, inspect.RetentionOptions{MaxCount: 10, Archive: dir})
	if _, err := r.Sweep(t.Context()); err == nil {
		t.Fatal("the sweep does not notice that Redis has gone")
	}
	same(t, "letters", left(t, inst.Client, "default"), all)
	cut = false
	proxy.Heal()
	eventually(t, func() bool {
		_, err := r.Sweep(t.Context())
		return err == nil && len(left10(t, inst.Client)) == 10
	}, func() string { return "the letters stay" })
	lines := dir.lines(t)
	same(t, "kept and archived", slices.Concat(left(t, inst.Client, "default"), keys(lines)), all)
	for id, twice := range lines {
		if len(twice) > 1 {
			t.Errorf("%s is archived %d times", id, len(twice))
		}
	}
}

// Promise: a stop between writing and deleting still deletes what is written.
func TestRetentionStopsBetween(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	all := bury(t, inst.Client, "default", 250, died)
	dir := newShelf(t)
	ctx, cancel := context.WithCancel(t.Context())
	dir.after = func([][]byte) { cancel() }
	if _, err := retention(inst.Client, inspect.RetentionOptions{MaxCount: 10, Archive: dir}).Sweep(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("sweep: %v", err)
	}
	lines := dir.lines(t)
	same(t, "kept and archived", slices.Concat(left(t, inst.Client, "default"), keys(lines)), all)
	if len(lines) != 100 {
		t.Errorf("%d letters archived, want one batch", len(lines))
	}
}
