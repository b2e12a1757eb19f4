package engine_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"legwork/client"
	"legwork/internal/store"
	"legwork/internal/store/storetest"
	"legwork/jobs"
)

// kept returns the log that a job's hash holds: the runs, and the lines of each. It
// fails the test when a chunk belongs to none of them.
func (r *rig) kept(id string) (runs []store.LogRun, lines [][]store.LogLine) {
	r.t.Helper()
	hash := r.redis.HGetAll(context.Background(), store.KeysOf("default").Task(id)).Val()
	runs = store.LogRuns(hash[store.FieldLogRuns])
	stray := 0
	for field := range hash {
		if strings.HasPrefix(field, store.FieldLogPrefix) {
			stray++
		}
	}
	for _, run := range runs {
		var all []store.LogLine
		for chunk := range run.Chunks {
			stray--
			for text := range strings.Lines(hash[run.Field(chunk)]) {
				var l store.LogLine
				if err := json.Unmarshal([]byte(text), &l); err != nil {
					r.t.Errorf("line %q of run %d: %v", text, run.Number, err)
				}
				all = append(all, l)
			}
		}
		if len(all) != run.Lines {
			r.t.Errorf("run %d has %d lines and says %d", run.Number, len(all), run.Lines)
		}
		lines = append(lines, all)
	}
	if stray != 0 {
		r.t.Errorf("%d chunks in the hash belong to no run", stray)
	}
	return runs, lines
}

// words are the levels, messages and attributes of lines.
func words(lines []store.LogLine) []string {
	var all []string
	for _, l := range lines {
		all = append(all, strings.TrimSpace(l.Level+" "+l.Message+" "+string(l.Attrs)))
	}
	return all
}

// talker registers a type whose handler is given.
func talker(o jobs.Options, talk func(ctx context.Context) error) func(*jobs.Registry) {
	return func(reg *jobs.Registry) {
		jobs.Handle(reg, "test.talk", func(ctx context.Context, _ any) (struct{}, error) { return struct{}{}, talk(ctx) }, o)
	}
}

// Promise: what a handler logs is kept for each attempt, with levels, groups and
// attributes, also when the attempt fails, and is in the process log, too, from its
// level on.
func TestLogIsKeptForEachAttempt(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t), talker(jobs.Options{Backoff: quick(), MaxRetries: 1}, func(ctx context.Context) error {
		log := jobs.Logger(ctx)
		log.Log(ctx, slog.LevelDebug-1, "below debug")
		log.Debug("looking", "attempt", jobs.Info(ctx).Attempt)
		inner := log.With("t", 1, "l", "x").WithGroup("a").With("b", 2).WithGroup("")
		inner.Info("two\nlines", "m", time.Minute, slog.Group("c", "d", errors.New("oh")), "f", func() {})
		inner.WithGroup("empty").Log(ctx, slog.LevelWarn+1, "")
		return errors.New("no luck")
	}))
	var process bytes.Buffer
	w := r.worker(func(o *options) { o.Log = slog.New(slog.NewTextHandler(&process, nil)) })
	id := r.post(client.Enqueue{Type: "test.talk"})
	r.until(id, jobs.StateArchived)
	if err := w.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	runs, lines := r.kept(id)
	if len(runs) != 2 || runs[0].Attempt != 1 || runs[1].Attempt != 2 || runs[0].Number != 1 || runs[1].Number != 2 {
		t.Fatalf("runs = %+v", runs)
	}
	for n, all := range lines {
		want := []string{
			fmt.Sprintf(`DEBUG looking {"attempt":%d}`, n+1),
			"INFO two\nlines " + `{"t":1,"l":"x","a":{"b":2,"m":"1m0s","c":{"d":"oh"},"f":"!ERROR:json: unsupported type: func()"}}`,
			`WARN+1  {"t":1,"l":"x","a":{"b":2}}`,
		}
		if diff := cmp.Diff(want, words(all)); diff != "" {
			t.Errorf("attempt %d: want (-), got (+)\n%s", n+1, diff)
		}
		if at := time.UnixMicro(all[0].At); time.Since(at) < 0 || time.Since(at) > time.Minute {
			t.Errorf("time of the line: %s", at)
		}
	}
	said := process.String()
	if strings.Contains(said, "looking") || strings.Count(said, `msg="two\nlines" job=`+id+" type=test.talk attempt=1 t=1 l=x a.b=2 a.m=1m0s a.c.d=oh") != 1 {
		t.Errorf("process log:\n%s", said)
	}
}

