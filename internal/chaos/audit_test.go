package chaos_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"legwork/internal/chaos"
)

// at is a time of a ledger made by hand, in seconds from its begin.
func at(seconds float64) time.Time {
	return time.Unix(1_700_000_000, 0).Add(time.Duration(seconds * float64(time.Second)))
}

func accepted(s float64, job string) chaos.Entry {
	return chaos.Entry{Kind: chaos.Accepted, At: at(s), Job: job}
}

func start(s float64, pid int, job string) chaos.Entry {
	return chaos.Entry{Kind: chaos.Start, At: at(s), PID: pid, Job: job, Run: pid}
}

func end(s float64, pid int, job string) chaos.Entry {
	return chaos.Entry{Kind: chaos.End, At: at(s), PID: pid, Job: job, Run: pid}
}

func stopped(s float64, pid int, job string) chaos.Entry {
	return chaos.Entry{Kind: chaos.Stopped, At: at(s), PID: pid, Job: job, Run: pid}
}

func failed(s float64, pid int, job string) chaos.Entry {
	return chaos.Entry{Kind: chaos.Failed, At: at(s), PID: pid, Job: job, Run: pid}
}

func known(s float64, job string) chaos.Entry {
	return chaos.Entry{Kind: chaos.Acknowledged, At: at(s), Job: job}
}

func fault(s float64, kind chaos.Kind, pid int) chaos.Entry {
	return chaos.Entry{Kind: kind, At: at(s), PID: pid}
}

func due(s float64, e chaos.Entry) chaos.Entry {
	e.Due = at(s)
	return e
}

// found are the figures of a report that the cases below speak of.
type found struct {
	Lost, RunAgain, Beside, Early, Orphaned            int
	Unaccepted, Unacknowledged, BesideAway, Stale, Two int
}

func findings(r chaos.Report) found {
	return found{
		len(r.Lost), len(r.RunAgain), len(r.Beside), len(r.Early), len(r.Orphaned),
		len(r.Unaccepted), len(r.Unacknowledged), len(r.BesideAway), len(r.Stale), len(r.DoneTwice),
	}
}

