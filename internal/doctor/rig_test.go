package doctor_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"legwork/internal/doctor"
	"legwork/internal/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func examine(t *testing.T, c redis.UniversalClient, change ...func(*doctor.Options)) *doctor.Report {
	t.Helper()
	o := doctor.Options{Redis: c, FullAt: 80}
	for _, f := range change {
		f(&o)
	}
	return doctor.New(o).Examine(t.Context())
}

func strict(o *doctor.Options) { o.Strict = true }

// finding returns the one finding of that code.
func finding(t *testing.T, r *doctor.Report, code string) doctor.Finding {
	t.Helper()
	var found []doctor.Finding
	for _, f := range r.Findings {
		if f.Code == code {
			found = append(found, f)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d findings of code %s, want one: %+v", len(found), code, r.Findings)
	}
	return found[0]
}

// want checks the one finding of that code: its level and a part of its value.
func want(t *testing.T, r *doctor.Report, code string, level doctor.Level, part string) doctor.Finding {
	t.Helper()
	f := finding(t, r, code)
	if f.Level != level || !strings.Contains(f.Value, part) {
		t.Errorf("%s = %s %q, want %s and %q", code, f.Level, f.Value, level, part)
	}
	if needs := level == doctor.LevelWarn || level == doctor.LevelFail; needs != (f.Remedy != "") && level != doctor.LevelUnknown {
		t.Errorf("%s is %s and its remedy is %q", code, f.Level, f.Remedy)
	}
	return f
}

// open returns a client of the URL, closed at the end of the test.
func open(t *testing.T, o store.Options) redis.UniversalClient {
	t.Helper()
	c, err := store.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func set(t *testing.T, c redis.UniversalClient, pairs ...string) {
	t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		if err := c.ConfigSet(t.Context(), pairs[i], pairs[i+1]).Err(); err != nil {
			t.Fatal(err)
		}
	}
}

// eventually polls until ok or, after 20 s, fails with what why says.
func eventually(t *testing.T, ok func() bool, why func() string) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(20 * time.Second)
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal(why())
		}
	}
}

// run sends commands and fails the test on an error.
func run(t *testing.T, c redis.UniversalClient, commands ...string) {
	t.Helper()
	for _, line := range commands {
		var args []any
		for word := range strings.FieldsSeq(line) {
			args = append(args, word)
		}
		if err := c.Do(context.Background(), args...).Err(); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
	}
}

func codes(r *doctor.Report, level doctor.Level) []string {
	var out []string
	for _, f := range r.Findings {
		if f.Level == level {
			out = append(out, f.Code)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
