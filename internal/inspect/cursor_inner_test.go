package inspect

import (
	"encoding/base64"
	"math"
	"testing"

	"legwork/client"
	"legwork/jobs"
)

// Promise: what a cursor is read from is what it is written as, and nothing else is read as
// one.
func FuzzCursor(f *testing.F) {
	key := filterKey(client.JobFilter{})
	one := &mark{tail: 7, since: 1_700_000_000_000_000_000, seen: []waypoint{{"01a21345-7848-766c-a918-8d8cbab38e89", 1_700_000_000_000_000_000}, {"", 0}}}
	for _, c := range []*cursor{
		{state: jobs.StateArchived, filter: key, score: math.Inf(-1), id: "x \xff", shard: "q~1"},
		{state: jobs.StatePending, filter: key, since: math.MaxInt64, places: []lanePlace{{"q", one}, {"r", &mark{since: math.MaxInt64}}}},
	} {
		raw, err := base64.RawURLEncoding.DecodeString(c.encode())
		if _, ok := readCursor(raw); err != nil || !ok {
			f.Fatalf("%+v is refused, %v", c, err)
		}
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		c, ok := readCursor(raw)
		if !ok {
			return
		}
		text := c.encode()
		again, err := base64.RawURLEncoding.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		if same, ok := readCursor(again); !ok || same.encode() != text {
			t.Errorf("%x is read as %+v, and that as %+v", raw, c, same)
		}
	})
}
