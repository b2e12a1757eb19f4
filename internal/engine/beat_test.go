package engine_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hibiken/asynq"

	"legwork/client"
	"legwork/internal/engine"
	"legwork/internal/store/storetest"
	"legwork/jobs"
)

// asynq's own tools see one server for a process, with the slots and queues of all
// its pools and the jobs that they run; payloads do not travel with the heartbeat.
func TestHeartbeatSpeaksForAllPools(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	started, release := make(chan string, 2), make(chan struct{})
	defer close(release)
	r := newRig(t, inst, func(reg *jobs.Registry) {
		jobs.Handle(reg, "test.hold", func(ctx context.Context, _ struct{ Pad string }) (struct{}, error) {
			started <- jobs.Info(ctx).ID
			<-release
			return struct{}{}, nil
		}, jobs.Options{})
	})
	queues := map[string]int{}
	r.worker(func(o *options) {
		for i, q := range []string{"a", "b", "c"} {
			o.Pools = append(o.Pools, engine.PoolOptions{Name: q, Queues: map[string]int{q: i + 1}, Concurrency: 2})
			queues[q] = i + 1
		}
	})
	pad := strings.Repeat("x", 1000)
	for _, q := range []string{"b", "c"} {
		r.post(client.Enqueue{Type: "test.hold", Queue: q, Payload: fmt.Appendf(nil, `{"Pad":%q}`, pad)})
		receive(t, started)
	}
	inspector := asynq.NewInspectorFromRedisClient(inst.Client)
	var servers []*asynq.ServerInfo
	eventually(t, func() bool {
		servers, _ = inspector.Servers()
		return len(servers) == 1 && len(servers[0].ActiveWorkers) == 2
	}, func() string { return fmt.Sprintf("servers = %+v", servers) })
	if s := servers[0]; s.Concurrency != 6 || s.PID == 0 || time.Since(s.Started) > time.Minute {
		t.Errorf("server = %+v", s)
	}
	if diff := cmp.Diff(queues, servers[0].Queues); diff != "" {
		t.Errorf("queues (want, got):\n%s", diff)
	}
	for _, w := range servers[0].ActiveWorkers {
		if w.TaskType != "test.hold" || len(w.TaskPayload) != 0 {
			t.Errorf("worker = %+v", w)
		}
	}
}
