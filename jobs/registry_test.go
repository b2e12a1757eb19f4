package jobs_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"legwork/jobs"
)

type invoice struct {
	CustomerID int    `json:"customer_id" jsonschema:"minimum=1"`
	Email      string `json:"email" jsonschema:"format=email"`
}

type receipt struct {
	URL string `json:"url"`
}

func send(_ context.Context, in invoice) (receipt, error) {
	return receipt{URL: fmt.Sprintf("/receipts/%d", in.CustomerID)}, nil
}

func ExampleHandle() {
	r := jobs.NewRegistry()
	jobs.Handle(r, "invoice.send", send, jobs.Options{Queue: "billing", MaxRetries: 8, Timeout: time.Minute})

	t, _ := r.Lookup("invoice.send")
	result, err := t.Run(context.Background(), json.RawMessage(`{"customer_id": 7, "email": "ada@example.com"}`))
	fmt.Println(t.Queue, string(result), err)
	// Output: billing {"url":"/receipts/7"} <nil>
}

func ExampleSchema_Validate() {
	r := jobs.NewRegistry()
	jobs.Handle(r, "invoice.send", send, jobs.Options{})
	t, _ := r.Lookup("invoice.send")
	for _, wrong := range t.Payload.Validate(json.RawMessage(`{"customer_id": 0, "mail": "ada"}`)) {
		fmt.Println(wrong.Pointer, wrong.Detail)
	}
	// Output:
	// /customer_id must be at least 1
	// /email is required
	// /mail is not a known field
}

// Unset options take their documented defaults, and the named constants mean none.
func TestOptionsDefaults(t *testing.T) {
	t.Parallel()
	r := jobs.NewRegistry()
	jobs.Handle(r, "plain", send, jobs.Options{})
	jobs.Handle(r, "none", send, jobs.Options{
		MaxRetries: jobs.NoRetries, Retention: jobs.NoRetention, Backoff: jobs.Backoff{Jitter: jobs.NoJitter},
	})
	if err := r.Err(); err != nil {
		t.Fatal(err)
	}
	plain, _ := r.Lookup("plain")
	if plain.Queue != "default" || plain.MaxRetries != 15 || plain.Timeout != 5*time.Minute || plain.Retention != 24*time.Hour {
		t.Errorf("defaults = %+v", plain.Definition)
	}
	want := jobs.Backoff{Initial: 5 * time.Second, Max: 6 * time.Hour, Factor: 2, Jitter: 0.2}
	if diff := cmp.Diff(want, plain.Backoff); diff != "" {
		t.Errorf("backoff (want, got):\n%s", diff)
	}
	none, _ := r.Lookup("none")
	if none.MaxRetries != 0 || none.Retention != 0 || none.Backoff.Jitter != 0 {
		t.Errorf("none = %+v", none.Definition)
	}
}

// Every mistake of a registration is kept, and all are told together.
func TestRegistrationMistakes(t *testing.T) {
	t.Parallel()
	r := jobs.NewRegistry()
	jobs.Handle(r, "Bad Name", send, jobs.Options{})
	jobs.Handle[invoice, receipt](r, "nil.handler", nil, jobs.Options{})
	jobs.Handle(r, "twice", send, jobs.Options{})
	jobs.Handle(r, "twice", send, jobs.Options{})
	jobs.Handle(r, "bad.options", send, jobs.Options{
		Queue: "Q", MaxRetries: 5000, Timeout: time.Millisecond, Retention: time.Millisecond, Backoff: jobs.Backoff{Initial: 1},
	})
	jobs.Handle(r, "bad.example", send, jobs.Options{Examples: []any{invoice{Email: "nobody"}}})
	jobs.Handle(r, "bad.type", func(context.Context, chan int) (receipt, error) { return receipt{}, nil }, jobs.Options{})
	err := r.Err()
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{
		`"Bad Name": a type is made of`, `"nil.handler": the handler is nil`, `"twice": registered twice`,
		`"bad.options": queue "Q"`, "max retries 5000", "timeout 1ms", "retention 1ms", "backoff initial 1ns",
		`"bad.example": example 0: fails the schema; /customer_id: must be at least 1; /email: must be a valid email`,
		`"bad.type": schema of payload chan int`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error lacks %q:\n%v", want, err)
		}
	}
	if len(r.Types()) != 1 {
		t.Errorf("%d types registered, want the one good one", len(r.Types()))
	}
}

