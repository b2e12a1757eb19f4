package bench

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"legwork/configs"
	"legwork/internal/store"
	"legwork/internal/store/storetest"
)

// Every figure of a run is there, makes sense, and the jobs were really run.
func TestServer(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	g := newRig(t, inst.URL, Register, configs.Roles()...)
	var steps []string
	report, err := Run(timely(t), g.target(t), small(), func(step string) { steps = append(steps, step) })
	if err != nil {
		t.Fatal(err)
	}
	checkReport(t, report, "http", "Legwork at "+g.url)
	want := []string{
		"first job", "round 1 of 2: probes", "round 1 of 2: jobs one by one", "round 1 of 2: jobs in batches",
		"round 2 of 2: probes", "round 2 of 2: jobs one by one", "round 2 of 2: jobs in batches",
	}
	if diff := cmp.Diff(want, steps); diff != "" {
		t.Errorf("steps (want, got):\n%s", diff)
	}
	// One first job, and per round 2 probes, 120 jobs one by one, 3 batches of 50.
	processed, err := inst.Client.Get(t.Context(), store.KeysOf("default").Processed()).Int()
	if err != nil || processed != 1+2*(2+120+150) {
		t.Errorf("processed = %d, %v", processed, err)
	}
}

// The engine is measured in the same figures, on a Redis of its own.
func TestEngine(t *testing.T) {
	t.Parallel()
	e, err := OpenEngine(timely(t), "", silent())
	if err != nil {
		t.Fatal(err)
	}
	o := small()
	o.Queue = e.Queue()
	report, err := Run(timely(t), e, o, nil)
	if err := errors.Join(err, e.Close()); err != nil {
		t.Fatal(err)
	}
	checkReport(t, report, "engine", "Legwork's engine on a private Redis: ")
}

// On somebody's Redis nothing of the run stays behind, and nothing else is
// touched, be it a single server or a Cluster.
func TestEngineLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(testing.TB) storetest.Instance{"single": storetest.Redis, "cluster": storetest.Cluster} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inst := start(t)
			ctx := timely(t)
			if err := inst.Client.Set(ctx, "asynq:{bench}:mine", "1", 0).Err(); err != nil {
				t.Fatal(err)
			}
			e, err := OpenEngine(ctx, inst.URL, silent())
			if err != nil {
				t.Fatal(err)
			}
			o := small()
			o.Queue, o.Rounds = e.Queue(), 1
			_, err = Run(ctx, e, o, nil)
			if err := errors.Join(err, e.Close()); err != nil {
				t.Fatal(err)
			}
			var left []string
			for _, key := range keys(t, inst.Client) {
				if strings.Contains(key, e.Queue()) {
					left = append(left, key)
				}
			}
			if len(left) > 0 || inst.Client.Exists(ctx, "asynq:{bench}:mine").Val() != 1 || len(inst.Client.SMembers(ctx, store.KeyQueues).Val()) > 0 {
				t.Errorf("left %q, all keys %q", left, keys(t, inst.Client))
			}
		})
	}
}

func keys(t *testing.T, c redis.UniversalClient) []string {
	t.Helper()
	var mu sync.Mutex // the masters of a Cluster are visited at the same time
	var all []string
	list := func(ctx context.Context, node *redis.Client) error {
		some, err := node.Keys(ctx, "*").Result()
		mu.Lock()
		defer mu.Unlock()
		all = append(all, some...)
		return err
	}
	var err error
	if cluster, ok := c.(*redis.ClusterClient); ok {
		err = cluster.ForEachMaster(t.Context(), list)
	} else {
		err = list(t.Context(), c.(*redis.Client))
	}
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func checkReport(t *testing.T, r *Report, mode, about string) {
	t.Helper()
	if r.Mode != mode || !strings.HasPrefix(r.Target, about) || len(r.Rounds) != 2 {
		t.Errorf("report = %+v", r)
	}
	for _, round := range r.Rounds {
		for _, l := range []*Load{round.Single, round.Batch} {
			if l == nil || l.Enqueued <= 0 || l.Completed <= 0 || l.Completed > l.Enqueued || l.Answer.P50 <= 0 || l.Answer.P99 < l.Answer.P50 {
				t.Errorf("load = %+v", l)
			}
		}
		if round.Single.Jobs != 120 || round.Batch.Jobs != 150 {
			t.Errorf("jobs = %d and %d, want 120 and whole batches of 50", round.Single.Jobs, round.Batch.Jobs)
		}
		if round.PickUp.P99 > round.EndToEnd.P99 || round.PickUp.P50 <= 0 {
			t.Errorf("pick-up %+v, end to end %+v", round.PickUp, round.EndToEnd)
		}
	}
	for _, f := range r.Figures {
		if f.Min > f.Median || f.Median > f.Max || f.Unit != "ms" && f.Unit != "jobs/s" {
			t.Errorf("figure = %+v", f)
		}
	}
	if raw, err := json.Marshal(r); err != nil || !strings.Contains(string(raw), `"name":"end_to_end_ms.p99"`) {
		t.Errorf("as JSON: %s, %v", raw, err)
	}
}

// Wrong options are told all at once.
func TestOptions(t *testing.T) {
	t.Parallel()
	if err := DefaultOptions().Check(); err != nil {
		t.Error(err)
	}
	err := Options{Jobs: JobsMax + 1, Batch: -1, Queue: "A"}.Check()
	var lines []string
	for line := range strings.Lines(err.Error()) {
		lines = append(lines, strings.SplitN(strings.TrimSpace(line), " ", 2)[0])
	}
	if want := []string{"jobs", "connections", "batch", "payload", "rounds", "queue:"}; !slices.Equal(lines, want) {
		t.Errorf("complaints about %q, want %q", lines, want)
	}
	if _, err := Run(t.Context(), nil, Options{}, nil); err == nil {
		t.Error("a run without options is not refused")
	}
}
