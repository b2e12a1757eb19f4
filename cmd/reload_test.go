//go:build unix

package cmd

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"legwork/internal/store/storetest"
)

// SIGHUP changes the queues and slots of a running worker, says what has to wait for
// the next start, and leaves everything as it is when the file is wrong.
func TestReload(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	path := filepath.Join(t.TempDir(), "legwork.yaml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	hangUp := func() {
		t.Helper()
		if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
	}
	write("worker: {queues: {default: 1}, concurrency: 2}")
	p := launch(t, nil, "serve", "--config", path, "--roles", "worker", "--redis-url", inst.URL)
	p.says(t, "legwork is ready")
	write("worker: {queues: {default: 1, mail: 3}, dedicated: {reports: 2}, concurrency: 5}")
	hangUp()
	p.says(t, `msg="worker reconfigured" slots=7 queues="[default mail reports]"`)
	write("worker: {queues: {default: 1}, stop_timeout: 1s}")
	hangUp()
	p.says(t, "keys=worker.stop_timeout")
	write("worker: {queue: {default: 1}}")
	hangUp()
	p.says(t, "the process goes on with the old one")
	p.stop()
	if code := p.exit(t); code != int(exitOK) {
		t.Errorf("exit code %d:\n%s", code, p.stderr.String())
	}
}
