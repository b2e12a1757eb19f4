package inspect_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"legwork/client"
	"legwork/internal/inspect"
	"legwork/internal/store"
	"legwork/internal/store/storetest"
	"legwork/jobs"
)

// export returns the lines of all dead letters, sorted.
func export(t rapidTB, i *inspect.Inspector, f client.JobFilter) []string {
	t.Helper()
	var out []string
	err := i.Export(context.Background(), f, func(lines [][]byte) error {
		for _, l := range lines {
			out = append(out, string(l))
		}
		return nil
	})
	if err != nil {
		t.Fatalf("export: %v", err)
	}
	slices.Sort(out)
	return out
}

// rapidTB is what testing.TB and *rapid.T have in common.
type rapidTB interface {
	Helper()
	Fatalf(format string, args ...any)
	Errorf(format string, args ...any)
}

// load imports lines, and returns the outcomes.
func load(t rapidTB, i *inspect.Inspector, lines ...string) []inspect.Imported {
	t.Helper()
	var out []inspect.Imported
	for chunk := range slices.Chunk(lines, inspect.ImportMany) {
		some, err := i.Import(context.Background(), raws(chunk), 1<<20)
		if err != nil {
			t.Fatalf("import: %v", err)
		}
		out = append(out, some...)
	}
	return out
}

func raws(lines []string) [][]byte {
	var out [][]byte
	for _, l := range lines {
		out = append(out, []byte(l))
	}
	return out
}

// anyLetter draws a dead letter's hash: of Legwork or of another asynq client, with
// whatever may be in it.
func anyLetter(t *rapid.T, shard, id string) (fields map[string]any, score float64) {
	text := rapid.StringN(0, 30, 100)
	seconds := rapid.Int64Range(0, 4e9)
	m := &store.Message{
		ID: id, Queue: shard, Type: rapid.StringMatching(`[a-z][a-z0-9._-]{0,20}`).Draw(t, "type"),
		Payload: rapid.OneOf(
			rapid.SampledFrom([][]byte{nil, []byte("null"), []byte(`{"a": 1, "b":[ ]}`), []byte(" 7"), []byte("{\n}"), []byte(`{"a":1,"a":2}`), []byte(`"<&>\u2028"`), []byte("\"\u2028\"")}),
			rapid.SliceOfN(rapid.Byte(), 0, 50)).Draw(t, "payload"),
		Retry: rapid.IntRange(0, 100).Draw(t, "retry"), Retried: rapid.IntRange(0, 100).Draw(t, "retried"), Error: text.Draw(t, "error"),
		LastFailedAt: seconds.Draw(t, "failed"), Timeout: seconds.Draw(t, "timeout"), Deadline: seconds.Draw(t, "deadline"),
		Retention: rapid.Int64Range(0, 1e9).Draw(t, "retention"), CompletedAt: seconds.Draw(t, "completed"), UniqueKey: text.Draw(t, "unique"), GroupKey: text.Draw(t, "group"),
	}
	if rapid.Bool().Draw(t, "headers") {
		m.Headers = map[string]string{"trace": text.Draw(t, "header"), "b": "<&>"}
	}
	if rapid.Bool().Draw(t, "ours") {
		m.SetMeta(store.Meta{
			Created: 1e6 * seconds.Draw(t, "created"), RunAt: seconds.Draw(t, "run at"), Timeout: seconds.Draw(t, "own timeout"), Until: seconds.Draw(t, "until"),
			Tags: rapid.SliceOfN(rapid.StringMatching(`[a-z<&]{1,5}`), 0, 3).Draw(t, "tags"),
		})
	}
	fields = map[string]any{store.FieldMessage: m.Encode(), store.FieldState: "archived"}
	if n := rapid.IntRange(0, 120).Draw(t, "failures"); n > 0 {
		fields[store.FieldFails] = n
		for i := max(1, n-store.AttemptsMax+1); i <= n; i++ {
			fields[fmt.Sprint(store.FieldFailPrefix, i%store.AttemptsMax)] = attempt(i).Encode()
		}
		fields[store.FieldIndex] = "archived 00000000000000ff " + m.Type
	}
	for _, name := range rapid.SliceOfDistinct(rapid.SampledFrom([]string{store.FieldUnstarted, store.FieldOnces, store.FieldOncePrefix + "mail", store.FieldLogPrefix + "1:0", store.FieldRetriedFrom}), rapid.ID).Draw(t, "extras") {
		fields[name] = rapid.OneOf(rapid.Just("d{\"sent\":true}"), rapid.Just("\xff\x00"), text).Draw(t, name)
	}
	return fields, float64(rapid.Int64Range(0, 4e15).Draw(t, "died")) / 1e6
}

