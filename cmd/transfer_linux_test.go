package cmd

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"legwork/internal/archive/archivetest"
)

// Promise: a disk that fills during an export is an error that says so, and nothing
// half-written is left on it.
func TestExportCommandOnFullDisk(t *testing.T) {
	t.Parallel()
	dir := archivetest.Disk(t)
	var text strings.Builder
	for range 20_000 {
		fmt.Fprintf(&text, "{\"id\":\"%x%x\"}\n", rand.Uint64(), rand.Uint64())
	}
	s := exporter(t, text.String()+`{"complete":true,"jobs":20000}`+"\n")
	for _, name := range []string{"x.ndjson", "x.ndjson.gz"} {
		s.wantError(exitFailure, "no space left on device", "jobs", "export", "--queue", "mail", "-o", filepath.Join(dir, name))
		s.wantError(exitFailure, "no job was touched", "jobs", "export", "--queue", "mail", "-o", filepath.Join(dir, name))
		if got := files(t, dir); len(got) != 0 {
			t.Errorf("%s leaves %q", name, got)
		}
	}
}
