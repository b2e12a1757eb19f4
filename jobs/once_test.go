package jobs_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"legwork/jobs"
)

func ExampleOnce() {
	charge := func(context.Context) (string, error) {
		fmt.Println("charging the card")
		return "ch_7", nil
	}
	handler := func(ctx context.Context, mailServerUp bool) error {
		receipt, err := jobs.Once(ctx, "charge", charge)
		if err != nil {
			return err
		}
		if !mailServerUp {
			return errors.New("the mail server is down") // the job is tried again
		}
		fmt.Println("mailing the receipt of", receipt)
		return nil
	}

	// A test runs the attempts of a job in one context.
	ctx := jobs.NewContext(context.Background(), jobs.Scope{Info: jobs.JobInfo{ID: "order-7"}})
	fmt.Println(handler(ctx, false))
	fmt.Println(handler(ctx, true))
	// Output:
	// charging the card
	// the mail server is down
	// mailing the receipt of ch_7
	// <nil>
}

func running() context.Context { return jobs.NewContext(context.Background(), jobs.Scope{}) }

// give returns an effect that counts its runs.
func give[R any](runs *int, result R) func(context.Context) (R, error) {
	return func(context.Context) (R, error) {
		*runs++
		return result, nil
	}
}

// Every call gets what was kept, the first one too; each key is its own.
func TestOnceReturnsWhatIsKept(t *testing.T) {
	t.Parallel()
	type receipt struct {
		URL    string `json:"url"`
		Secret string `json:"-"`
	}
	ctx, runs := running(), 0
	for range 3 {
		got, err := jobs.Once(ctx, "charge", give(&runs, &receipt{URL: "u", Secret: "s"}))
		if err != nil || *got != (receipt{URL: "u"}) {
			t.Errorf("%+v, %v; want what JSON keeps", got, err)
		}
	}
	if _, err := jobs.Once(ctx, "refund", give(&runs, struct{}{})); err != nil || runs != 2 {
		t.Errorf("%d runs of two effects, %v", runs, err)
	}
	if got, err := jobs.Once[*receipt](ctx, "none", func(context.Context) (*receipt, error) { return nil, nil }); got != nil || err != nil {
		t.Errorf("%v, %v; want nothing", got, err)
	}
}

// An error is returned as it is and not kept, and a panic leaves nothing behind.
func TestOnceTriesAgainAfterAFailure(t *testing.T) {
	t.Parallel()
	ctx, runs, broken := running(), 0, errors.New("broken")
	wish := jobs.RetryAfter(broken, time.Minute)
	if _, err := jobs.Once(ctx, "k", func(context.Context) (int, error) { return 1, wish }); !errors.Is(err, broken) || jobs.Decide(err).Delay != time.Minute {
		t.Errorf("%v, want the effect's own error", err)
	}
	func() {
		defer func() { _ = recover() }()
		_, _ = jobs.Once(ctx, "k", func(context.Context) (int, error) { panic("broken") })
	}()
	if got, err := jobs.Once(ctx, "k", give(&runs, 2)); got != 2 || err != nil {
		t.Errorf("%d, %v", got, err)
	}
}

// Goroutines of one handler wait for each other, at most until their context ends.
func TestOnceIsDoneByOneGoroutine(t *testing.T) {
	t.Parallel()
	ctx := running()
	var runs atomic.Int64
	begun, release := make(chan struct{}), make(chan struct{})
	effect := func(context.Context) (int64, error) {
		close(begun)
		<-release
		return runs.Add(1), nil
	}
	var all sync.WaitGroup
	all.Go(func() { _, _ = jobs.Once(ctx, "k", effect) })
	<-begun
	short, cancel := context.WithCancelCause(ctx)
	enough := errors.New("enough")
	all.Go(func() {
		if _, err := jobs.Once(short, "k", effect); !errors.Is(err, enough) {
			t.Errorf("%v, want the cause", err)
		}
	})
	cancel(enough)
	for range 50 {
		all.Go(func() {
			if n, err := jobs.Once(ctx, "k", effect); n != 1 || err != nil {
				t.Errorf("%d, %v; want the first run's", n, err)
			}
		})
	}
	close(release)
	all.Wait()
}

// What cannot be kept or done is told with the remedy, and what no retry can mend
// is permanent. The effect is begun only when it may be.
func TestOnceRefuses(t *testing.T) {
	t.Parallel()
	over, cancel := context.WithCancel(running())
	cancel()
	runs := 0
	fine := give(&runs, "x")
	inside := func(ctx context.Context) (string, error) {
		return jobs.Once(ctx, "other", func(ctx context.Context) (string, error) { return jobs.Once(ctx, "k", fine) })
	}
	for _, c := range []struct {
		name  string
		ctx   context.Context
		key   string
		fn    func(context.Context) (string, error)
		wants string
		final bool
	}{
		{"no job", context.Background(), "k", fine, "jobs.NewContext", false},
		{"no key", running(), "", fine, `"": must not be empty`, true},
		{"a key with a space", running(), "a b", fine, "printable ASCII", true},
		{"a long key", running(), strings.Repeat("k", 129), fine, "longer than 128 bytes", true},
		{"ended", over, "k", fine, "not begun: context canceled", false},
		{"inside itself", running(), "k", inside, "inside of itself", true},
		{"a large result", running(), "k", func(context.Context) (string, error) { return strings.Repeat("x", 16<<10), nil }, "16386 bytes, and 16384 can be kept", true},
	} {
		_, err := jobs.Once(c.ctx, c.key, c.fn)
		if err == nil || !strings.Contains(err.Error(), c.wants) || (jobs.Decide(err).Verdict == jobs.VerdictPermanent) != c.final {
			t.Errorf("%s: %v; want %q, permanent: %t", c.name, err, c.wants, c.final)
		}
	}
	if runs != 0 {
		t.Errorf("the effect was done %d times", runs)
	}
	_, err := jobs.Once(running(), "k", func(context.Context) (func(), error) { return func() {}, nil })
	if jobs.Decide(err).Verdict != jobs.VerdictPermanent || !strings.Contains(err.Error(), "cannot be kept") {
		t.Errorf("a result that does not encode: %v", err)
	}
}

// A result that was kept as another type does not have the effect done again.
func TestOnceWithAnotherType(t *testing.T) {
	t.Parallel()
	ctx, runs := running(), 0
	if _, err := jobs.Once(ctx, "k", give(&runs, "text")); err != nil {
		t.Fatal(err)
	}
	_, err := jobs.Once(ctx, "k", give(&runs, 7))
	if _, ok := errors.AsType[*json.UnmarshalTypeError](err); !ok || runs != 1 {
		t.Errorf("%v after %d runs", err, runs)
	}
}