// Promise: an export imported into an empty Redis, and exported there, is the same to
// the byte; and what is stored is the same to the byte, too.
func TestExportComesBack(t *testing.T) {
	t.Parallel()
	from, to := newRig(t, storetest.Redis(t)), newRig(t, storetest.Redis(t))
	rapid.Check(t, func(t *rapid.T) {
		ctx := context.Background()
		from.redis.FlushDB(ctx)
		to.redis.FlushDB(ctx)
		n := rapid.IntRange(1, 6).Draw(t, "letters")
		for j := range n {
			shard := rapid.SampledFrom([]string{"default", "mail"}).Draw(t, "shard")
			id := fmt.Sprintf("Id.%d", j)
			fields, score := anyLetter(t, shard, id)
			k := store.KeysOf(shard)
			from.redis.SAdd(ctx, store.KeyQueues, shard)
			from.redis.HSet(ctx, k.Task(id), fields)
			from.redis.ZAdd(ctx, k.Archived(), redis.Z{Score: score, Member: id})
		}
		lines := export(t, from.Inspector, client.JobFilter{State: "archived"})
		if len(lines) != n {
			t.Fatalf("%d lines of %d letters", len(lines), n)
		}
		for j, o := range load(t, to.Inspector, lines...) {
			if o.Err != nil {
				t.Fatalf("line %s: %v", lines[j], o.Err)
			}
		}
		if again := export(t, to.Inspector, client.JobFilter{State: "archived"}); !slices.Equal(again, lines) {
			t.Fatalf("exported:\n%s\nexported again:\n%s", strings.Join(lines, "\n"), strings.Join(again, "\n"))
		}
		for _, key := range from.redis.Keys(ctx, "*}:t:*").Val() {
			was, is := from.redis.HGetAll(ctx, key).Val(), to.redis.HGetAll(ctx, key).Val()
			delete(was, store.FieldIndex)
			delete(is, store.FieldIndex)
			if !equal(was, is) {
				t.Fatalf("%s was\n%q, is\n%q", key, was, is)
			}
		}
	})
}

func equal(a, b map[string]string) bool {
	for name := range b {
		if a[name] != b[name] {
			return false
		}
	}
	return len(a) == len(b)
}

