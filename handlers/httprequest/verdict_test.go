package httprequest

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"legwork/jobs"
)

// The status decides, and an answer that wants to wait is heard.
func TestStatusDecides(t *testing.T) {
	t.Parallel()
	h := setup(t, open())
	for _, c := range []struct {
		code   int
		after  string
		expect []int
		done   bool
		want   jobs.Verdict
		delay  time.Duration
	}{
		{code: 200, done: true},
		{code: 204, done: true},
		{code: 304, want: jobs.VerdictPermanent},
		{code: 302, want: jobs.VerdictPermanent},
		{code: 400, want: jobs.VerdictPermanent},
		{code: 401, want: jobs.VerdictPermanent},
		{code: 404, want: jobs.VerdictPermanent, after: "5"},
		{code: 408, want: jobs.VerdictRetry},
		{code: 425, want: jobs.VerdictRetry},
		{code: 429, want: jobs.VerdictRetry, after: "120", delay: 2 * time.Minute},
		{code: 429, want: jobs.VerdictRetry, after: "0"},
		{code: 500, want: jobs.VerdictRetry},
		{code: 503, want: jobs.VerdictRetry, after: "999999999999999999999"},
		{code: 503, want: jobs.VerdictRetry, after: "9999999", delay: 24 * time.Hour},
		{code: 599, want: jobs.VerdictRetry},
		{code: 404, expect: []int{200, 404}, done: true},
		{code: 503, expect: []int{503}, done: true},
		{code: 202, expect: []int{200}, want: jobs.VerdictPermanent},
		{code: 500, expect: []int{200}, want: jobs.VerdictRetry},
	} {
		out, err := h.run(t.Context(), Payload{URL: serve(t, answer(c.code, "Retry-After", c.after)), ExpectStatus: c.expect})
		if c.done {
			if err != nil || out.Status != c.code {
				t.Errorf("%d: status %d, %v", c.code, out.Status, err)
			}
			continue
		}
		d := wantVerdict(t, err, c.want)
		if d.Delay != c.delay || d.Delayed != (c.delay > 0) {
			t.Errorf("%d with Retry-After %q: delay %s", c.code, c.after, d.Delay)
		}
	}
}

// An error names the method, the host and the status; nothing else of the address.
func TestStatusErrorKeepsSecrets(t *testing.T) {
	t.Parallel()
	server := serve(t, answer(http.StatusForbidden))
	_, err := setup(t, open()).run(t.Context(), Payload{
		URL:     strings.Replace(server, "//", "//ann:s3cret@", 1) + "/s3cret?token=s3cret",
		Headers: map[string]string{"X-Api-Key": "s3cret"},
	})
	d := wantVerdict(t, err, jobs.VerdictPermanent)
	if want := "GET " + server + " answered 403 Forbidden"; d.Reason != want {
		t.Errorf("%q, want %q", d.Reason, want)
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2025, time.March, 1, 12, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"":                                 0,
		"soon":                             0,
		"-5":                               0,
		"0":                                0,
		"1":                                time.Second,
		" 90 ":                             90 * time.Second,
		"1.5":                              0,
		"86400":                            24 * time.Hour,
		"86401":                            24 * time.Hour,
		"18446744073709551615":             24 * time.Hour,
		"Sat, 01 Mar 2025 12:10:00 GMT":    10 * time.Minute,
		"Sat, 01 Mar 2025 11:00:00 GMT":    0,
		"Wed, 01 Mar 2045 12:00:00 GMT":    24 * time.Hour,
		"Saturday, 01-Mar-25 12:00:30 GMT": 30 * time.Second,
	} {
		got, ok := retryAfter(value, now)
		if ok != (want > 0) || ok && got != want {
			t.Errorf("%q: %s, %t; want %s", value, got, ok, want)
		}
	}
}

// No server can choose a delay outside the bounds, whatever it sends.
func FuzzRetryAfter(f *testing.F) {
	f.Add("120")
	f.Add("Sat, 01 Mar 2025 12:10:00 GMT")
	now := time.Date(2025, time.March, 1, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, value string) {
		if d, ok := retryAfter(value, now); ok && (d <= 0 || d > RetryAfterMax) {
			t.Errorf("%q: %s", value, d)
		}
	})
}
