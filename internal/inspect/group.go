package inspect

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"legwork/client"
	"legwork/internal/failure"
	"legwork/internal/store"
	"legwork/jobs"
)

// groupOpen is the state of a group of which nobody has said anything, or nothing
// that still holds.
const groupOpen = "open"

// group is a failure group as Redis has it.
type group struct {
	fingerprint string
	score       float64
	fields      map[string]string // nil when there are none
	alien       bool              // something else is stored under its key
}

// groups reads the next groups of the list, those that failed last first, behind the
// cursor, at most n; more tells whether others follow.
func (i *Inspector) groups(ctx context.Context, after *groupCursor, n int) (lot []group, more bool, err error) {
	chunk := int64(n) + 1 // the group that the cursor stands on is read again
	by := redis.ZRangeArgs{Key: store.KeyFailures, Start: "+inf", Stop: "-inf", ByScore: true, Rev: true, Count: chunk}
	if after != nil {
		by.Start = scoreText(after.Last)
	}
	for len(lot) == 0 {
		listed, err := i.redis.ZRangeArgsWithScores(ctx, by).Result()
		if err != nil {
			return nil, false, groupsError(err)
		}
		for _, z := range listed {
			fp, _ := z.Member.(string)
			if failure.Valid(fp) && (after == nil || after.before(z.Score, fp)) {
				lot = append(lot, group{fingerprint: fp, score: z.Score})
			}
		}
		if more = int64(len(listed)) == chunk; !more {
			break
		}
		by.Offset += chunk
	}
	return lot, more, i.readGroups(ctx, lot)
}

func (i *Inspector) readGroups(ctx context.Context, lot []group) error {
	if len(lot) == 0 {
		return nil
	}
	pipe := i.redis.Pipeline()
	cmds := make([]*redis.MapStringStringCmd, len(lot))
	for n, g := range lot {
		cmds[n] = pipe.HGetAll(ctx, store.KeyFailurePrefix+g.fingerprint)
	}
	_, _ = pipe.Exec(ctx) // each command carries its own error
	for n, cmd := range cmds {
		if err := cmd.Err(); err != nil && !store.WrongType(err) {
			return wrap("read failure groups", err)
		}
		lot[n].fields, lot[n].alien = cmd.Val(), cmd.Err() != nil
	}
	return nil
}

// groupsError names the key when something else is stored where the list should be.
func groupsError(err error) error {
	if store.WrongType(err) {
		return &jobs.Error{Code: jobs.CodeUnavailable, Message: "something else is stored in Redis under " + store.KeyFailures + "; rename or delete that key", Err: err}
	}
	return wrap("list failure groups", err)
}

func alienText(fingerprint string) string {
	return "something else is stored in Redis under " + store.KeyFailurePrefix + fingerprint + "; rename or delete that key"
}

// view puts the group into the words of the API; ok is false when there is none: its
// process died between naming and counting it.
func (g *group) view(now time.Time, trend string) (v client.FailureGroup, ok bool) {
	v = client.FailureGroup{Fingerprint: g.fingerprint, State: groupOpen, Queues: map[string]int64{}, Trend: g.trend(now, trend)}
	if g.alien {
		v.Message, v.LastSeen = alienText(g.fingerprint), millis(int64(g.score))
		v.FirstSeen = v.LastSeen
		return v, true
	}
	f := g.fields
	if len(f) == 0 {
		return v, false
	}
	v.Type, v.Kind, v.Message, v.LastError, v.Frame = f[store.GroupType], f[store.GroupKind], f[store.GroupTitle], f[store.GroupError], f[store.GroupFrame]
	v.Count, v.FirstSeen, v.LastSeen = g.number(store.GroupCount), millis(g.number(store.GroupFirst)), millis(g.number(store.GroupLast))
	for field, value := range f {
		if queue, is := strings.CutPrefix(field, store.GroupQueuePrefix); is {
			v.Queues[queue], _ = strconv.ParseInt(value, 10, 64)
		}
	}
	if id := f[store.GroupJob]; id != "" {
		v.SampleJob = &client.FailedJob{ID: id, Queue: store.QueueOf(f[store.GroupShard])}
	}
	g.addState(&v, now)
	return v, true
}

func (g *group) addState(v *client.FailureGroup, now time.Time) {
	since, until := millis(g.number(store.GroupSince)), millis(g.number(store.GroupUntil))
	switch state := g.fields[store.GroupState]; state {
	case store.GroupResolved:
		v.State, v.ResolvedAt = state, &since
	case store.GroupRegressed:
		v.State, v.RegressedAt = state, &since
		v.CountSince = max(0, v.Count-g.number(store.GroupSettled))
	case store.GroupIgnored:
		if until.After(now) {
			v.State, v.IgnoredUntil = state, &until
		}
	}
}

// trend returns the failures by hour, with zero for those without any.
func (g *group) trend(now time.Time, trend string) []client.HourCount {
	hours := int64(24)
	if trend == client.TrendWeek {
		hours = store.GroupHours
	}
	last := now.Unix() / 3600
	list := make([]client.HourCount, 0, hours)
	for hour := last - hours + 1; hour <= last; hour++ {
		list = append(list, client.HourCount{Hour: time.Unix(hour*3600, 0).UTC(), Count: g.number(store.GroupHourPrefix + strconv.FormatInt(hour, 10))})
	}
	return list
}

// number reads a field; 0 when it is missing or damaged.
func (g *group) number(field string) int64 {
	n, err := strconv.ParseInt(g.fields[field], 10, 64)
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// millis returns the time, or the beginning of Unix time when JSON cannot write it.
func millis(ms int64) time.Time {
	if at := moment(time.UnixMilli(ms)); at != nil {
		return *at
	}
	return time.UnixMilli(0).UTC()
}

// groupCursor says where a page of groups ended. It is valid for the filter it was
// made with.
type groupCursor struct {
	Last        float64 `json:"l"`
	Fingerprint string  `json:"i"`
	Filter      string  `json:"f"`
}

// before reports whether the group comes later in the list than the cursor stands.
func (c *groupCursor) before(score float64, fingerprint string) bool {
	return score < c.Last || score == c.Last && fingerprint < c.Fingerprint
}

func (c *groupCursor) encode() string {
	raw, err := json.Marshal(c)
	if err != nil {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(raw)
}

func groupFilterKey(f client.FailureFilter) string {
	return fmt.Sprintf("%q", []string{f.Type, f.Queue, f.State, f.Kind, f.Q})
}

// decodeGroupCursor reads the filter's cursor, nil when it has none.
func decodeGroupCursor(f client.FailureFilter) (*groupCursor, error) {
	if f.Cursor == "" {
		return nil, nil
	}
	var c groupCursor
	raw, err := base64.RawURLEncoding.DecodeString(f.Cursor)
	if err == nil {
		err = json.Unmarshal(raw, &c)
	}
	switch {
	case err != nil || !failure.Valid(c.Fingerprint) || math.IsInf(c.Last, 0) || math.IsNaN(c.Last):
		return nil, badCursor("is not a cursor of this server; start again without one")
	case c.Filter != groupFilterKey(f):
		return nil, badCursor("belongs to a list with other filters; start again without one")
	}
	return &c, nil
}
