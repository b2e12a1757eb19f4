package inspect

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/redis/go-redis/v9"

	"legwork/client"
	"legwork/internal/failure"
	"legwork/internal/store"
	"legwork/jobs"
)

const (
	groupsLook  = 1000 // groups looked at for one page, when filtering
	groupsChunk = 100  // groups read at once
	textMax     = 256  // characters of a text to look for
	ignoreMax   = 10 * 365 * 24 * time.Hour
)

// Failures returns a page of failure groups, those that failed last first. A group
// that fails while pages are read moves to the front, and the pages that follow do
// not have it. With a filter a page may be shorter than the limit although more
// follow: go on while there is a cursor. Cost: three round trips, more when filtering.
// The error is a *[jobs.Error]: invalid_request or unavailable.
func (i *Inspector) Failures(ctx context.Context, f client.FailureFilter) (*client.FailureList, error) {
	if err := checkFailureFilter(f); err != nil {
		return nil, err
	}
	if f.Limit == 0 {
		f.Limit = LimitDefault
	}
	at, err := decodeGroupCursor(f)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	list := &client.FailureList{Failures: []client.FailureGroup{}}
	var found []client.FailureGroup
	looked := 0
	for more := true; more && len(found) < f.Limit; {
		var lot []group
		if lot, more, err = i.groups(ctx, at, min(groupsChunk, f.Limit)); err != nil {
			return nil, err
		}
		for n, g := range lot {
			at = &groupCursor{Last: g.score, Fingerprint: g.fingerprint, Filter: groupFilterKey(f)}
			looked++
			if v, ok := g.view(now, f.Trend); ok && passes(f, &v) {
				found = append(found, v)
			}
			if len(found) == f.Limit || looked == groupsLook {
				more = more || n < len(lot)-1
				break
			}
		}
		if more && (len(found) == f.Limit || looked >= groupsLook) {
			list.NextCursor = at.encode()
			break
		}
	}
	if err := i.addNow(ctx, found); err != nil {
		return nil, err
	}
	list.Failures = append(list.Failures, found...)
	return list, nil
}

// Failure returns one group. Its sample job is one that exists, if there is any.
// The error is a *[jobs.Error]: not_found or unavailable.
func (i *Inspector) Failure(ctx context.Context, fingerprint, trend string) (*client.FailureGroup, error) {
	if why := checkTrend(trend); why != "" {
		return nil, badFilter(jobs.FieldError{Pointer: "/trend", Detail: why})
	}
	g := group{fingerprint: fingerprint}
	var err error
	if g.fields, err = i.redis.HGetAll(ctx, store.KeyFailurePrefix+fingerprint).Result(); err != nil && !store.WrongType(err) {
		return nil, wrap("read the failure group", err)
	}
	g.alien = err != nil
	v, ok := g.view(time.Now(), trend)
	if !ok || !failure.Valid(fingerprint) {
		return nil, noGroup()
	}
	one := []client.FailureGroup{v}
	if err := i.addNow(ctx, one); err != nil {
		return nil, err
	}
	return &one[0], i.addSample(ctx, &one[0])
}

// Resolve marks the group as set right: a failure from now on makes it regressed.
// Errors as [Inspector.Failure].
func (i *Inspector) Resolve(ctx context.Context, fingerprint string) (*client.FailureGroup, error) {
	return i.settle(ctx, fingerprint, store.GroupResolved, time.Time{})
}

// Ignore marks the group as not worth attention until the given time. Errors as
// [Inspector.Failure], and invalid_request when how is not one of both, or the time
// is past or too far away.
func (i *Inspector) Ignore(ctx context.Context, fingerprint string, how client.Ignore) (*client.FailureGroup, error) {
	now := time.Now()
	refuse := func(field, why string) (*client.FailureGroup, error) {
		return nil, &jobs.Error{Code: jobs.CodeInvalidRequest, Message: "the group cannot be ignored so", Fields: []jobs.FieldError{{Pointer: "/" + field, Detail: why}}}
	}
	var until time.Time
	field := "until"
	switch {
	case how.Until != nil && how.For != nil:
		return refuse("for", "cannot be given together with until")
	case how.Until != nil:
		until = *how.Until
	case how.For != nil:
		field, until = "for", now.Add(time.Duration(*how.For))
	default:
		return refuse("until", "is required, or for")
	}
	switch {
	case !until.After(now):
		return refuse(field, "must lie in the future")
	case until.After(now.Add(ignoreMax)):
		return refuse(field, "must lie within ten years")
	}
	return i.settle(ctx, fingerprint, store.GroupIgnored, until)
}

// Reopen takes back what was said of the group. Errors as [Inspector.Failure].
func (i *Inspector) Reopen(ctx context.Context, fingerprint string) (*client.FailureGroup, error) {
	return i.settle(ctx, fingerprint, "", time.Time{})
}

func (i *Inspector) settle(ctx context.Context, fingerprint, state string, until time.Time) (*client.FailureGroup, error) {
	if !failure.Valid(fingerprint) {
		return nil, noGroup()
	}
	n, err := i.settleGroup.Run(ctx, i.redis, []string{store.KeyFailurePrefix + fingerprint}, state, time.Now().UnixMilli(), until.UnixMilli()).Int()
	switch {
	case store.WrongType(err):
		return nil, &jobs.Error{Code: jobs.CodeConflict, Message: alienText(fingerprint)}
	case err != nil:
		return nil, wrap("change the failure group", err)
	case n == 0:
		return nil, noGroup()
	}
	return i.Failure(ctx, fingerprint, "")
}