// Promise: a log is removed with its job: one that is deleted, and one that is
// completed and not kept leave nothing; one that is kept has all of its log.
func TestLogGoesWithItsJob(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t), talker(jobs.Options{}, func(ctx context.Context) error {
		jobs.Logger(ctx).Info("here")
		jobs.Progress(ctx, 1, 1)
		return nil
	}))
	w := r.worker(nil)
	id := r.post(client.Enqueue{Type: "test.talk"})
	if j := r.until(id, jobs.StateCompleted); j.Progress == nil || j.Progress.Done != 1 || j.Progress.Total != 1 || j.Progress.Attempt != 1 {
		t.Errorf("progress = %+v", j.Progress)
	}
	if _, lines := r.kept(id); len(lines) != 1 || !slices.Equal(words(lines[0]), []string{"INFO here"}) {
		t.Errorf("lines = %v", lines)
	}
	var brief []string
	for range 50 {
		brief = append(brief, r.post(client.Enqueue{Type: "test.talk", Retention: new(client.Duration)}))
	}
	if err := r.inspect.Delete(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	k := store.KeysOf("default")
	eventually(t, func() bool {
		return r.redis.LLen(t.Context(), k.Pending()).Val()+r.redis.LLen(t.Context(), k.Active()).Val() == 0
	},
		func() string { return "the jobs do not end" })
	if err := w.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, id := range append(brief, id) {
		if hash := r.redis.HGetAll(t.Context(), k.Task(id)).Val(); len(hash) > 0 {
			t.Errorf("left of job %s: %v", id, hash)
		}
	}
}

// Promise: a log is bounded in lines, in bytes, and in the bytes of one line, and its
// last line tells how many found no room.
func TestLogIsBounded(t *testing.T) {
	t.Parallel()
	kib := strings.Repeat("x", 1<<10)
	for name, c := range map[string]struct {
		talk  func(log *slog.Logger)
		lines int // at least
		last  string
	}{
		"exactly": {func(log *slog.Logger) {
			for range 1000 {
				log.Info("line")
			}
		}, 1000, "INFO line"},
		"lines": {func(log *slog.Logger) {
			for range 100_000 {
				log.Info("line")
			}
		}, 1000, "WARN 99001 lines dropped: the log of an attempt holds 1000 lines or 256 KiB, and what waits for Redis is bounded, too"},
		"bytes": {func(log *slog.Logger) {
			for range 999 {
				log.Info("line", "x", kib)
			}
			log.Info("small, and dropped all the same: the log has no holes")
		}, 200, "lines dropped"},
		"long": {func(log *slog.Logger) {
			log.With("with", strings.Repeat("y", 1<<20)).Info("text", "x", strings.Repeat("\x01", 1<<20))
			log.Info(strings.Repeat("\x01", 1<<20))
			log.Info("value", "x", make([]int, 100_000))
		}, 3, `INFO value {"cut":"a line of 2000`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, storetest.Redis(t), talker(jobs.Options{}, func(ctx context.Context) error {
				c.talk(jobs.Logger(ctx))
				return jobs.Permanent(errors.New("dead"))
			}))
			r.worker(nil)
			id := r.post(client.Enqueue{Type: "test.talk"})
			r.until(id, jobs.StateArchived)
			runs, lines := r.kept(id)
			got := words(lines[0])
			if len(got) < c.lines || len(got) > 1000 || !strings.Contains(got[len(got)-1], c.last) {
				t.Errorf("%d lines, the last one is %q", len(got), got[len(got)-1])
			}
			size := 0
			for chunk := range runs[0].Chunks {
				n := int(r.redis.HStrLen(t.Context(), store.KeysOf("default").Task(id), runs[0].Field(chunk)).Val())
				if size += n; n > 16<<10 {
					t.Errorf("chunk %d has %d bytes", chunk, n)
				}
			}
			if size > 256<<10 || name == "bytes" && size < 250<<10 {
				t.Errorf("the log has %d bytes", size)
			}
		})
	}
}