// Promise: an imported letter can be found, retried and run like one that died here,
// and its attempts are shown.
func TestImportedLetterRuns(t *testing.T) {
	t.Parallel()
	from, to := newRig(t, storetest.Redis(t)), newRig(t, storetest.Redis(t))
	stop := from.pool("default")
	id := from.post(client.Enqueue{Type: "test.die", Tags: []string{"x"}, Payload: json.RawMessage(`{"a": 1}`)})
	was := from.until(id, jobs.StateArchived)
	stop()
	line := export(t, from.Inspector, client.JobFilter{})[0]
	if o := load(t, to.Inspector, line); o[0].Err != nil || o[0].ID != id {
		t.Fatalf("%+v", o)
	}
	is := to.job(id)
	a, _ := json.Marshal(was)
	b, _ := json.Marshal(is)
	if !bytes.Equal(a, b) || len(is.Attempts) != 1 {
		t.Errorf("the job was\n%s\nand is\n%s", a, b)
	}
	k := store.KeysOf("default")
	for _, index := range []string{k.Index("archived", store.IndexType, "test.die"), k.Index("archived", store.IndexFingerprint, is.Attempts[0].Fingerprint)} {
		if got := to.redis.ZRange(t.Context(), index, 0, -1).Val(); !slices.Equal(got, []string{id}) {
			t.Errorf("%s holds %q", index, got)
		}
	}
	if list, err := to.asynq.ListArchivedTasks("default"); err != nil || len(list) != 1 || list[0].LastErr != "dead" {
		t.Errorf("asynq lists %v %v", list, err)
	}
	if _, err := to.Retry(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	to.pool("default")
	eventually(t, func() bool { return to.job(id).FailedAttempts == 2 }, func() string { return "the retried job does not run" })
}

// Promise: letters of other asynq clients come back, too, whatever their names.
func TestForeignLettersComeBack(t *testing.T) {
	t.Parallel()
	from, to := newRig(t, storetest.Redis(t)), newRig(t, storetest.Redis(t))
	c := asynq.NewClientFromRedisClient(from.redis)
	info, err := c.Enqueue(asynq.NewTask("email:Deliver", []byte("\x00raw")), asynq.Queue("High Prio"), asynq.TaskID("a/b c"), asynq.MaxRetry(3))
	if err != nil {
		t.Fatal(err)
	}
	if err := from.asynq.ArchiveTask(info.Queue, info.ID); err != nil {
		t.Fatal(err)
	}
	was, _ := from.asynq.GetTaskInfo(info.Queue, info.ID)
	if o := load(t, to.Inspector, export(t, from.Inspector, client.JobFilter{})...); len(o) != 1 || o[0].Err != nil {
		t.Fatalf("%+v", o)
	}
	is, err := to.asynq.GetTaskInfo(info.Queue, info.ID)
	if err != nil || is.Type != was.Type || !bytes.Equal(is.Payload, was.Payload) || is.MaxRetry != 3 || is.Timeout != was.Timeout || is.State != asynq.TaskStateArchived {
		t.Errorf("the task was %+v and is %+v, %v", was, is, err)
	}
}

// Promise: an id that any job in any queue has, or that comes twice, is reported, and
// nothing is overwritten.
func TestImportOfDuplicates(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t))
	waiting := r.post(client.Enqueue{Type: "test.ok", ID: "taken", Queue: "elsewhere"})
	was := r.job(waiting)
	good := lineOf("fresh", nil)
	out := load(t, r.Inspector, lineOf("taken", nil), good, good, lineOf("claimed", nil))
	for n, want := range []jobs.Code{jobs.CodeConflict, "", jobs.CodeConflict, ""} {
		if code(out[n].Err) != want {
			t.Errorf("line %d: %v, want %q", n+1, out[n].Err, want)
		}
	}
	if is := r.job(waiting); is.State != was.State || is.Queue != was.Queue {
		t.Errorf("the job was %+v and is %+v", was, is)
	}
	if out := load(t, r.Inspector, good); code(out[0].Err) != jobs.CodeConflict {
		t.Errorf("the same import again: %v", out[0].Err)
	}
	r.redis.Set(t.Context(), store.KeyIDClaimPrefix+"claimed2", "somebody", time.Minute)
	if out := load(t, r.Inspector, lineOf("claimed2", nil)); code(out[0].Err) != jobs.CodeConflict {
		t.Errorf("an id that is being enqueued: %v", out[0].Err)
	}
	if left := r.redis.Keys(t.Context(), store.KeyIDClaimPrefix+"*").Val(); len(left) != 1 {
		t.Errorf("claims are left: %q", left)
	}
}

// lineOf is a good line, with changes: a nil value takes a field out.
func lineOf(id string, changes map[string]any) string {
	line := map[string]any{
		"format": 1, "id": id, "type": "test.die", "queue": "default", "state": "archived", "created_at": "2030-01-31T11:00:00Z", "died_at": "2030-01-31T12:00:00Z",
		"max_retries": 3, "retried": 3, "timeout": "1m0s", "retention": "0s", "failures": 1, "attempts": []any{attempt(4)}, "payload": map[string]any{},
	}
	for name, v := range changes {
		if line[name] = v; v == nil {
			delete(line, name)
		}
	}
	raw, err := json.Marshal(line)
	if err != nil {
		panic(err)
	}
	return string(raw)
}

