package engine

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"legwork/internal/store"
	"legwork/jobs"
)

// ending is a job on its way out of this process's hands. What to says where:
// completed (deleted when until is "0"), retry, archived, pending (given back to
// the front of its queue) or scheduled (given back for later).
type ending struct {
	*holding
	to      jobs.State
	message any       // encoded, with what asynq notes in it; completed, retry and archived
	until   any       // end of retention, Unix seconds; completed
	field   string    // result or reason to store, or ""; completed
	value   any       // of the field
	due     string    // Unix seconds with a fraction, "0" = at once; retry, pending and scheduled
	lock    string    // asynq's unique lock to release, or ""
	kind    string    // the job's type; retry and archived
	failed  *failed   // the attempt that failed; nil when none did
	then    func()    // called once the job has ended; may be nil
	giveUp  time.Time // when the last try is made
	tries   int       // made so far
	err     error     // outcome of the last try
}

// errNotActive says that a job is not this process's any more.
var errNotActive = fmt.Errorf("the job is not held under this token any more")

// dayKeep is how long a day's counters are kept, as asynq keeps them.
const dayKeep = 90 * 24 * time.Hour

// enderMany bounds the jobs of one script call, so that Redis is never held for
// more than about a millisecond.
const enderMany = 256

// ender writes endings of one queue, many with one call.
type ender struct {
	redis  redis.UniversalClient
	holder string
	finish *redis.Script
	fail   *redis.Script
	give   *redis.Script
}

func newEnder(c redis.UniversalClient, holder string) ender {
	return ender{redis: c, holder: holder, finish: store.Script(luaFiles, "finish"), fail: store.Script(luaFiles, "fail"), give: store.Script(luaFiles, "release")}
}

// write ends the jobs and leaves in each what became of it.
func (e ender) write(ctx context.Context, all []*ending) {
	type lot struct{ drop, keep, fail, give []*ending }
	lots := map[string]*lot{}
	for _, j := range all {
		l := lots[j.queue]
		if l == nil {
			l = &lot{}
			lots[j.queue] = l
		}
		switch {
		case j.to == jobs.StateCompleted && j.until == "0":
			l.drop = append(l.drop, j)
		case j.to == jobs.StateCompleted:
			l.keep = append(l.keep, j)
		case j.to == jobs.StateRetry, j.to == jobs.StateArchived:
			l.fail = append(l.fail, j)
		default:
			l.give = append(l.give, j)
		}
	}
	for queue, l := range lots {
		k := store.KeysOf(queue)
		if len(l.drop)+len(l.keep) > 0 {
			e.writeFinished(ctx, k, l.drop, l.keep)
		}
		if len(l.fail) > 0 {
			e.writeFailed(ctx, k, l.fail)
		}
		if len(l.give) > 0 {
			e.writeGiven(ctx, k, queue, l.give)
		}
	}
}

func (e ender) writeFinished(ctx context.Context, k store.Keys, drop, keep []*ending) {
	now := time.Now()
	keys := []string{k.Active(), k.Lease(), k.Completed(), k.ProcessedOn(now), k.Processed(), k.Holders()}
	all := append(drop, keep...)
	args := make([]any, 0, 6+2*len(all)+4*len(keep))
	args = append(args, now.Add(dayKeep).Unix(), now.UnixMilli(), e.holder, k.TaskPrefix(), len(all), len(drop))
	for _, j := range all {
		args = append(args, &j.id)
	}
	for _, j := range all {
		args = append(args, &j.token)
	}
	for _, j := range keep {
		args = append(args, j.until, j.message, &j.field, j.value)
	}
	for i, j := range all {
		if j.lock != "" {
			args = append(args, i+1, j.lock)
		}
	}
	settle(e.finish.Run(ctx, e.redis, keys, args...), all)
}

func (e ender) writeFailed(ctx context.Context, k store.Keys, jobs []*ending) {
	now := time.Now()
	keys := []string{
		k.Active(), k.Lease(), k.Retry(), k.Archived(),
		k.ProcessedOn(now), k.FailedOn(now), k.Processed(), k.Failed(), k.Holders(),
	}
	args := make([]any, 0, 3+9*len(jobs))
	args = append(args, now.Add(dayKeep).Unix(), e.holder, k.Prefix())
	for _, j := range jobs {
		fingerprint, record := j.failed.words(j.to)
		args = append(args, j.id, j.token, string(j.to), j.due, j.message, j.lock, j.kind, fingerprint, record)
	}
	settle(e.fail.Run(ctx, e.redis, keys, args...), jobs)
}

func (e ender) writeGiven(ctx context.Context, k store.Keys, queue string, jobs []*ending) {
	keys := []string{k.Active(), k.Lease(), k.Pending(), k.Scheduled(), k.Holders()}
	args := make([]any, 0, 5+3*len(jobs))
	args = append(args, time.Now().UnixNano(), k.TaskPrefix(), queue, store.ChannelWake, e.holder)
	for _, j := range jobs {
		args = append(args, j.id, j.token, j.due)
	}
	settle(e.give.Run(ctx, e.redis, keys, args...), jobs)
}

// settle reads a script's answer, one number per job, into the endings.
func settle(cmd *redis.Cmd, jobs []*ending) {
	codes, err := cmd.Int64Slice()
	if err == nil && len(codes) != len(jobs) {
		err = fmt.Errorf("the script answered for %d of %d jobs", len(codes), len(jobs))
	}
	for i, j := range jobs {
		j.err = err
		if err == nil && codes[i] == 0 {
			j.err = errNotActive
		}
	}
}
