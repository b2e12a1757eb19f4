package inspect_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"legwork/client"
	"legwork/internal/archive"
	"legwork/internal/inspect"
	"legwork/internal/store"
	"legwork/jobs"
)

// died is when the oldest letter of a test died.
var died = time.Date(2030, 1, 31, 12, 0, 0, 0, time.UTC)

// letter is a dead letter as a failed attempt leaves it.
func letter(shard, id string) *store.Message {
	m := &store.Message{
		ID: id, Queue: shard, Type: "test.die", Payload: []byte(`{"n": 1}`), Retry: 3, Retried: 3, Error: "no luck", LastFailedAt: died.Unix(), Timeout: 62,
	}
	m.SetMeta(store.Meta{Created: died.Add(-time.Hour).UnixMicro(), Timeout: 60_000, Tags: []string{"a", "b"}})
	return m
}

// bury puts letters into a shard, one a second from at on, and returns their ids. They
// are in the indexes, as those that the engine makes.
func bury(t testing.TB, c redis.UniversalClient, shard string, n int, at time.Time) []string {
	t.Helper()
	k := store.KeysOf(shard)
	pipe := c.Pipeline()
	pipe.SAdd(t.Context(), store.KeyQueues, shard)
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprintf("%s-%d-%06d", store.QueueOf(shard), store.ShardNumber(shard), i)
		score := float64(at.Unix() + int64(i))
		pipe.HSet(t.Context(), k.Task(ids[i]), store.FieldMessage, letter(shard, ids[i]).Encode(), store.FieldState, "archived",
			store.FieldIndex, "archived 00000000000000ff test.die", store.FieldFails, "1", store.FieldFailPrefix+"1", attempt(4).Encode())
		for _, set := range []string{k.Archived(), k.Index("archived", store.IndexType, "test.die"), k.Index("archived", store.IndexFingerprint, "00000000000000ff")} {
			pipe.ZAdd(t.Context(), set, redis.Z{Score: score, Member: ids[i]})
		}
		pipe.SAdd(t.Context(), k.Indexes(), "archived:t:test.die", "archived:f:00000000000000ff")
	}
	if _, err := pipe.Exec(t.Context()); err != nil {
		t.Fatal(err)
	}
	return ids
}

func attempt(n int) *store.Attempt {
	return &store.Attempt{Number: n, Started: died.UnixMilli() - 100, Ended: died.UnixMilli(), Worker: "w1", Kind: store.KindError, Error: "no <luck> & \"more\"", Final: true, Fingerprint: "00000000000000ff"}
}

// left returns the ids of a queue's dead letters, the oldest first in each shard, and
// fails the test if the indexes say otherwise.
func left(t testing.TB, c redis.UniversalClient, shards ...string) []string {
	t.Helper()
	ids := []string{}
	for _, s := range shards {
		k := store.KeysOf(s)
		all := c.ZRange(t.Context(), k.Archived(), 0, -1).Val()
		for _, set := range []string{k.Index("archived", store.IndexType, "test.die"), k.Index("archived", store.IndexFingerprint, "00000000000000ff")} {
			if indexed := c.ZRange(t.Context(), set, 0, -1).Val(); !slices.Equal(indexed, all) {
				t.Errorf("%s: the index %s has %d letters, the set %d", s, set, len(indexed), len(all))
			}
		}
		if names := c.SMembers(t.Context(), k.Indexes()).Val(); len(all) == 0 && len(names) > 0 {
			t.Errorf("%s: indexes %q are left of nothing", s, names)
		}
		if tasks := c.Keys(t.Context(), k.TaskPrefix()+"*").Val(); len(tasks) != len(all) {
			t.Errorf("%s: %d jobs for %d dead letters", s, len(tasks), len(all))
		}
		ids = append(ids, all...)
	}
	return ids
}

// shelf is an archive in a directory, with something that happens around a write.
type shelf struct {
	*archive.Writer
	dir   string
	after func(lines [][]byte) // nil: nothing
}

func newShelf(t testing.TB) *shelf {
	t.Helper()
	dir := t.TempDir()
	return &shelf{Writer: archive.New(archive.Options{Dir: dir, Name: "dead-letters"}), dir: dir}
}

func (s *shelf) Append(lines [][]byte) error {
	err := s.Writer.Append(lines)
	if s.after != nil {
		s.after(lines)
	}
	return err
}

// lines returns every line in the directory by id.
func (s *shelf) lines(t testing.TB) map[string][]client.ExportedJob {
	t.Helper()
	return linesIn(t, s.dir)
}

func linesIn(t testing.TB, dir string) map[string][]client.ExportedJob {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]client.ExportedJob{}
	for _, path := range paths {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		for line, err := range archive.Lines(f, 64<<20) {
			if errors.Is(err, archive.ErrCut) {
				break
			}
			var e client.ExportedJob
			if err == nil {
				err = json.Unmarshal(line, &e)
			}
			if err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			out[e.ID] = append(out[e.ID], e)
		}
		_ = f.Close()
	}
	return out
}

// journal is a log to look into.
type journal struct {
	mu    sync.Mutex
	lines []string // guarded by mu
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, string(b))
	return len(b), nil
}

func (j *journal) all() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.lines)
}

func (j *journal) log() *slog.Logger { return slog.New(slog.NewTextHandler(j, nil)) }

// retention returns one over its own inspector, as another process would have.
func retention(c redis.UniversalClient, o inspect.RetentionOptions) *inspect.Retention {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return inspect.NewRetention(inspect.New(c, o.Log), o)
}

// sweep is a sweep that must succeed, and returns how many letters it removed.
func sweep(t testing.TB, r *inspect.Retention) int {
	t.Helper()
	swept, err := r.Sweep(context.Background())
	if err != nil || swept.Elsewhere {
		t.Fatalf("sweep: %+v %v", swept, err)
	}
	n := 0
	for _, removed := range swept.Removed {
		n += removed
	}
	return n
}

func same(t testing.TB, what string, got, want []string) {
	t.Helper()
	got, want = slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))
	if !slices.Equal(got, want) {
		t.Errorf("%s: %d, want %d; got %.200q, want %.200q", what, len(got), len(want), got, want)
	}
}

func keys(lines map[string][]client.ExportedJob) []string {
	ids := []string{}
	for id := range lines {
		ids = append(ids, id)
	}
	return ids
}

func number(s string) int { n, _ := strconv.Atoi(s); return n }

func mustState(t testing.TB, r *rig, id string, state jobs.State) {
	t.Helper()
	if j := r.job(id); j.State != string(state) {
		t.Errorf("job %s is %s, want %s", id, j.State, state)
	}
}

func mustMkdir(t testing.TB, dir string) {
	t.Helper()
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
}

// openURL returns a client of its own.
func openURL(t testing.TB, url string) redis.UniversalClient {
	t.Helper()
	c, err := store.Open(store.Options{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}