// Promise: a bad line is refused with the place and the reason, and never repeats what
// was sent; the good ones beside it are stored.
func TestImportOfBadLines(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t))
	for name, c := range map[string]struct {
		line string
		code jobs.Code
		part string
	}{
		"not JSON":          {`{"format":1,`, jobs.CodeInvalidJSON, "not valid JSON"},
		"no object":         {`[1]`, jobs.CodeInvalidRequest, "not that of an export"},
		"empty":             {``, jobs.CodeInvalidJSON, ""},
		"repeated name":     {`{"format":1,"format":1}`, jobs.CodeInvalidJSON, ""},
		"no format":         {lineOf("x", map[string]any{"format": nil}), jobs.CodeInvalidRequest, "format 0"},
		"later format":      {lineOf("x", map[string]any{"format": 2}), jobs.CodeInvalidRequest, "format 2"},
		"unknown field":     {lineOf("x", map[string]any{"secret": "hidden"}), jobs.CodeInvalidRequest, "/secret: is not a known field"},
		"wrong type":        {lineOf("x", map[string]any{"retried": "hidden"}), jobs.CodeInvalidRequest, "/retried: has the wrong type"},
		"damaged":           {lineOf("x", map[string]any{"damaged": "no body"}), jobs.CodeInvalidRequest, "damaged before"},
		"pending":           {lineOf("x", map[string]any{"state": "pending"}), jobs.CodeInvalidRequest, "/state"},
		"no id":             {lineOf("", nil), jobs.CodeInvalidRequest, "/id"},
		"braces":            {lineOf("a}b", nil), jobs.CodeInvalidRequest, "/id"},
		"foreign braces":    {lineOf("a}b", map[string]any{"created_at": nil}), jobs.CodeInvalidRequest, "/id"},
		"type":              {lineOf("x", map[string]any{"type": "Hidden Type"}), jobs.CodeInvalidRequest, "/type"},
		"queue":             {lineOf("x", map[string]any{"queue": "a~1"}), jobs.CodeInvalidRequest, "/queue"},
		"foreign queue":     {lineOf("x", map[string]any{"queue": "{a}", "created_at": nil}), jobs.CodeInvalidRequest, "/queue"},
		"negative":          {lineOf("x", map[string]any{"max_retries": -1}), jobs.CodeInvalidRequest, "/max_retries"},
		"huge":              {lineOf("x", map[string]any{"retried": 1 << 40}), jobs.CodeInvalidRequest, "/retried"},
		"negative timeout":  {lineOf("x", map[string]any{"timeout": "-1s"}), jobs.CodeInvalidRequest, "/timeout"},
		"year":              {lineOf("x", map[string]any{"died_at": "1969-01-01T00:00:00Z"}), jobs.CodeInvalidRequest, "/died_at"},
		"payload":           {lineOf("x", map[string]any{"payload": strings.Repeat("x", 1<<20)}), jobs.CodeInvalidRequest, "jobs.payload_limit"},
		"two payloads":      {lineOf("x", map[string]any{"payload_base64": base64.StdEncoding.EncodeToString([]byte("x"))}), jobs.CodeInvalidRequest, "/payload"},
		"headers":           {lineOf("x", map[string]any{"headers": map[string]string{"legwork": "1 0 0 0 0  "}}), jobs.CodeInvalidRequest, "/headers"},
		"foreign header":    {lineOf("x", map[string]any{"created_at": nil, "headers": map[string]string{"legwork": "1 0 0 0 0  "}}), jobs.CodeInvalidRequest, "/headers"},
		"large headers":     {lineOf("x", map[string]any{"headers": map[string]string{"a": strings.Repeat("x", 70_000)}}), jobs.CodeInvalidRequest, "/headers"},
		"tags":              {lineOf("x", map[string]any{"tags": []string{"a b"}}), jobs.CodeInvalidRequest, "/tags/0"},
		"foreign tags":      {lineOf("x", map[string]any{"tags": []string{"a"}, "created_at": nil}), jobs.CodeInvalidRequest, "/tags"},
		"fingerprint":       {lineOf("x", map[string]any{"fingerprint": "a b"}), jobs.CodeInvalidRequest, "/fingerprint"},
		"attempts":          {lineOf("x", map[string]any{"failures": 99, "attempts": slices.Repeat([]any{attempt(1)}, 51)}), jobs.CodeInvalidRequest, "/attempts"},
		"attempt":           {lineOf("x", map[string]any{"attempts": []any{"hidden"}}), jobs.CodeInvalidRequest, "/attempts/0"},
		"uncounted attempt": {lineOf("x", map[string]any{"failures": 0}), jobs.CodeInvalidRequest, "/failures"},
		"fields":            {lineOf("x", map[string]any{"fields": map[string]string{"msg": "hidden"}}), jobs.CodeInvalidRequest, "/fields"},
		"index":             {lineOf("x", map[string]any{"fields": map[string]string{"lw_index": "hidden"}}), jobs.CodeInvalidRequest, "/fields"},
		"binary":            {lineOf("x", map[string]any{"binary_fields": map[string]string{"state": "aGlkZGVu"}}), jobs.CodeInvalidRequest, "/binary_fields"},
	} {
		good := lineOf("good-"+strings.ReplaceAll(name, " ", "-"), nil)
		out := load(t, r.Inspector, c.line, good)
		if code(out[0].Err) != c.code || !strings.Contains(out[0].Err.Error(), c.part) {
			t.Errorf("%s: %v, want %s and %q", name, out[0].Err, c.code, c.part)
		}
		if e, ok := out[0].Err.(*jobs.Error); ok && (strings.Contains(e.Message, "hidden") || strings.Contains(fmt.Sprint(e.Fields), "idden")) { //nolint:errorlint // the type itself is promised
			t.Errorf("%s: %v repeats what was sent", name, e)
		}
		if out[1].Err != nil {
			t.Errorf("the good line beside %s: %v", name, out[1].Err)
		}
	}
	if ghosts := r.redis.Keys(t.Context(), "*:t:x").Val(); len(ghosts) > 0 {
		t.Errorf("a refused line is stored: %q", ghosts)
	}
}

