package bench_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"legwork/internal/bench"
	"legwork/internal/store"
)

// Promise: a measurement's own Redis tells the CPU time that it uses, and leaves nothing
// behind.
func TestPrivateRedisIsRemoved(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	p, err := bench.StartPrivate(t.Context(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	c, err := store.Open(store.Options{URL: p.URL()})
	if err != nil {
		t.Fatal(err)
	}
	before, err := store.ReadCPU(t.Context(), c)
	if err != nil || before <= 0 {
		t.Errorf("%s of CPU time, %v", before, err)
	}
	for range 100 {
		if err := c.Get(t.Context(), "x").Err(); err == nil {
			t.Fatal("there is a key x")
		}
	}
	if after, err := store.ReadCPU(t.Context(), c); err != nil || after < before {
		t.Errorf("%s of CPU time after %s, %v", after, before, err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if err := p.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if left, _ := filepath.Glob(filepath.Join(os.TempDir(), "*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	var none *bench.Private
	if err := none.Close(t.Context()); err != nil {
		t.Error(err)
	}
}