// The audit finds each broken promise, and tells it from what at-least-once
// allows.
func TestAudit(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		ledger []chaos.Entry
		want   found
		broken string // a part of what Broken says, or ""
	}{
		{"all is well", []chaos.Entry{accepted(0, "a"), start(1, 1, "a"), end(2, 1, "a")}, found{}, ""},
		{"a job that starts before its caller is told",
			[]chaos.Entry{start(1, 1, "a"), accepted(1.5, "a"), end(2, 1, "a")}, found{}, ""},
		{"lost before it started", []chaos.Entry{accepted(0, "a")}, found{Lost: 1}, "never done"},
		{"lost after it was stopped",
			[]chaos.Entry{accepted(0, "a"), start(1, 1, "a"), stopped(2, 1, "a")}, found{Lost: 1}, "never done"},
		{"lost with its process",
			[]chaos.Entry{accepted(0, "a"), start(1, 1, "a"), fault(2, chaos.Killed, 1)}, found{Lost: 1, Orphaned: 1}, "never again"},
		{"ran although its caller was never told", []chaos.Entry{start(1, 1, "a"), end(2, 1, "a")}, found{Unaccepted: 1}, ""},
		{"early", []chaos.Entry{due(5, accepted(0, "a")), start(4.999, 1, "a"), end(6, 1, "a")}, found{Early: 1}, "before they were due"},
		{"on time", []chaos.Entry{due(5, accepted(0, "a")), start(5, 1, "a"), end(6, 1, "a")}, found{}, ""},
		{"recovered", []chaos.Entry{accepted(0, "a"), start(1, 1, "a"), fault(2, chaos.Killed, 1), start(37, 2, "a"), end(38, 2, "a")}, found{}, ""},
		{"recovered too late",
			[]chaos.Entry{accepted(0, "a"), start(1, 1, "a"), fault(2, chaos.Killed, 1), start(48, 2, "a"), end(49, 2, "a")}, found{}, "46s"},

		{"done, and again for no reason",
			[]chaos.Entry{accepted(0, "a"), start(1, 1, "a"), end(2, 1, "a"), start(3, 2, "a"), end(4, 2, "a")}, found{RunAgain: 1, Two: 1}, "started again"},
		{"done, and again after a cut",
			[]chaos.Entry{accepted(0, "a"), start(1, 1, "a"), fault(1.5, chaos.Cut, 1), end(2, 1, "a"), fault(21.5, chaos.Healed, 1), start(40, 2, "a"), end(41, 2, "a")},
			found{RunAgain: 1, Two: 1}, "started again"},
		{"done, and again after a cut beyond the lease",
			[]chaos.Entry{accepted(0, "a"), start(1, 1, "a"), fault(1.5, chaos.Cut, 1), end(2, 1, "a"), start(37, 2, "a"), end(38, 2, "a"), fault(61.5, chaos.Healed, 1)},
			found{Unacknowledged: 1, Two: 1}, ""},
		{"done long before a cut beyond the lease, and again",
			[]chaos.Entry{accepted(0, "a"), start(1, 1, "a"), end(2, 1, "a"), fault(10, chaos.Cut, 1), start(45, 2, "a"), end(46, 2, "a"), fault(70, chaos.Healed, 1)},
			found{RunAgain: 1, Two: 1}, "started again"},
		{"failed, and again", []chaos.Entry{accepted(0, "a"), start(1, 1, "a"), failed(2, 1, "a"), start(3, 2, "a"), end(4, 2, "a")}, found{}, ""},
		{"done, killed before Redis knew",
			[]chaos.Entry{accepted(0, "a"), start(1, 1, "a"), end(2, 1, "a"), fault(2.1, chaos.Killed, 1), start(37, 2, "a"), end(38, 2, "a")},
			found{Unacknowledged: 1, Two: 1}, ""},
		{"done, Redis knew, killed",
			[]chaos.Entry{accepted(0, "a"), start(1, 1, "a"), end(2, 1, "a"), known(2.05, "a"), fault(2.1, chaos.Killed, 1), start(37, 2, "a"), end(38, 2, "a")},
			found{RunAgain: 1, Two: 1}, "started again"},
		{"done, killed long after", []chaos.Entry{accepted(0, "a"), start(1, 1, "a"), end(2, 1, "a"), fault(9, chaos.Killed, 1), start(45, 2, "a"), end(46, 2, "a")},
			found{RunAgain: 1, Two: 1}, "started again"},
		{"killed before Redis knew, then done and again for no reason",
			[]chaos.Entry{accepted(0, "a"), start(1, 1, "a"), end(2, 1, "a"), fault(2.1, chaos.Killed, 1), start(37, 2, "a"), end(38, 2, "a"), start(39, 3, "a"), end(40, 3, "a")},
			found{RunAgain: 1, Unacknowledged: 1, Two: 1}, "started again"},

		{"beside a living process",
			[]chaos.Entry{accepted(0, "a"), start(1, 1, "a"), start(2, 2, "a"), end(3, 1, "a"), end(4, 2, "a")}, found{Beside: 1, Two: 1}, "living, connected"},
		{"beside a process that ran it to the end of the ledger",
			[]chaos.Entry{accepted(0, "a"), start(1, 1, "a"), start(2, 2, "a"), end(4, 2, "a")}, found{Beside: 1}, "living, connected"},
		{"beside a process that was killed later",
			[]chaos.Entry{accepted(0, "a"), start(1, 1, "a"), start(2, 2, "a"), fault(3, chaos.Killed, 1), end(4, 2, "a")}, found{Beside: 1, Orphaned: 0}, "living, connected"},
		{"beside a process that was cut off for less than the lease",
			[]chaos.Entry{accepted(0, "a"), start(1, 1, "a"), fault(2, chaos.Cut, 1), start(20, 2, "a"), fault(22, chaos.Healed, 1), end(23, 1, "a"), end(24, 2, "a")},
			found{Beside: 1, Two: 1}, "living, connected"},
		{"beside a process that was frozen and had come back",
			[]chaos.Entry{accepted(0, "a"), start(1, 1, "a"), fault(2, chaos.Frozen, 1), fault(62, chaos.Thawed, 1), start(70, 2, "a"), end(71, 2, "a"), end(72, 1, "a")},
			found{Beside: 1, Two: 1}, "living, connected"},
		{"beside a frozen process",
			[]chaos.Entry{accepted(0, "a"), start(1, 1, "a"), fault(2, chaos.Frozen, 1), start(37, 2, "a"), end(38, 2, "a"), fault(62, chaos.Thawed, 1), end(62.1, 1, "a")},
			found{BesideAway: 1, Two: 1}, ""},
		{"by a thawed process, of what it had taken before",
			[]chaos.Entry{accepted(0, "a"), fault(1, chaos.Frozen, 1), start(37, 2, "a"), end(38, 2, "a"), fault(62, chaos.Thawed, 1), start(62.1, 1, "a"), end(62.2, 1, "a")},
			found{Stale: 1, Two: 1}, ""},
		{"by a thawed process, of what has failed elsewhere since",
			[]chaos.Entry{accepted(0, "a"), fault(1, chaos.Frozen, 1), start(60, 2, "a"), failed(61, 2, "a"), fault(61.5, chaos.Thawed, 1), start(62, 1, "a"), end(63, 1, "a")},
			found{}, ""},
		{"done and frozen before Redis knew",
			[]chaos.Entry{accepted(0, "a"), start(1, 1, "a"), end(2.01, 1, "a"), fault(2, chaos.Frozen, 1), start(37, 2, "a"), end(38, 2, "a"), fault(62, chaos.Thawed, 1)},
			found{Unacknowledged: 1, Two: 1}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := chaos.Audit(c.ledger)
			if diff := cmp.Diff(c.want, findings(r)); diff != "" {
				t.Errorf("want (-), got (+):\n%s", diff)
			}
			broken := strings.Join(r.Broken(), "; ")
			if (c.broken == "") != (broken == "") || !strings.Contains(broken, c.broken) {
				t.Errorf("broken = %q, want %q", broken, c.broken)
			}
		})
	}
}