// Promise: an import into a full Redis is refused, as a new job is, and stores no half
// of a letter.
func TestImportIntoFullRedis(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t))
	r.redis.ConfigSet(t.Context(), "maxmemory", "1")
	_, err := r.Import(t.Context(), raws([]string{lineOf("x", nil)}), 0)
	if code(err) != jobs.CodeUnavailable {
		t.Errorf("import: %v", err)
	}
	r.redis.ConfigSet(t.Context(), "maxmemory", "0")
	if out := load(t, r.Inspector, lineOf("x", nil)); out[0].Err != nil {
		t.Errorf("with room again: %v", out[0].Err)
	}
}

// Promise: imported letters are spread over the shards that a queue has, in a Cluster,
// too, and found there.
func TestImportIntoShards(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Cluster(t)).spread("default", 4)
	var lines []string
	for n := range 200 {
		lines = append(lines, lineOf(fmt.Sprintf("id-%d", n), nil))
	}
	for _, o := range load(t, r.Inspector, lines...) {
		if o.Err != nil {
			t.Fatal(o.Err)
		}
	}
	for _, s := range store.FirstShards("default", 4) {
		if n := r.redis.ZCard(t.Context(), store.KeysOf(s).Archived()).Val(); n < 20 {
			t.Errorf("shard %s has %d of 200 letters", s, n)
		}
	}
	if got := export(t, r.Inspector, client.JobFilter{State: "archived", Type: "test.die"}); len(got) != 200 {
		t.Errorf("%d letters are exported again", len(got))
	}
	dir := newShelf(t)
	if n := sweep(t, retention(r.redis, inspect.RetentionOptions{MaxCount: 50, Archive: dir})); n != 150 || len(dir.lines(t)) != 150 {
		t.Errorf("%d letters removed from the cluster, %d archived; want 150", n, len(dir.lines(t)))
	}
}

// Whatever a line holds, it is judged, and nothing of it gets into Redis unjudged.
func FuzzImportLine(f *testing.F) {
	f.Add([]byte(lineOf("x", nil)))
	f.Add([]byte(`{"format":1,"id":"\u0000","state":"archived","payload":null}`))
	f.Add([]byte(`{"complete":true,"jobs":3}`))
	i := newRig(f, storetest.Redis(f)).Inspector
	f.Fuzz(func(t *testing.T, raw []byte) {
		out, err := i.Import(context.Background(), [][]byte{raw}, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		if code(out[0].Err) == jobs.CodeInternal {
			t.Errorf("%v", out[0].Err)
		}
	})
}