func noGroup() error {
	return &jobs.Error{Code: jobs.CodeNotFound, Message: "no such failure group"}
}

func checkFailureFilter(f client.FailureFilter) error {
	var fields []jobs.FieldError
	add := func(name, why string) {
		if why != "" {
			fields = append(fields, jobs.FieldError{Pointer: "/" + name, Detail: why})
		}
	}
	if f.Type != "" {
		add("type", jobs.CheckType(f.Type))
	}
	if f.Queue != "" {
		add("queue", jobs.CheckQueue(f.Queue))
	}
	if states := []string{groupOpen, store.GroupResolved, store.GroupIgnored, store.GroupRegressed}; f.State != "" && !slices.Contains(states, f.State) {
		add("state", fmt.Sprintf("must be one of %v", states))
	}
	if kinds := []string{store.KindError, store.KindPanic, store.KindTimeout, store.KindLeaseLost, store.KindCancelled}; f.Kind != "" && !slices.Contains(kinds, f.Kind) {
		add("kind", fmt.Sprintf("must be one of %v", kinds))
	}
	if utf8.RuneCountInString(f.Q) > textMax {
		add("q", fmt.Sprintf("must have at most %d characters", textMax))
	}
	add("trend", checkTrend(f.Trend))
	if f.Limit < 0 || f.Limit > LimitMax {
		add("limit", "must be 1 to "+strconv.Itoa(LimitMax))
	}
	if len(fields) > 0 {
		return badFilter(fields...)
	}
	return nil
}

func checkTrend(trend string) string {
	switch trend {
	case "", client.TrendDay, client.TrendWeek:
		return ""
	}
	return "must be " + client.TrendDay + " or " + client.TrendWeek
}

func badFilter(fields ...jobs.FieldError) error {
	return &jobs.Error{Code: jobs.CodeInvalidRequest, Message: "the failure groups cannot be listed so", Fields: fields}
}

// passes reports whether the group passes the filter.
func passes(f client.FailureFilter, g *client.FailureGroup) bool {
	_, failed := g.Queues[f.Queue]
	text := strings.ToLower(f.Q)
	return (f.Type == "" || f.Type == g.Type) && (f.Queue == "" || failed) && (f.State == "" || f.State == g.State) &&
		(f.Kind == "" || f.Kind == g.Kind) &&
		(text == "" || strings.Contains(strings.ToLower(g.Message), text) || strings.Contains(strings.ToLower(g.LastError), text))
}

// addNow adds what the dead letters and retries of this moment say of the groups.
func (i *Inspector) addNow(ctx context.Context, groups []client.FailureGroup) error {
	shards, err := i.shardNames(ctx)
	if err != nil || len(shards) == 0 {
		return err
	}
	for lot := range slices.Chunk(groups, max(1, 2000/len(shards))) {
		pipe := i.redis.Pipeline()
		sizes := make([][2][]*redis.IntCmd, len(lot))
		for n := range lot {
			for _, q := range shards {
				for s, state := range []jobs.State{jobs.StateArchived, jobs.StateRetry} {
					sizes[n][s] = append(sizes[n][s], pipe.ZCard(ctx, store.KeysOf(q).Index(string(state), store.IndexFingerprint, lot[n].Fingerprint)))
				}
			}
		}
		if _, err := pipe.Exec(ctx); err != nil && !store.WrongType(err) {
			return wrap("count the jobs of failure groups", err)
		}
		for n := range lot {
			for q := range shards {
				lot[n].Dead += sizes[n][0][q].Val()
				lot[n].Retrying += sizes[n][1][q].Val()
			}
		}
	}
	return nil
}

// addSample replaces a sample job that is gone: by a dead letter of the group, or a
// job that waits for a retry.
func (i *Inspector) addSample(ctx context.Context, g *client.FailureGroup) error {
	if g.SampleJob != nil {
		r, err := i.find(ctx, g.SampleJob.ID)
		switch {
		case err == nil:
			g.SampleJob.Queue = store.QueueOf(r.queue) // it may have moved
			return nil
		case jobs.CodeOf(err) != jobs.CodeNotFound:
			return err
		}
	}
	g.SampleJob = nil
	shards, err := i.shardNames(ctx)
	if err != nil || len(shards) == 0 {
		return err
	}
	pipe := i.redis.Pipeline()
	var newest []*redis.StringSliceCmd
	for _, state := range []jobs.State{jobs.StateArchived, jobs.StateRetry} {
		for _, q := range shards {
			newest = append(newest, pipe.ZRevRange(ctx, store.KeysOf(q).Index(string(state), store.IndexFingerprint, g.Fingerprint), 0, 0))
		}
	}
	if _, err := pipe.Exec(ctx); err != nil && !store.WrongType(err) {
		return wrap("look for a job of the failure group", err)
	}
	for n, cmd := range newest {
		if len(cmd.Val()) > 0 {
			g.SampleJob = &client.FailedJob{ID: cmd.Val()[0], Queue: store.QueueOf(shards[n%len(shards)])}
			return nil
		}
	}
	return nil
}
