package inspect_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"legwork/client"
	"legwork/internal/inspect"
	"legwork/internal/store"
	"legwork/internal/store/storetest"
	"legwork/jobs"
)

// fingerprint returns the n-th of many.
func fingerprint(n int) string { return fmt.Sprintf("%016x", n) }

// group stores a failure group that failed last at the given time; changes are pairs
// of field and value.
func (r *rig) group(fp string, last time.Time, changes ...any) {
	r.t.Helper()
	fields := []any{
		store.GroupType, "test.fail", store.GroupKind, store.KindError, store.GroupTitle, "no <n>", store.GroupError, "no 1", store.GroupCount, 3,
		store.GroupFirst, last.Add(-time.Hour).UnixMilli(), store.GroupLast, last.UnixMilli(), store.GroupQueuePrefix + "default", 3,
	}
	pipe := r.redis.Pipeline()
	pipe.HSet(context.Background(), store.KeyFailurePrefix+fp, append(fields, changes...)...)
	pipe.Do(context.Background(), "ZADD", store.KeyFailures, last.UnixMilli(), fp)
	if _, err := pipe.Exec(context.Background()); err != nil {
		r.t.Fatal(err)
	}
}

// failures returns the groups of all pages.
func (r *rig) failures(f client.FailureFilter) []client.FailureGroup {
	r.t.Helper()
	var all []client.FailureGroup
	for {
		page, err := r.Failures(context.Background(), f)
		if err != nil {
			r.t.Fatalf("failures %+v: %v", f, err)
		}
		if _, err := json.Marshal(page); err != nil {
			r.t.Fatalf("failures %+v cannot be shown: %v", f, err)
		}
		if n := len(page.Failures); n > max(f.Limit, inspect.LimitDefault) || f.Limit > 0 && n > f.Limit {
			r.t.Fatalf("a page has %d groups, limit %d", n, f.Limit)
		}
		all = append(all, page.Failures...)
		if f.Cursor = page.NextCursor; f.Cursor == "" {
			return all
		}
	}
}

func fingerprintsOf(all []client.FailureGroup) []string {
	var list []string
	for _, g := range all {
		list = append(list, g.Fingerprint)
	}
	return list
}

// Promise: pages yield every group once, those that failed last first, also when
// many failed in the same instant.
func TestFailurePages(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t))
	now := time.Now()
	const all = 1250
	var want []string
	for n := range all {
		r.group(fingerprint(n), now.Add(-time.Duration(n/400)*time.Second), store.GroupType, fmt.Sprintf("test.t%d", n%50))
	}
	for block := 0; block*400 < all; block++ {
		for n := min(all, block*400+400) - 1; n >= block*400; n-- {
			want = append(want, fingerprint(n))
		}
	}
	for _, limit := range []int{0, 1, 7, 100, 500} {
		if limit == 1 {
			continue // covered by 7, and slow
		}
		if diff := cmp.Diff(want, fingerprintsOf(r.failures(client.FailureFilter{Limit: limit}))); diff != "" {
			t.Errorf("limit %d: want (-), got (+)\n%s", limit, diff)
		}
	}
	rare := r.failures(client.FailureFilter{Type: "test.t7", Limit: 3})
	if len(rare) != all/50 || slices.ContainsFunc(rare, func(g client.FailureGroup) bool { return g.Type != "test.t7" }) {
		t.Errorf("%d groups of one type of 50, want %d", len(rare), all/50)
	}
	// A page that has looked at 1,000 groups in vain is short and goes on.
	page, err := r.Failures(t.Context(), client.FailureFilter{Q: "nowhere"})
	if err != nil || len(page.Failures) != 0 || page.NextCursor == "" {
		t.Errorf("page = %+v, %v", page, err)
	}
}