// A payload that does not decode and a result that does not encode are final:
// trying again cannot help.
func TestRunRefusesWhatCannotBeCoded(t *testing.T) {
	t.Parallel()
	r := jobs.NewRegistry()
	jobs.Handle(r, "in", send, jobs.Options{})
	jobs.Handle(r, "out", func(context.Context, struct{}) (any, error) { return func() {}, nil }, jobs.Options{})
	for name, payload := range map[string]string{"in": `{"customer_id":"x"}`, "out": `{}`} {
		typ, ok := r.Lookup(name)
		if !ok {
			t.Fatalf("%s: %v", name, r.Err())
		}
		_, err := typ.Run(t.Context(), json.RawMessage(payload))
		if err == nil || jobs.Decide(err).Verdict != jobs.VerdictPermanent {
			t.Errorf("%s: %v, want a permanent error", name, err)
		}
	}
}

// The version of a type changes with its schema and with nothing else.
func TestVersionFollowsTheSchema(t *testing.T) {
	t.Parallel()
	r := jobs.NewRegistry()
	jobs.Handle(r, "a", send, jobs.Options{})
	jobs.Handle(r, "b", send, jobs.Options{Queue: "other"})
	jobs.Handle(r, "c", func(context.Context, receipt) (receipt, error) { return receipt{}, nil }, jobs.Options{})
	version := func(name string) string { typ, _ := r.Lookup(name); return typ.Version() }
	if version("a") != version("b") || version("a") == version("c") || len(version("a")) != 12 {
		t.Errorf("versions: a %s, b %s, c %s", version("a"), version("b"), version("c"))
	}
}

// What a handler returns is read as documented, through any wrapping.
func TestDecide(t *testing.T) {
	t.Parallel()
	plain := errors.New("no luck")
	for name, c := range map[string]struct {
		err  error
		want jobs.Decision
	}{
		"plain":        {plain, jobs.Decision{Reason: "no luck"}},
		"permanent":    {fmt.Errorf("send: %w", jobs.Permanent(plain)), jobs.Decision{Verdict: jobs.VerdictPermanent, Reason: "send: no luck"}},
		"retry after":  {jobs.RetryAfter(plain, time.Minute), jobs.Decision{Delay: time.Minute, Delayed: true, Reason: "no luck"}},
		"at once":      {jobs.RetryAfter(plain, -1), jobs.Decision{Delayed: true, Reason: "no luck"}},
		"snooze":       {jobs.Snooze(time.Hour), jobs.Decision{Verdict: jobs.VerdictSnooze, Delay: time.Hour, Delayed: true, Reason: "snoozed for 1h0m0s"}},
		"discard":      {fmt.Errorf("x: %w", jobs.Discard("late")), jobs.Decision{Verdict: jobs.VerdictDiscard, Reason: "late"}},
		"outermost":    {jobs.Permanent(jobs.RetryAfter(plain, time.Minute)), jobs.Decision{Verdict: jobs.VerdictPermanent, Reason: "no luck"}},
		"joined error": {errors.Join(plain, jobs.Permanent(plain)), jobs.Decision{Verdict: jobs.VerdictPermanent, Reason: "no luck\nno luck"}},
	} {
		if diff := cmp.Diff(c.want, jobs.Decide(c.err)); diff != "" {
			t.Errorf("%s (want, got):\n%s", name, diff)
		}
	}
	if jobs.Permanent(nil) != nil || jobs.RetryAfter(nil, time.Minute) != nil {
		t.Error("wrapping nil gives an error")
	}
	if err := jobs.Permanent(plain); !errors.Is(err, plain) {
		t.Error("the cause is lost")
	}
}

// Outside a handler the context helpers are harmless; inside they give the job's.
func TestContextHelpers(t *testing.T) {
	t.Parallel()
	if info := jobs.Info(t.Context()); info.ID != "" {
		t.Errorf("info = %+v", info)
	}
	jobs.Progress(t.Context(), 1, 2)
	if jobs.Logger(t.Context()) == nil {
		t.Error("no logger")
	}
	var done, total int64
	ctx := jobs.NewContext(t.Context(), jobs.Scope{
		Info:     jobs.JobInfo{ID: "j", Headers: map[string]string{"a": "1"}},
		Progress: func(d, n int64) { done, total = d, n },
	})
	jobs.Progress(ctx, 3, 4)
	jobs.Info(ctx).Headers["a"] = "changed"
	if info := jobs.Info(ctx); done != 3 || total != 4 || info.ID != "j" || info.Headers["a"] != "1" {
		t.Errorf("progress %d/%d, info %+v", done, total, info)
	}
}