// The figures are those of the right events.
func TestAuditMeasures(t *testing.T) {
	t.Parallel()
	r := chaos.Audit([]chaos.Entry{
		accepted(0, "killed"), start(1, 1, "killed"), fault(2, chaos.Killed, 1), start(37, 2, "killed"), end(38, 2, "killed"),
		accepted(0, "frozen"), start(1, 3, "frozen"), fault(2, chaos.Frozen, 3), start(34, 2, "frozen"), end(35, 2, "frozen"), fault(62, chaos.Thawed, 3),
		due(3, accepted(0, "delayed")), start(3.5, 2, "delayed"), end(4, 2, "delayed"),
		accepted(0, "unsent"), start(1, 1, "unsent"), end(1.9, 1, "unsent"), start(37, 2, "unsent"), end(38, 2, "unsent"),
	})
	if r.Accepted != 4 || r.Finished != 4 || r.Runs != 7 || r.Kills != 1 {
		t.Errorf("counts of %+v", r)
	}
	want := []chaos.Spread{
		{N: 1, P50: 35 * time.Second, P99: 35 * time.Second, Max: 35 * time.Second},
		{N: 1, P50: 32 * time.Second, P99: 32 * time.Second, Max: 32 * time.Second},
		{N: 4, P50: time.Second, P99: time.Second, Max: time.Second},
		{N: 1, P50: 100 * time.Millisecond, P99: 100 * time.Millisecond, Max: 100 * time.Millisecond},
	}
	if diff := cmp.Diff(want, []chaos.Spread{r.Recovery, r.Handover, r.PickUp, r.Unsent}); diff != "" {
		t.Error(diff)
	}
	if text := r.String(); !strings.Contains(text, "4 / 4 / 0") || !strings.Contains(text, "35s") {
		t.Errorf("report:\n%s", text)
	}
}

// A story has all that concerns one job, and nothing else.
func TestStory(t *testing.T) {
	t.Parallel()
	story := chaos.Story([]chaos.Entry{
		fault(5, chaos.Killed, 1), fault(6, chaos.Killed, 2),
		accepted(0, "a"), accepted(0, "b"), start(1, 1, "a"), start(1, 2, "b"),
	}, "a")
	for word, want := range map[string]int{"accepted": 1, "start": 1, "killed": 1, "process 2": 0} {
		if strings.Count(story, word) != want {
			t.Errorf("%q is not in the story %d times:\n%s", word, want, story)
		}
	}
}