func TestFailureFilters(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t))
	now := time.Now()
	ms := func(d time.Duration) int64 { return now.Add(d).UnixMilli() }
	r.group(fingerprint(1), now, store.GroupType, "mail.send", store.GroupTitle, "Dial <addr>: refused")
	r.group(fingerprint(2), now.Add(-time.Second), store.GroupKind, store.KindPanic, store.GroupQueuePrefix+"bulk", 1)
	r.group(fingerprint(3), now.Add(-2*time.Second), store.GroupState, store.GroupResolved, store.GroupSince, ms(-time.Minute), store.GroupError, "no luck with ann@example.com")
	r.group(fingerprint(4), now.Add(-3*time.Second), store.GroupState, store.GroupIgnored, store.GroupUntil, ms(time.Minute))
	r.group(fingerprint(5), now.Add(-4*time.Second), store.GroupState, store.GroupIgnored, store.GroupUntil, ms(-time.Millisecond))
	r.group(fingerprint(6), now.Add(-5*time.Second), store.GroupState, store.GroupRegressed, store.GroupSince, ms(-time.Second), store.GroupSettled, 1)
	for _, tc := range []struct {
		filter client.FailureFilter
		want   []int
	}{
		{client.FailureFilter{}, []int{1, 2, 3, 4, 5, 6}},
		{client.FailureFilter{Type: "mail.send"}, []int{1}},
		{client.FailureFilter{Type: "mail.get"}, nil},
		{client.FailureFilter{Queue: "bulk"}, []int{2}},
		{client.FailureFilter{Queue: "default"}, []int{1, 2, 3, 4, 5, 6}},
		{client.FailureFilter{Kind: "panic"}, []int{2}},
		{client.FailureFilter{State: "open"}, []int{1, 2, 5}},
		{client.FailureFilter{State: "resolved"}, []int{3}},
		{client.FailureFilter{State: "ignored"}, []int{4}},
		{client.FailureFilter{State: "regressed"}, []int{6}},
		{client.FailureFilter{Q: "REFUSED"}, []int{1}},
		{client.FailureFilter{Q: "ann@"}, []int{3}},
		{client.FailureFilter{Q: "no", State: "open", Queue: "default"}, []int{1, 2, 5}},
	} {
		var want []string
		for _, n := range tc.want {
			want = append(want, fingerprint(n))
		}
		if diff := cmp.Diff(want, fingerprintsOf(r.failures(tc.filter))); diff != "" {
			t.Errorf("%+v: want (-), got (+)\n%s", tc.filter, diff)
		}
	}
	if g := r.failures(client.FailureFilter{State: "regressed"})[0]; g.CountSince != 2 || g.RegressedAt == nil || g.ResolvedAt != nil {
		t.Errorf("regressed group = %+v", g)
	}
}

func TestFailureFiltersRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t))
	r.group(fingerprint(1), time.Now())
	r.group(fingerprint(2), time.Now())
	page, err := r.Failures(t.Context(), client.FailureFilter{Limit: 1})
	if err != nil || page.NextCursor == "" {
		t.Fatalf("page = %+v, %v", page, err)
	}
	for pointer, f := range map[string]client.FailureFilter{
		"/type":    {Type: "No Type"},
		"/queue":   {Queue: "no queue"},
		"/state":   {State: "closed"},
		"/kind":    {Kind: "bad"},
		"/q":       {Q: strings.Repeat("ä", 257)},
		"/trend":   {Trend: "1y"},
		"/limit":   {Limit: 501},
		"/limit ":  {Limit: -1},
		"/cursor":  {Cursor: "nonsense!"},
		"/cursor1": {Cursor: "e30"},
		"/cursor2": {Cursor: page.NextCursor, Type: "test.fail"},
		"/cursor3": {Cursor: page.NextCursor, Q: "x"},
	} {
		_, err := r.Failures(t.Context(), f)
		e, ok := err.(*jobs.Error) //nolint:errorlint // exactly this
		if !ok || e.Code != jobs.CodeInvalidRequest || len(e.Fields) != 1 || !strings.HasPrefix(pointer, e.Fields[0].Pointer) {
			t.Errorf("%+v: %v", f, err)
		}
	}
	if again := r.failures(client.FailureFilter{Limit: 1, Trend: client.TrendWeek}); len(again) != 2 || len(again[0].Trend) != 168 {
		t.Errorf("%d groups", len(again))
	}
}

