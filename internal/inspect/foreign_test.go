package inspect_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/hibiken/asynq"

	"legwork/client"
	"legwork/internal/store/storetest"
	"legwork/jobs"
)

// Promise: what a stock asynq client has enqueued is shown as far as asynq's
// form goes, alone and in the list, whatever its payload and times are.
func TestForeignJobs(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t))
	foreign := asynq.NewClientFromRedisClient(r.redis)
	due := time.Now().Add(time.Hour).Truncate(time.Second).UTC()
	deadline := due.Add(time.Hour)
	base := client.Job{Type: "mail:send", Queue: "default", State: "pending", MaxRetries: 25, Timeout: client.Duration(30 * time.Minute)}
	with := func(change func(*client.Job)) client.Job { j := base; change(&j); return j }
	for name, c := range map[string]struct {
		payload string
		options []asynq.Option
		want    client.Job
	}{
		"JSON":          {`{"a":[1,"b"]}`, nil, with(func(j *client.Job) { j.Payload = []byte(`{"a":[1,"b"]}`) })},
		"text":          {`hello "you"`, nil, with(func(j *client.Job) { j.Payload = []byte(`"hello \"you\""`) })},
		"nothing":       {``, nil, with(func(j *client.Job) { j.Payload = []byte(`""`) })},
		"bytes":         {"\x00\xff\xfe", nil, with(func(j *client.Job) { j.Payload = []byte(`"\u0000\ufffd\ufffd"`) })},
		"JSON in bytes": {"\"a\xffb\"", nil, with(func(j *client.Job) { j.Payload = []byte(`"\"a\ufffdb\""`) })},
		"unique":        {`1`, []asynq.Option{asynq.Unique(time.Hour)}, with(func(j *client.Job) { j.Payload = []byte(`1`) })},
		"scheduled": {`2`, []asynq.Option{asynq.ProcessAt(due), asynq.Deadline(deadline), asynq.MaxRetry(3), asynq.Retention(time.Minute)}, with(func(j *client.Job) {
			j.Payload, j.State, j.NextRunAt, j.Deadline = []byte(`2`), "scheduled", &due, &deadline
			j.MaxRetries, j.Retention, j.Timeout = 3, client.Duration(time.Minute), 0
		})},
		"beyond the year 9999": {`3`, []asynq.Option{asynq.ProcessAt(time.Date(12000, 1, 1, 0, 0, 0, 0, time.UTC)), asynq.Deadline(time.Date(12001, 1, 1, 0, 0, 0, 0, time.UTC))}, with(func(j *client.Job) {
			j.Payload, j.State, j.Timeout = []byte(`3`), "scheduled", 0
		})},
	} {
		info, err := foreign.Enqueue(asynq.NewTask("mail:send", []byte(c.payload), c.options...))
		if err != nil {
			t.Fatal(err)
		}
		j := r.job(info.ID)
		if diff := cmp.Diff(c.want, *j, cmpopts.IgnoreFields(client.Job{}, "ID")); diff != "" {
			t.Errorf("%s (want, got):\n%s", name, diff)
		}
	}
	if n := len(r.list(client.JobFilter{})); n != 8 {
		t.Errorf("%d jobs in the list", n)
	}
	if n := len(r.list(client.JobFilter{Tag: "x"})); n != 0 {
		t.Errorf("%d jobs with a tag", n)
	}
}

// Promise: actions work on the jobs of a stock asynq client, which reads the
// result and can send a unique task again once the job is deleted.
func TestActionsOnForeignJobs(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t))
	foreign := asynq.NewClientFromRedisClient(r.redis)
	for name, do := range actions() {
		for _, delay := range []time.Duration{0, time.Hour} {
			from := jobs.StatePending
			if delay > 0 {
				from = jobs.StateScheduled
			}
			info, err := foreign.Enqueue(asynq.NewTask("mail:send", []byte(name), asynq.ProcessIn(delay), asynq.TaskID(name+"-"+string(from))))
			if err != nil {
				t.Fatal(err)
			}
			to, refused := outcome(name, from)
			if err := do(r, info.ID); refused != (err != nil) {
				t.Errorf("%s %s: %v", name, from, err)
			}
			r.agree(t, "default", info.ID, to)
		}
	}
	odd, err := foreign.Enqueue(asynq.NewTask("mail:send", nil, asynq.TaskID("user/42 {x} +é")))
	if err != nil {
		t.Fatal(err)
	}
	if j, err := r.Archive(t.Context(), odd.ID); err != nil || j.ID != odd.ID || r.job(odd.ID).State != "archived" {
		t.Errorf("a job whose id we would refuse: %+v, %v", j, err)
	}
	unique := func() *asynq.Task { return asynq.NewTask("mail:once", nil, asynq.Unique(time.Hour)) }
	info, err := foreign.Enqueue(unique())
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Delete(t.Context(), info.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := foreign.Enqueue(unique()); err != nil {
		t.Errorf("unique task after its job was deleted: %v", err)
	}
}

// Promise: a task in an asynq group is shown, left to asynq by every action,
// and does not disturb the list.
func TestGroupedForeignJobs(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t))
	info, err := asynq.NewClientFromRedisClient(r.redis).Enqueue(asynq.NewTask("mail:digest", []byte(`{}`), asynq.Group("g")))
	if err != nil {
		t.Fatal(err)
	}
	for name, do := range actions() {
		if err := do(r, info.ID); code(err) != jobs.CodeConflict || err.Error() != "the job is aggregating: an asynq group holds it" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if j := r.job(info.ID); j.State != "aggregating" || j.LastError != "" {
		t.Errorf("job = %+v", j)
	}
	if ids := r.list(client.JobFilter{}); len(ids) != 0 {
		t.Errorf("list = %v", ids)
	}
	if again, err := r.asynq.GetTaskInfo("default", info.ID); err != nil || again.State != asynq.TaskStateAggregating || again.Group != "g" {
		t.Errorf("asynq says %+v, %v", again, err)
	}
}
