package chaos

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Spread sums up durations.
type Spread struct {
	N             int
	P50, P99, Max time.Duration
}

// spread takes the quantiles by nearest rank.
func spread(d []time.Duration) Spread {
	if len(d) == 0 {
		return Spread{}
	}
	slices.Sort(d)
	rank := func(percent int) time.Duration { return d[(len(d)*percent+99)/100-1] }
	return Spread{N: len(d), P50: rank(50), P99: rank(99), Max: d[len(d)-1]}
}

// String gives the spread in words.
func (s Spread) String() string {
	if s.N == 0 {
		return "none"
	}
	return fmt.Sprintf("p50 %s, p99 %s, max %s (of %d)", round(s.P50), round(s.P99), round(s.Max), s.N)
}

func round(d time.Duration) time.Duration {
	if d >= time.Second {
		return d.Round(100 * time.Millisecond)
	}
	return d.Round(100 * time.Microsecond)
}

// Broken returns the promises that do not hold, one sentence each; none is what
// is wanted.
func (r Report) Broken() []string {
	var out []string
	say := func(ids []string, what string) {
		if len(ids) > 0 {
			out = append(out, fmt.Sprintf("%d jobs %s, such as %s", len(ids), what, strings.Join(ids[:min(3, len(ids))], ", ")))
		}
	}
	say(r.Lost, "were accepted and never done")
	say(r.RunAgain, "were done and started again")
	say(r.Beside, "were started while they ran in a living, connected process")
	say(r.Early, "were started before they were due")
	say(r.Orphaned, "ran in a killed process and never again")
	if r.Recovery.P99 > RecoveryMax {
		out = append(out, fmt.Sprintf("1 in 100 jobs of killed processes ran again only after %s or more, %s is promised", round(r.Recovery.P99), RecoveryMax))
	}
	return out
}

// Suspects returns the jobs that [Report.Broken] speaks of, and those that ran
// beside themselves with an excuse, at most n of a kind.
func (r Report) Suspects(n int) []string {
	var out []string
	for _, ids := range [][]string{r.Lost, r.RunAgain, r.Beside, r.Early, r.Orphaned, r.BesideAway, r.Stale} {
		out = append(out, ids[:min(n, len(ids))]...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// String gives the report as a table for people.
func (r Report) String() string {
	var b strings.Builder
	row := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "  %-44s %s\n", name, fmt.Sprintf(format, args...))
	}
	row("accepted / done / lost", "%d / %d / %d", r.Accepted, r.Finished, len(r.Lost))
	row("starts of handlers", "%d", r.Runs)
	row("done jobs started again", "%d", len(r.RunAgain))
	row("  gone before Redis knew (allowed)", "%d", len(r.Unacknowledged))
	row("    of these: end to kill", "%s", r.Unsent)
	row("  done twice, for whatever reason", "%d", len(r.DoneTwice))
	row("started beside a living, connected process", "%d", len(r.Beside))
	row("  beside one long out of reach (allowed)", "%d", len(r.BesideAway))
	row("  by a thawed process (allowed)", "%d", len(r.Stale))
	row("started early", "%d", len(r.Early))
	row("processes killed", "%d", r.Kills)
	row("kill to next start", "%s", r.Recovery)
	row("freeze or cut to start elsewhere", "%s", r.Handover)
	row("accepted or due to first start", "%s", r.PickUp)
	return b.String()
}

// Story returns the entries of one job, and those of the processes that ran it,
// in the order of their times.
func Story(entries []Entry, job string) string {
	processes := map[int]bool{}
	for _, e := range entries {
		if e.Job == job && e.PID != 0 {
			processes[e.PID] = true
		}
	}
	mine := slices.DeleteFunc(slices.Clone(entries), func(e Entry) bool {
		return e.Job != job && (e.Job != "" || !processes[e.PID])
	})
	slices.SortStableFunc(mine, func(a, b Entry) int { return a.At.Compare(b.At) })
	var b strings.Builder
	for _, e := range mine {
		fmt.Fprintf(&b, "  %s %-12s process %d run %d attempt %d %s\n", e.At.UTC().Format("15:04:05.000000"), e.Kind, e.PID, e.Run, e.Attempt, e.Job)
	}
	return b.String()
}