// Promise: what is wrong with one group, or with what belongs to none, never breaks
// the list.
func TestFailureListSurvivesDamage(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t))
	ctx, now := t.Context(), time.Now()
	r.group(fingerprint(1), now)
	r.redis.Set(ctx, store.KeyFailurePrefix+fingerprint(2), "not a hash", 0)
	r.redis.Do(ctx, "ZADD", store.KeyFailures, now.UnixMilli()-1, fingerprint(2))
	r.redis.Do(ctx, "ZADD", store.KeyFailures, now.UnixMilli()-2, fingerprint(3)) // no hash at all
	r.redis.Do(ctx, "ZADD", store.KeyFailures, "inf", "not a fingerprint", "-inf", "", "inf", fingerprint(9))
	r.group(fingerprint(4), now.Add(-time.Second), store.GroupCount, "many", store.GroupFirst, "9e99", store.GroupLast, "99999999999999999",
		store.GroupState, "weird", store.GroupQueuePrefix+"\xff", "x", store.GroupTitle, "\xff\x00", store.GroupHourPrefix+"x", "y")
	all := r.failures(client.FailureFilter{Limit: 2})
	if diff := cmp.Diff([]string{fingerprint(1), fingerprint(2), fingerprint(4)}, fingerprintsOf(all)); diff != "" {
		t.Fatalf("want (-), got (+)\n%s", diff)
	}
	if g := all[1]; !strings.Contains(g.Message, store.KeyFailurePrefix+fingerprint(2)) || g.State != "open" {
		t.Errorf("group of another type = %+v", g)
	}
	if g := all[2]; g.Count != 0 || g.State != "open" {
		t.Errorf("damaged group = %+v", g)
	}
	if _, err := r.Failure(ctx, fingerprint(3), ""); code(err) != jobs.CodeNotFound {
		t.Errorf("group without a hash: %v", err)
	}
	if _, err := r.Resolve(ctx, fingerprint(2)); code(err) != jobs.CodeConflict || !strings.Contains(err.Error(), store.KeyFailurePrefix) {
		t.Errorf("resolve a group of another type: %v", err)
	}
	if _, err := r.Resolve(ctx, fingerprint(4)); err != nil {
		t.Errorf("resolve a damaged group: %v", err)
	}
	r.redis.Rename(ctx, store.KeyFailures, "elsewhere")
	r.redis.Set(ctx, store.KeyFailures, "not a set", 0)
	if _, err := r.Failures(ctx, client.FailureFilter{}); code(err) != jobs.CodeUnavailable || !strings.Contains(err.Error(), store.KeyFailures) {
		t.Errorf("list of another type: %v", err)
	}
}

// Promise: a trend has every hour of its span, with zero for those without failures.
func TestFailureTrend(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t))
	now := time.Now()
	hour := func(back int64) string { return fmt.Sprint(store.GroupHourPrefix, now.Unix()/3600-back) }
	r.group(fingerprint(1), now, hour(0), 5, hour(23), 7, hour(24), 9, hour(167), 11, hour(168), 13, hour(-1), 17)
	for trend, want := range map[string]struct {
		hours int
		sum   int64
	}{"": {24, 12}, "24h": {24, 12}, "7d": {168, 32}} {
		g, err := r.Failure(t.Context(), fingerprint(1), trend)
		if err != nil {
			t.Fatal(err)
		}
		var sum int64
		for n, h := range g.Trend {
			sum += h.Count
			if n > 0 && h.Hour.Sub(g.Trend[n-1].Hour) != time.Hour {
				t.Errorf("%s follows %s", h.Hour, g.Trend[n-1].Hour)
			}
		}
		last := g.Trend[len(g.Trend)-1]
		if age := now.Sub(last.Hour); len(g.Trend) != want.hours || sum != want.sum && age < time.Hour || age < 0 {
			t.Errorf("trend %q: %d hours, sum %d, last %s", trend, len(g.Trend), sum, last.Hour)
		}
	}
	if _, err := r.Failure(t.Context(), fingerprint(1), "1h"); code(err) != jobs.CodeInvalidRequest {
		t.Errorf("trend of an hour: %v", err)
	}
}

