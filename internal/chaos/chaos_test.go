package chaos_test

import (
	"slices"
	"testing"
	"time"

	"legwork/internal/chaos"
	"legwork/internal/store/storetest"
)

// sized returns the scenario's size: as it is for make chaos, small otherwise.
func (s scenario) sized() scenario {
	if !full() {
		s.workers, s.rate, s.before, s.after = 2, 60, time.Second, time.Second
	}
	return s
}

// pick returns the first value for make chaos and the second otherwise.
func pick[T any](large, small T) T {
	if full() {
		return large
	}
	return small
}

// A worker is killed again and again, always the one that has lived longest, and
// a new one takes its place: nothing is lost, nothing that is done runs again,
// and what ran in the killed one runs again soon.
func TestKilledWorkers(t *testing.T) {
	t.Parallel()
	times, pause := pick(24, 2), pick(5*time.Second, time.Second)
	scenario{workers: 3, rate: 500, before: 5 * time.Second, after: 5 * time.Second,
		faults: func(r *room, team []*worker) []*worker {
			for range times {
				r.awaitRunning(team[0])
				team[0].kill()
				team = append(team[1:], r.hire(1)...)
				r.loadFor(pause)
			}
			return team
		}}.sized().play(t)
}

// All workers lose Redis for 4 s and for 20 s, while jobs go on coming in:
// nothing is lost, and nothing runs twice.
func TestCutOff(t *testing.T) {
	t.Parallel()
	kinds(t, func(team []*worker) []*worker { return team })
}

// One worker loses Redis for 4 s and for 20 s while the others go on: it keeps
// its jobs.
func TestOneCutOff(t *testing.T) {
	t.Parallel()
	kinds(t, func(team []*worker) []*worker { return team[:1] })
}

// kinds cuts off some of the team, with resets and in silence.
func kinds(t *testing.T, who func([]*worker) []*worker) {
	t.Helper()
	cuts := pick([]time.Duration{4 * time.Second, 20 * time.Second}, []time.Duration{4 * time.Second})
	for _, silent := range []bool{false, true} {
		t.Run(map[bool]string{false: "reset", true: "silent"}[silent], func(t *testing.T) {
			t.Parallel()
			scenario{workers: 3, rate: 500, before: 5 * time.Second, after: 5 * time.Second, long: pick(12*time.Second, 3*time.Second),
				faults: func(r *room, team []*worker) []*worker {
					for i, length := range cuts {
						if i > 0 {
							r.loadFor(10 * time.Second)
						}
						r.cutFor(length, silent, who(team))
					}
					return team
				}}.sized().play(t)
		})
	}
}

func (r *room) cutFor(length time.Duration, silent bool, workers []*worker) {
	r.t.Helper()
	for _, w := range workers {
		w.cut(silent)
	}
	r.loadFor(length)
	for _, w := range workers {
		w.heal()
	}
}

// One worker loses Redis for longer than a lease. It stops its handlers before
// others are given their jobs.
func TestOneCutOffBeyondTheLease(t *testing.T) {
	t.Parallel()
	if !full() {
		t.Skip("takes two minutes; make chaos runs it")
	}
	scenario{workers: 3, rate: 500, before: 5 * time.Second, after: 5 * time.Second, long: 50 * time.Second,
		faults: func(r *room, team []*worker) []*worker {
			r.cutFor(60*time.Second, true, team[:1])
			return team
		}}.play(t)
}

// Redis is killed and started again: with an append-only file that is synced
// always nothing is lost; with one that is synced every second, a killed process
// loses at most what it had not handed to the system.
func TestKilledRedis(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{"always": nil, "everysec": {"--appendfsync", "everysec"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := scenario{workers: 3, rate: 500, before: 5 * time.Second, after: 5 * time.Second, long: pick(12*time.Second, 3*time.Second),
				redis: storetest.Options{TCP: true, AOF: true, Args: args},
				faults: func(r *room, team []*worker) []*worker {
					for range pick(5, 1) {
						r.redis.Kill()
						r.loadFor(time.Second)
						r.redis.Restart()
						r.loadFor(pick(5*time.Second, time.Second))
					}
					return team
				}}
			if name == "everysec" {
				if !full() {
					t.Skip("make chaos reports it")
				}
				s.mayLose = "the file may be a second behind"
			}
			s.sized().play(t)
		})
	}
}

// A worker stands still for a minute and goes on. Others have been given its
// jobs, so what it says about them then counts for nothing.
func TestFrozenWorker(t *testing.T) {
	t.Parallel()
	scenario{workers: 3, rate: 500, before: 5 * time.Second, after: 10 * time.Second, long: pick(12*time.Second, 3*time.Second),
		faults: func(r *room, team []*worker) []*worker {
			frozen := team[0]
			r.awaitRunning(frozen)
			frozen.freeze()
			held := r.runningIn(frozen.PID())
			if full() {
				r.loadFor(60 * time.Second)
			} else {
				r.await("its jobs run elsewhere", 60*time.Second, func() bool { return r.startedElsewhere(held, frozen.PID()) })
			}
			frozen.thaw()
			return team
		}}.sized().play(t)
}

// awaitRunning returns once the worker runs jobs.
func (r *room) awaitRunning(w *worker) {
	r.t.Helper()
	r.await("the worker runs jobs", 20*time.Second, func() bool { return len(r.runningIn(w.PID())) > 0 })
}

// runningIn returns the jobs that the process runs, as far as the ledger knows.
func (r *room) runningIn(pid int) []string {
	r.t.Helper()
	r.look()
	open := map[string]bool{}
	for _, e := range r.seen.entries {
		if e.PID == pid && e.Job != "" {
			open[e.Job] = e.Kind == chaos.Start
		}
	}
	var jobs []string
	for id, runs := range open {
		if runs {
			jobs = append(jobs, id)
		}
	}
	return jobs
}

// startedElsewhere reports whether another process has started each of the jobs
// after this one.
func (r *room) startedElsewhere(jobs []string, pid int) bool {
	last := map[string]int{}
	for _, e := range r.seen.entries {
		if e.Kind == chaos.Start && slices.Contains(jobs, e.Job) {
			last[e.Job] = e.PID
		}
	}
	return !slices.ContainsFunc(jobs, func(id string) bool { return last[id] == pid })
}
