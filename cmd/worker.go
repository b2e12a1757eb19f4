package cmd

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"legwork/client"
)

// runsMin is the least width of the column that tells what a worker runs.
const runsMin = 20

func (s *session) workerTable(list []client.Worker) *table {
	t := &table{header: []string{"ID", "STATE", "BUSY", "HEARD", "HOST", "VERSION", "RUNS"}, state: 1, colour: s.env.colour()}
	now := s.env.now()
	for _, w := range list {
		t.add(w.ID, workerState(&w), busyOf(&w), agoIf(now, w.LastHeartbeat), short(clean(w.Host), 20), short(clean(w.Version), 16), runs(&w, now))
	}
	t.fit(s.env.columns(), runsMin, "VERSION", "HOST", "HEARD")
	return t
}

// workerState is the state, and what was asked for and is not confirmed.
func workerState(w *client.Worker) string {
	if w.Asked != "" {
		return w.State + " (asked: " + w.Asked + ")"
	}
	return w.State
}

// busyOf is how many slots are in use; of a lost worker how many jobs it holds.
func busyOf(w *client.Worker) string {
	if w.State == client.WorkerLost {
		return fmt.Sprintf("%d held", w.Held)
	}
	return fmt.Sprintf("%d/%d", w.Busy, w.Slots)
}

// placeOf says where the process is.
func placeOf(w *client.Worker) string {
	if w.Host == "" {
		return ""
	}
	return fmt.Sprintf("%s, process %d", w.Host, w.PID)
}

// runs words what the worker runs and for how long, the longest-running first.
func runs(w *client.Worker, now time.Time) string {
	var words []string
	for _, r := range w.Running {
		text := r.Type + " " + span(max(0, now.Sub(r.StartedAt)))
		switch {
		case r.Zombie:
			text += " (ignores its end)"
		case r.Cancelled:
			text += " (cancelled)"
		}
		words = append(words, text)
	}
	if more := w.Busy - len(w.Running); more > 0 && len(words) > 0 {
		words = append(words, fmt.Sprintf("%d more", more))
	}
	return strings.Join(words, ", ")
}

// showWorker prints a worker for people: a line per field that is set, then its pools
// and what it runs as tables.
func (s *session) showWorker(w io.Writer, k *client.Worker) error {
	state := clean(k.State)
	if s.env.colour() {
		state = paint(state)
	}
	var zombies, unknown string
	if k.Zombies > 0 {
		zombies = fmt.Sprintf("%d, whose handlers ignore that their contexts have ended", k.Zombies)
	}
	if k.UnknownScripts > 0 {
		unknown = fmt.Sprintf("%d, built with another version of asynq than Legwork is made for", k.UnknownScripts)
	}
	var out strings.Builder
	for _, f := range [][2]string{
		{"id", clean(k.ID)}, {"state", state}, {"asked for", clean(k.Asked)}, {"at", clean(placeOf(k))}, {"version", clean(k.Version)},
		{"roles", clean(strings.Join(k.Roles, ", "))}, {"started", s.moment(k.StartedAt)}, {"heard", s.moment(k.LastHeartbeat)}, {"busy", busyOf(k)},
		{"zombies", zombies}, {"scripts", unknown}, {"types", clean(strings.Join(k.Types, ", "))},
	} {
		if f[1] != "" {
			fmt.Fprintf(&out, "%-11s%s\n", f[0], f[1])
		}
	}
	if _, err := io.WriteString(w, out.String()); err != nil {
		return err
	}
	pools, running := s.poolTable(k), s.runningTable(k)
	for _, t := range []*table{pools, running} {
		if len(t.rows) == 0 {
			continue
		}
		if _, err := fmt.Fprintln(w); err != nil {
			return err
		}
		if err := t.print(w); err != nil {
			return err
		}
	}
	if more := k.Busy - len(k.Running); more > 0 {
		s.say("it runs %d more", more)
	}
	return nil
}

func (s *session) poolTable(k *client.Worker) *table {
	t := &table{header: []string{"POOL", "BUSY", "QUEUES BY WEIGHT"}, state: -1}
	for _, p := range k.Pools {
		var queues []string
		for _, q := range slices.SortedFunc(maps.Keys(p.Queues), func(a, b string) int {
			if p.Queues[a] != p.Queues[b] {
				return p.Queues[b] - p.Queues[a]
			}
			return strings.Compare(a, b)
		}) {
			queues = append(queues, q+" "+strconv.Itoa(p.Queues[q]))
		}
		words := strings.Join(queues, ", ")
		if p.StrictPriority {
			words = "strictly: " + words
		}
		t.add(p.Name, fmt.Sprintf("%d/%d", p.Busy, p.Concurrency), words)
	}
	t.fit(s.env.columns(), runsMin)
	return t
}

func (s *session) runningTable(k *client.Worker) *table {
	t := &table{header: []string{"RUNS", "TYPE", "QUEUE", "ATTEMPT", "SINCE", "ENDS", "NOTE"}, state: -1}
	now := s.env.now()
	for _, r := range k.Running {
		note := ""
		switch {
		case r.Zombie:
			note = "its handler ignores that its context has ended"
		case r.Cancelled:
			note = "its context has ended"
		}
		t.add(r.ID, r.Type, r.Queue, strconv.Itoa(r.Attempt), ago(now, r.StartedAt), ago(now, r.EndsAt), note)
	}
	t.fit(s.env.columns(), len("NOTE"), "ENDS", "QUEUE", "ATTEMPT")
	return t
}
