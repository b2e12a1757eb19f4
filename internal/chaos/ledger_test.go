package chaos_test

import (
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"legwork/internal/chaos"
)

func open(t *testing.T, path string) *chaos.Ledger {
	t.Helper()
	l, err := chaos.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func next(t *testing.T, r *chaos.Reader) []chaos.Entry {
	t.Helper()
	entries, err := r.Next()
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

// What is written is read again, each entry once, while the ledger grows.
func TestLedgerIsReadAsItGrows(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ledger")
	r := chaos.NewReader(path)
	if got := next(t, r); len(got) != 0 {
		t.Errorf("no ledger yet, read %v", got)
	}
	l := open(t, path)
	at := time.Unix(1_700_000_000, 123_456_789)
	want := []chaos.Entry{
		{Kind: chaos.Accepted, At: at, Job: "a", Due: at.Add(time.Second)},
		{Kind: chaos.Start, At: at, PID: 7, Job: "a", Run: 3, Attempt: 2},
		{Kind: chaos.Killed, At: at, PID: 7},
	}
	for _, e := range want {
		if err := l.Write(e); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]chaos.Entry{e}, next(t, r)); diff != "" {
			t.Error(diff)
		}
	}
	if diff := cmp.Diff(want, next(t, chaos.NewReader(path))); diff != "" {
		t.Error(diff)
	}
}

// A record that a killed process left half written costs no other record.
func TestTornRecordSpoilsNothing(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ledger")
	before, after := open(t, path), open(t, path)
	at := time.Unix(1_700_000_000, 0)
	if err := before.Write(chaos.Entry{Kind: chaos.Start, At: at, PID: 1, Job: "a", Run: 1}); err != nil {
		t.Fatal(err)
	}
	torn, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = torn.WriteString("\nend 1700000000000000000 1 a 1 1")
	_ = torn.Close()
	if err := after.Write(chaos.Entry{Kind: chaos.Start, At: at, PID: 2, Job: "a", Run: 1}); err != nil {
		t.Fatal(err)
	}
	got := next(t, chaos.NewReader(path))
	if len(got) != 2 || got[0].PID != 1 || got[1].PID != 2 {
		t.Errorf("read %+v, want the two whole records", got)
	}
}

// Entries of many writers stay whole.
func TestLedgerHasManyWriters(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ledger")
	const writers, each = 8, 200
	var all sync.WaitGroup
	for w := range writers {
		l := open(t, path)
		all.Go(func() {
			for n := range each {
				if err := l.Write(chaos.Entry{Kind: chaos.Start, PID: w + 1, Job: "a", Run: n}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if got := next(t, chaos.NewReader(path)); len(got) != writers*each {
		t.Errorf("read %d entries, want %d", len(got), writers*each)
	}
}
