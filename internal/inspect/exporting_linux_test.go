package inspect_test

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"

	"legwork/client"
	"legwork/internal/archive/archivetest"
	"legwork/internal/store/storetest"
)

// Promise: an export that does not fit on the disk fails, says what to do, and leaves no
// file; every job stays.
func TestExportActionOnFullDisk(t *testing.T) {
	t.Parallel()
	dir := archivetest.Disk(t)
	r := newRig(t, storetest.Redis(t))
	for range 30 {
		noise := make([]byte, 40<<10)
		for i := range noise {
			noise[i] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/"[rand.IntN(64)]
		}
		raw, _ := json.Marshal(string(noise))
		id := r.post(client.Enqueue{Type: "test.ok", Queue: "q", Delay: hours(1), Payload: raw})
		if _, err := r.Archive(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	a, _ := r.exporter(dir)
	out := ended(t, a, order(t, a, client.ActionRequest{Action: client.ActionExport, Filter: &client.JobFilter{Queue: "q"}}).ID)
	if out.State != client.ActionFailed || !strings.Contains(out.Error, "Make room on its disk") || len(out.Files) != 0 {
		t.Errorf("action = %+v", out)
	}
	if names := entries(t, dir); len(names) != 0 {
		t.Errorf("left are %q", names)
	}
	if left := r.list(client.JobFilter{State: "archived"}); len(left) != 30 {
		t.Errorf("%d dead letters are left", len(left))
	}
}
