package inspect

import (
	"context"
	"fmt"
	"math"
	"strconv"

	"github.com/redis/go-redis/v9"

	"legwork/internal/store"
	"legwork/jobs"
)

// ref is one entry of a state's list or set.
type ref struct {
	id    string
	score float64 // in a sorted set

	since int64 // in a list: Unix nanoseconds since when the job waits; math.MaxInt64 when nothing tells
	stamp int64 // in a list: the same, but 0 when the job itself does not say
	ahead int64 // in a list: entries before it
	tail  int64 // in a list: entries behind it
	gone  bool  // in a list: there was no job behind the id
	again bool  // in a list: it was looked at before, as far as its time tells
}

// isList reports whether the state's jobs are kept in a list, newest first; the
// others are in sorted sets.
func isList(s jobs.State) bool { return s == jobs.StatePending || s == jobs.StateActive }

// newestLast reports whether the state's sorted set is read from its start: the
// next due comes first there.
func newestLast(s jobs.State) bool { return s == jobs.StateScheduled || s == jobs.StateRetry }

const (
	seenMax   = 4      // jobs that a place in a list is remembered by
	listReach = 50_000 // entries of a list to look for them through, from each end
)

// mark is a place in a list or set that stays the same one while entries come and go. In a
// set it is told by score and id, whether they are there or not. In a list it is
// behind the first of the jobs seen that has stayed. When none of them has, it is where
// there are as many entries behind it as there were, and those that follow and are newer
// than since have been looked at: a list grows at its head and is used up from its tail.
type mark struct {
	score  float64
	id     string // in a set; "" is before every id
	before bool   // in a set: the place is before the id, not behind it

	seen  []waypoint // in a list: those before the place, the last one first
	tail  int64
	since int64
}

// waypoint is a job that was in a list, and since when it waited, 0 when it did not say: if
// it waits since another time, it has left and come back.
type waypoint struct {
	id    string
	stamp int64
}

// read reads up to n entries of each lane, behind what it has read, in one round trip. A
// lane whose key is none of the state's ends, and has a fault.
func (i *Inspector) read(ctx context.Context, s *section, lanes []*lane, n int) error {
	script, pipe := i.readSet, i.redis.Pipeline()
	if isList(s.state) {
		script = i.readList
	}
	cmds := make([]*redis.Cmd, len(lanes))
	for k, l := range lanes {
		cmds[k] = script.EvalSha(ctx, pipe, []string{l.key(s.state)}, s.args(l, n)...)
	}
	_, _ = pipe.Exec(ctx) // each command carries its own error
	for k, l := range lanes {
		if redis.HasErrorPrefix(cmds[k].Err(), "NOSCRIPT") {
			cmds[k] = script.Eval(ctx, i.redis, []string{l.key(s.state)}, s.args(l, n)...)
		}
		values, err := cmds[k].Slice()
		switch {
		case store.WrongType(err):
			l.fault, l.dry = err, true
		case err != nil:
			return err
		case isList(s.state):
			err = l.addList(values, n)
		default:
			err = l.addSet(s, values, n)
		}
		if err != nil && l.fault == nil {
			return fmt.Errorf("read %s: %w", l.key(s.state), err)
		}
	}
	return nil
}

// args are those of readlist.lua or readset.lua.
func (s *section) args(l *lane, n int) []any {
	if isList(s.state) {
		args := []any{n, store.KeysOf(l.shard).TaskPrefix(), string(s.state), listReach}
		if l.from != nil {
			args = append(args, l.from.tail, stampText(l.from.since))
			for _, j := range l.from.seen {
				args = append(args, j.id, stampText(j.stamp))
			}
		}
		return args
	}
	args := []any{n, flag(!newestLast(s.state))}
	if l.from != nil {
		args = append(args, scoreText(l.from.score), l.from.id, flag(l.from.before))
	}
	return args
}

// stampText is a time in nanoseconds; "" when it is unknown.
func stampText(at int64) string {
	if at == 0 || at == math.MaxInt64 {
		return ""
	}
	return strconv.FormatInt(at, 10)
}

func flag(on bool) string {
	if on {
		return "1"
	}
	return ""
}

// addSet takes an answer of readset.lua.
func (l *lane) addSet(s *section, values []any, n int) error {
	l.dry = len(values) < 2*n
	for k := 0; k+1 < len(values); k += 2 {
		id, _ := values[k].(string)
		text, _ := values[k+1].(string)
		score, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return fmt.Errorf("%w: score %q", store.ErrCorrupt, text)
		}
		if s.ends(score) {
			l.dry = true
			break
		}
		l.refs = append(l.refs, ref{id: id, score: score})
		l.from = &mark{score: score, id: id}
	}
	return nil
}

// addList takes an answer of readlist.lua.
func (l *lane) addList(values []any, n int) error {
	if len(values) < 3 {
		return store.ErrCorrupt
	}
	size, _ := values[0].(int64)
	place, _ := values[1].(int64)
	found, _ := values[2].(int64)
	again := l.from != nil && found == 0
	entries := values[3:]
	l.dry = len(entries) < 2*n
	for k := 0; k+1 < len(entries); k += 2 {
		r := ref{since: math.MaxInt64, ahead: place, tail: size - place - 1}
		r.id, _ = entries[k].(string)
		text, _ := entries[k+1].(string)
		r.gone = text == "gone"
		if at, err := strconv.ParseInt(text, 10, 64); err == nil && at > 0 {
			r.since, r.stamp = at, at
		} else if at := (store.Meta{}).CreatedAt(r.id); !at.IsZero() {
			r.since = at.UnixNano()
		}
		again = again && r.since > l.from.since && r.since != math.MaxInt64
		r.again = again
		l.refs = append(l.refs, r)
		l.from = l.from.behind(r)
		place++
	}
	return nil
}

// behind is the place in a list behind an entry that follows on m, which may be nil.
func (m *mark) behind(r ref) *mark {
	if r.again {
		return &mark{tail: r.tail, since: m.since}
	}
	next := &mark{seen: []waypoint{{r.id, r.stamp}}, tail: r.tail, since: r.since}
	if m != nil {
		next.seen = append(next.seen, m.seen[:min(len(m.seen), seenMax-1)]...)
	}
	return next
}

func scoreText(score float64) string { return strconv.FormatFloat(score, 'g', -1, 64) }