// Promise: a group can be resolved, ignored for a while and reopened, and is open
// again by itself when the while is over.
func TestFailureStates(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t))
	ctx := t.Context()
	fp := fingerprint(1)
	r.group(fp, time.Now())
	state := func() string {
		g, err := r.Failure(ctx, fp, "")
		if err != nil {
			t.Fatal(err)
		}
		return g.State
	}
	g, err := r.Resolve(ctx, fp)
	if err != nil || g.State != "resolved" || g.ResolvedAt == nil || time.Since(*g.ResolvedAt) > time.Minute {
		t.Fatalf("resolved: %+v, %v", g, err)
	}
	again, err := r.Resolve(ctx, fp)
	if err != nil || !again.ResolvedAt.Equal(*g.ResolvedAt) {
		t.Errorf("resolved twice: %+v, %v", again, err)
	}
	until := time.Now().Add(time.Hour)
	if g, err = r.Ignore(ctx, fp, client.Ignore{Until: &until}); err != nil || g.State != "ignored" || g.IgnoredUntil.UnixMilli() != until.UnixMilli() || g.ResolvedAt != nil {
		t.Fatalf("ignored: %+v, %v", g, err)
	}
	if g, err = r.Reopen(ctx, fp); err != nil || g.State != "open" || g.IgnoredUntil != nil {
		t.Fatalf("reopened: %+v, %v", g, err)
	}
	if g, err = r.Ignore(ctx, fp, client.Ignore{For: ptr(client.Duration(300 * time.Millisecond))}); err != nil || g.State != "ignored" {
		t.Fatalf("ignored: %+v, %v", g, err)
	}
	eventually(t, func() bool { return state() == "open" }, func() string { return "ignored for ever" })

	past, far := time.Now().Add(-time.Second), time.Now().Add(20*365*24*time.Hour)
	for name, how := range map[string]client.Ignore{
		"neither": {}, "both": {Until: &until, For: hours(1)}, "past": {Until: &past}, "zero": {For: hours(0)}, "back": {For: hours(-1)}, "far": {Until: &far},
		"beyond": {For: ptr(client.Duration(1<<63 - 1))},
	} {
		if _, err := r.Ignore(ctx, fp, how); code(err) != jobs.CodeInvalidRequest {
			t.Errorf("ignore %s: %v", name, err)
		}
	}
	for name, act := range map[string]func(string) error{
		"show":    func(fp string) error { _, err := r.Failure(ctx, fp, ""); return err },
		"resolve": func(fp string) error { _, err := r.Resolve(ctx, fp); return err },
		"reopen":  func(fp string) error { _, err := r.Reopen(ctx, fp); return err },
		"ignore":  func(fp string) error { _, err := r.Ignore(ctx, fp, client.Ignore{For: hours(1)}); return err },
	} {
		for _, unknown := range []string{fingerprint(2), "", "x", strings.ToUpper(fingerprint(0xabc)), "../" + fp} {
			if err := act(unknown); code(err) != jobs.CodeNotFound {
				t.Errorf("%s %q: %v", name, unknown, err)
			}
		}
	}
	if n := r.redis.Exists(ctx, store.KeyFailurePrefix+fingerprint(2)).Val(); n != 0 {
		t.Error("an action on no group has made one")
	}
}

// Promise: a full Redis lets groups be resolved.
func TestFailureStatesOnFullRedis(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t))
	r.group(fingerprint(1), time.Now())
	r.redis.ConfigSet(t.Context(), "maxmemory", "1")
	for _, act := range []func(context.Context, string) (*client.FailureGroup, error){r.Resolve, r.Reopen} {
		if _, err := act(t.Context(), fingerprint(1)); err != nil {
			t.Error(err)
		}
	}
}
