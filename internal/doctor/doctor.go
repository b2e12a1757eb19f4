package doctor

import (
	"context"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"

	"legwork/internal/store"
)

// checkTimeout bounds one check, so that a slow one leaves time for the others.
const checkTimeout = 5 * time.Second

// Options configures a [Doctor].
type Options struct {
	// Redis is what to examine. Required; the doctor does not close it.
	Redis redis.UniversalClient
	// Strict holds Redis to durability strict: an append-only file that is synced
	// at every write.
	Strict bool
	// FullAt is the percentage of maxmemory from which on new jobs are refused; 0
	// when they never are.
	FullAt int
	// LetterLevels are the numbers of dead letters in a queue to warn at.
	LetterLevels []int
}

// Doctor examines a Redis.
type Doctor struct {
	redis  redis.UniversalClient
	strict bool
	fullAt int

	letterLevels []int
}

// New returns a doctor.
func New(o Options) *Doctor {
	return &Doctor{redis: o.Redis, strict: o.Strict, fullAt: o.FullAt, letterLevels: o.LetterLevels}
}

// check is one examination. It is given all that was gathered, and makes one
// finding or more, or none when it does not apply.
type check func(ctx context.Context, p *patient) []Finding

// Examine makes every check. It asks Redis a few hundred cheap questions, reads
// samples of the lists and scans a part of the keys, and takes well under a second
// on a Redis that is near; ctx bounds it as a whole.
func (d *Doctor) Examine(ctx context.Context) *Report {
	began := time.Now()
	p, hello := d.meet(ctx)
	if p == nil {
		return newReport([]Finding{hello}, began)
	}
	findings := append([]Finding{hello}, p.run(ctx, d.serverChecks())...)
	findings = append(findings, p.run(ctx, []check{d.memory, latency})...)
	p.readJobs(ctx)
	findings = append(findings, p.run(ctx, []check{workers, unserved, scripts, stuck, ghosts, orphans, keyTypes, d.deadLetters})...)
	return newReport(findings, began)
}

// ExamineServer makes the checks that a process needs before it starts: of the
// servers alone, a handful of commands each.
func (d *Doctor) ExamineServer(ctx context.Context) *Report {
	began := time.Now()
	p, hello := d.meet(ctx)
	if p == nil {
		return newReport([]Finding{hello}, began)
	}
	return newReport(append([]Finding{hello}, p.run(ctx, d.serverChecks())...), began)
}

func (d *Doctor) serverChecks() []check {
	return []check{version, replication, clusterState, d.persistence, diskWrites, eviction, clock}
}

// meet finds out whether Redis answers, and gathers what most checks look at. The
// patient is nil when it does not.
func (d *Doctor) meet(ctx context.Context) (*patient, Finding) {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	began := time.Now()
	err := d.redis.Ping(ctx).Err()
	hello := ok(CodeConnection, "answers after "+short(time.Since(began)))
	if _, answered := errors.AsType[redis.Error](err); answered && !store.Denied(err) {
		// Even a PING is refused after a failed snapshot, or while Redis loads.
		hello = fail(CodeConnection, "answers, but does not serve: "+err.Error(), "Redis runs and gives its own reason; the other findings may say more.")
		err = nil
	}
	if err == nil {
		var masters []store.Master
		if masters, err = store.Masters(ctx, d.redis); err == nil {
			p := &patient{redis: d.redis}
			for _, m := range masters {
				p.nodes = append(p.nodes, meetNode(ctx, m))
			}
			return p, hello
		}
	}
	remedy := "Check redis.url, that Redis runs, and that nothing in between keeps this machine from it."
	if store.Denied(err) {
		remedy = "Correct user and password, or give the user the rights it lacks (ACL SETUSER)."
	}
	f := fail(CodeConnection, err.Error(), remedy)
	f.RefusesStart = d.strict // what cannot be verified is not strict
	return nil, f
}

// short writes a duration with as many digits as a person wants.
func short(d time.Duration) string {
	switch {
	case d >= 10*time.Second || d <= -10*time.Second:
		return d.Round(time.Second).String()
	case d >= 10*time.Millisecond || d <= -10*time.Millisecond:
		return d.Round(time.Millisecond).String()
	}
	return d.Round(10 * time.Microsecond).String()
}
