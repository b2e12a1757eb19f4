package dashboard

import (
	"testing"
	"time"

	"legwork/client"
	"legwork/jobs"
)

// Promise: the search field takes fields, quotes, durations and free text, and writes
// what it has understood.
func TestParseSearch(t *testing.T) {
	t.Parallel()
	now := time.Date(2030, 1, 31, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]string{
		"":                               "",
		"type:email.send":                "type=email.send",
		`error:"timed out" two words`:    `error="timed out" q="two words"`,
		"payload.user_id:42 queue:a":     "queue=a payload.user_id=42",
		"since:1h":                       "since=2030-01-31T11:00:00Z",
		"since:2d until:30m":             "since=2030-01-29T12:00:00Z until=2030-01-31T11:30:00Z",
		"since:2030-01-01T00:00:00Z":     "since=2030-01-01T00:00:00Z",
		"http://a.example/x":             "q=http://a.example/x",
		`"a \"quoted\" word" tag:b`:      `tag=b q="a \"quoted\" word"`,
		"error:/timeout|refused/ nope:x": "error=/timeout|refused/ q=nope:x",
	} {
		f, err := parseSearch(text, now)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		want, err := client.ParseFilter(want)
		if err != nil {
			t.Fatal(err)
		}
		if f.String() != want.String() {
			t.Errorf("%q is %s, want %s", text, f.String(), want.String())
		}
		if again, err := parseSearch(searchWords(f), now); err != nil || again.String() != f.String() {
			t.Errorf("%q is written as %q and read as %s, %v", text, searchWords(f), again.String(), err)
		}
	}
	for _, text := range []string{"since:yesterday", "since:-1h", "type:", "type:a type:b", `"open`, "payload.:x"} {
		if _, err := parseSearch(text, now); jobs.CodeOf(err) != jobs.CodeInvalidRequest {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestWords(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		0: "0 s", time.Microsecond: "<1 ms", 1500 * time.Microsecond: "1.5 ms", 2 * time.Millisecond: "2 ms", 90 * time.Second: "1 min", 25 * time.Hour: "1 d", 9999 * time.Millisecond: "9.9 s",
	} {
		if got := span(d); got != want {
			t.Errorf("%s is %q, want %q", d, got, want)
		}
	}
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1\u202f000", -1234567: "-1\u202f234\u202f567"} {
		if got, pointed := count(n), count(&n); got != want || pointed != want {
			t.Errorf("%d is %q, and %q behind a pointer", n, got, pointed)
		}
	}
	for r, want := range map[float64]string{0: "0", 0.001: "<0.01", 1.5: "1.50", 12345.4: "12\u202f345"} {
		if got := rate(r); got != want {
			t.Errorf("%v is %q", r, got)
		}
	}
	if got := short("01a21357-aa03-72a6-b1a7-372cd7414d8b"); got != "…-372cd7414d8b" {
		t.Errorf("short is %q", got)
	}
	if got := spark([]int64{0, 4}); got != "0.0,19.0 96.0,1.0" {
		t.Errorf("spark is %q", got)
	}
}