// Promise: the logs of the last ten runs of a job are kept, numbered on, whatever the
// numbers of their attempts.
func TestLogsOfTheLastRunsAreKept(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t), talker(jobs.Options{MaxRetries: jobs.NoRetries}, func(ctx context.Context) error {
		for range 20 {
			jobs.Logger(ctx).Info(strings.Repeat("x", 1000))
		}
		return errors.New("dead")
	}))
	r.worker(nil)
	id := r.post(client.Enqueue{Type: "test.talk"})
	const total = 13
	for n := range total {
		r.until(id, jobs.StateArchived)
		if n < total-1 {
			if _, err := r.inspect.Retry(t.Context(), id); err != nil {
				t.Fatal(err)
			}
		}
	}
	runs, lines := r.kept(id)
	if len(runs) != store.LogRunsMax {
		t.Fatalf("%d runs", len(runs))
	}
	for n, run := range runs {
		if run.Number != int64(total-store.LogRunsMax+1+n) || run.Attempt != 1 || len(lines[n]) != 20 || run.Chunks < 2 {
			t.Errorf("run %d of those kept: %+v, %d lines", n, run, len(lines[n]))
		}
	}
}

// Promise: goroutines of one handler can log at the same time; each line is kept whole
// and once.
func TestLogOfManyGoroutines(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t), talker(jobs.Options{}, func(ctx context.Context) error {
		var all sync.WaitGroup
		for g := range 9 {
			all.Go(func() {
				log := jobs.Logger(ctx).With("g", g)
				for n := range 100 {
					log.Info(strings.Repeat("x", 10*g), "n", n)
					jobs.Progress(ctx, int64(n), 100)
				}
			})
		}
		all.Wait()
		return nil
	}))
	r.worker(nil)
	id := r.post(client.Enqueue{Type: "test.talk"})
	r.until(id, jobs.StateCompleted)
	_, lines := r.kept(id)
	got := words(lines[0])
	if slices.Sort(got); len(got) != 900 || len(slices.Compact(got)) != 900 {
		t.Errorf("%d lines are kept", len(got))
	}
}

// Promise: text that is no UTF-8 makes lines that are, and can be read.
func TestLogOfInvalidUTF8(t *testing.T) {
	t.Parallel()
	const bad = "caf\xe9 \xff\xfe"
	r := newRig(t, storetest.Redis(t), talker(jobs.Options{}, func(ctx context.Context) error {
		jobs.Logger(ctx).Info(bad, bad, bad, "raw", json.RawMessage(`"`+bad+`"`), "bytes", []byte(bad), "err", errors.New(bad))
		jobs.Logger(ctx).WithGroup(bad).Info("second", "x", 1)
		return nil
	}))
	r.worker(nil)
	id := r.post(client.Enqueue{Type: "test.talk"})
	r.until(id, jobs.StateCompleted)
	page, err := r.inspect.Log(t.Context(), id, client.LogFilter{})
	if err != nil || len(page.Lines) != 2 {
		t.Fatalf("%+v %v", page, err)
	}
	for _, l := range page.Lines {
		if !utf8.ValidString(l.Message) || !utf8.Valid(l.Attrs) || !json.Valid(l.Attrs) {
			t.Errorf("line %q %q", l.Message, l.Attrs)
		}
	}
	var attrs map[string]string
	if err := json.Unmarshal(page.Lines[0].Attrs, &attrs); err != nil || page.Lines[0].Message != "caf\ufffd \ufffd\ufffd" || attrs["err"] != page.Lines[0].Message || attrs["raw"] != "caf\ufffd \ufffd" {
		t.Errorf("line %q %s %v", page.Lines[0].Message, page.Lines[0].Attrs, err)
	}
}

// Promise: a run that says nothing leaves nothing in Redis, and has nothing sent.
func TestSilentRunsLeaveNoLog(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t), talker(jobs.Options{}, func(context.Context) error { return nil }))
	heard := r.redis.PSubscribe(t.Context(), store.ChannelLog+"*")
	defer func() { _ = heard.Close() }()
	if _, err := heard.Receive(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.worker(nil)
	for range 20 {
		id := r.post(client.Enqueue{Type: "test.talk"})
		r.until(id, jobs.StateCompleted)
		hash := r.redis.HGetAll(t.Context(), store.KeysOf("default").Task(id)).Val()
		if hash[store.FieldLogRuns] != "" || hash[store.FieldProgress] != "" {
			t.Errorf("the job's hash: %v", hash)
		}
	}
	r.redis.Publish(t.Context(), store.ChannelLog+":end", "")
	if m, err := heard.ReceiveMessage(t.Context()); err != nil || m.Channel != store.ChannelLog+":end" {
		t.Errorf("heard %v, %v", m, err)
	}
}
