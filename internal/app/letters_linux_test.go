package app_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"legwork/configs"
	"legwork/internal/archive/archivetest"
	"legwork/internal/store/storetest"
)

// Promise: on a full disk no dead letter is deleted that is not in a file, the log
// says so, and with room again the retention goes on by itself; none is lost.
func TestRetentionOnFullDisk(t *testing.T) {
	t.Parallel()
	dir := archivetest.Disk(t)
	block := filepath.Join(dir, "block")
	if err := os.WriteFile(block, make([]byte, 60<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	inst := storetest.Redis(t)
	c := config(inst)
	p := start(t, c, die)
	all := p.kill(inst, 300)
	c.DeadLetters = configs.DeadLetters{MaxCount: 5, Archive: true, ArchiveDir: dir}
	if _, err := p.app.Reconfigure(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return strings.Contains(p.log.String(), "held up") }, func() string { return "log: " + p.log.String() })
	if log := p.log.String(); !strings.Contains(log, "no space left on device") || !strings.Contains(log, "Make room") || !strings.Contains(log, dir) {
		t.Errorf("log: %s", log)
	}
	kept, lines := dead(t, inst), archived(t, dir)
	if got := slices.Sorted(slices.Values(slices.Concat(kept, lines))); !slices.Equal(got, all) || len(kept) <= 5 {
		t.Errorf("%d letters and %d lines, want %d together", len(kept), len(lines), len(all))
	}
	if err := os.Remove(block); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return len(dead(t, inst)) == 5 }, func() string { return fmt.Sprint(len(dead(t, inst)), " letters; log: ", p.log) })
	if got := slices.Sorted(slices.Values(slices.Concat(dead(t, inst), archived(t, dir)))); !slices.Equal(got, all) {
		t.Errorf("%d letters and lines, want %d", len(got), len(all))
	}
}
