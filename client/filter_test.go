package client_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"legwork/client"
)

// filters draws filters of every kind of text.
func filters() *rapid.Generator[client.JobFilter] {
	return rapid.Custom(func(t *rapid.T) client.JobFilter {
		text := func(name string) string {
			return rapid.OneOf(rapid.Just(""), rapid.String(), rapid.SampledFrom([]string{`"`, `a "b" \c`, `it's`, "x=y z", `\`, "/a b/"})).Draw(t, name)
		}
		f := client.JobFilter{
			State: text("state"), Queue: text("queue"), Type: text("type"), Tag: text("tag"), Error: text("error"),
			Fingerprint: text("fingerprint"), Q: text("q"),
		}
		for _, into := range []**time.Time{&f.Since, &f.Until} {
			if n := rapid.Int64Range(0, 250e9).Draw(t, "time"); n%2 == 1 {
				at := time.UnixMilli(n).UTC()
				*into = &at
			}
		}
		for range rapid.IntRange(0, 3).Draw(t, "paths") {
			if f.Payload == nil {
				f.Payload = map[string]string{}
			}
			f.Payload[rapid.StringMatching(`[a-zA-Z0-9_.é-]{1,8}`).Draw(t, "path")] = text("value")
		}
		return f
	})
}

// Promise: a filter is the same one whether it is written as words, as a query or as
// JSON.
func TestFilterForms(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := filters().Draw(t, "filter")
		words, err := client.ParseFilter(want.String())
		if diff := cmp.Diff(want, words); diff != "" || err != nil {
			t.Fatalf("words %s: %v\n%s", want, err, diff)
		}
		want.Limit, want.Cursor = rapid.IntRange(0, 500).Draw(t, "limit"), rapid.String().Draw(t, "cursor")
		query, err := client.FilterOf(want.Values())
		if diff := cmp.Diff(want, query); diff != "" || err != nil {
			t.Fatalf("query %s: %v\n%s", want.Values().Encode(), err, diff)
		}
		want.Limit, want.Cursor = 0, ""
		raw, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		var back client.JobFilter
		if err := json.Unmarshal(raw, &back); err != nil {
			t.Fatal(err)
		}
		if again, err := json.Marshal(back); err != nil || string(again) != string(raw) {
			t.Fatalf("%s became %s, %v", raw, again, err)
		}
	})
}

// Promise: words that are no filter are refused, by name and with what there is.
func TestWrongFilterWords(t *testing.T) {
	t.Parallel()
	for words, want := range map[string]string{
		"archived":               `"archived" is not name=value`,
		"state=archived and x":   `"and" is not name=value`,
		"sate=archived":          "there is no field \"sate\"; there are state, queue, type, tag, error, fingerprint, since, until, q, payload.<path>",
		"State=archived":         `there is no field "State"`,
		"limit=3":                `there is no field "limit"`,
		"payload=3":              `there is no field "payload"`,
		"payload.=3":             `there is no field "payload."`,
		"state=":                 "state has no value",
		`state=""`:               "state has no value",
		"state=a state=a":        "state is given twice",
		"payload.a=1 payload.a=": "payload.a is given twice",
		"since=yesterday":        `since: "yesterday" is not a time`,
		"until=2026-01-02":       "is not a time",
		"since=2026-01-02T00:00:00Z since=2026-01-02T00:00:00Z": "since is given twice",
		`error="timed out`: "a quote \" is not closed",
		`error='timed out`: "a quote ' is not closed",
		`"state"=archived`: "is not name=value",
		"=archived":        `there is no field ""`,
	} {
		if f, err := client.ParseFilter(words); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %+v, %v, want %q", words, f, err, want)
		}
	}
	f, err := client.ParseFilter("  error='a \"b\"'\tq=\"c \\\"d\\\\\"\n payload.x.0=\"\" type=a")
	want := client.JobFilter{Error: `a "b"`, Q: `c "d\`, Type: "a", Payload: map[string]string{"x.0": ""}}
	if diff := cmp.Diff(want, f); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
}

func FuzzParseFilter(f *testing.F) {
	f.Add(`state=archived error="timed \"out" payload.user.id='7'`)
	f.Fuzz(func(t *testing.T, words string) {
		filter, err := client.ParseFilter(words)
		if err != nil {
			return
		}
		again, err := client.ParseFilter(filter.String())
		if diff := cmp.Diff(filter.String(), again.String()); diff != "" || err != nil {
			t.Errorf("%q: %v\n%s", words, err, diff)
		}
	})
}
