package embedded_test

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"legwork/internal/store/embedded"
)

const binary = "\x00\r\n\xff\xfe$5"

// fill stores a value of every type and returns how to read each back.
func fill(t *testing.T, c redis.UniversalClient) {
	t.Helper()
	ctx := t.Context()
	for _, err := range []error{
		c.Set(ctx, "string"+binary, binary, 0).Err(),
		c.Set(ctx, "empty", "", 0).Err(),
		c.RPush(ctx, "list", "b", "a", binary, "a", "").Err(),
		c.SAdd(ctx, "set", "x", binary).Err(),
		c.HSet(ctx, "hash", "f", "1", binary, binary, "", "").Err(),
		c.ZAdd(ctx, "zset", redis.Z{Score: 1.5, Member: "a"}, redis.Z{Score: math.Inf(1), Member: binary},
			redis.Z{Score: math.Inf(-1), Member: "b"}, redis.Z{Score: 1764000000.123456, Member: "c"}).Err(),
		c.Set(ctx, "long", "1", time.Hour).Err(),
		c.Set(ctx, "short", "1", 300*time.Millisecond).Err(),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
}

func read(t *testing.T, c redis.UniversalClient) map[string]any {
	t.Helper()
	ctx := t.Context()
	all := map[string]any{
		"keys": c.DBSize(ctx).Val(), "string": c.Get(ctx, "string"+binary).Val(), "empty": c.Exists(ctx, "empty").Val(),
		"list": c.LRange(ctx, "list", 0, -1).Val(), "set": c.SMembersMap(ctx, "set").Val(),
		"hash": c.HGetAll(ctx, "hash").Val(), "zset": c.ZRangeWithScores(ctx, "zset", 0, -1).Val(),
	}
	if err := c.Ping(ctx).Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// What a run in memory holds is there in the next one after a clean stop: every
// type, byte for byte, in every database, with the time it has left to live.
func TestMemoryKeeps(t *testing.T) {
	t.Parallel()
	dir := shortDir(t)
	s, c := start(t, embedded.Options{Dir: dir, InMemory: true})
	if s.Kind() != "in memory" || s.Durable() {
		t.Errorf("it is %q, durable %t", s.Kind(), s.Durable())
	}
	checkMode(t, filepath.Join(dir, "redis.sock"))
	fill(t, c)
	fill(t, open(t, s.URL()+"?db=3"))
	until(t, "a key with 300 ms to live expires", func() bool { return c.Exists(t.Context(), "short").Val() == 0 })
	want := read(t, c)
	stop(t, s)
	checkMode(t, filepath.Join(dir, "memory.snapshot"))

	s, c = start(t, embedded.Options{Dir: dir, InMemory: true})
	for _, c := range []redis.UniversalClient{c, open(t, s.URL()+"?db=3")} {
		if diff := cmp.Diff(want, read(t, c)); diff != "" {
			t.Errorf("after the restart (-want +got):\n%s", diff)
		}
		if ttl := c.PTTL(t.Context(), "long").Val(); ttl < 55*time.Minute || ttl > time.Hour {
			t.Errorf("time to live of a key: %s", ttl)
		}
		if ttl := c.PTTL(t.Context(), "list").Val(); ttl != -1 {
			t.Errorf("time to live of a key that has none: %s", ttl)
		}
	}
}

// A snapshot that is damaged is set aside with a warning; the server starts
// empty and saves anew.
func TestMemoryDamagedSnapshot(t *testing.T) {
	t.Parallel()
	dir := shortDir(t)
	path := filepath.Join(dir, "memory.snapshot")
	s, c := start(t, embedded.Options{Dir: dir, InMemory: true})
	fill(t, c)
	stop(t, s)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	flipped := append([]byte(nil), whole...)
	flipped[len(flipped)/2] ^= 1
	for name, raw := range map[string][]byte{
		"empty": {}, "truncated": whole[:len(whole)-10], "flipped": flipped, "other": []byte("REDIS0011 something else"),
	} {
		if err := os.WriteFile(path, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		text, log := capture()
		s, c := start(t, embedded.Options{Dir: dir, InMemory: true, Log: log})
		if n := c.DBSize(t.Context()).Val(); n != 0 {
			t.Errorf("%s: starts with %d keys", name, n)
		}
		stop(t, s)
		if !strings.Contains(text.String(), "set aside") {
			t.Errorf("%s: logged %q", name, text)
		}
		if got, err := os.ReadFile(path + ".corrupt"); err != nil || string(got) != string(raw) {
			t.Errorf("%s: set aside are %d bytes, %v; want %d", name, len(got), err, len(raw))
		}
		if got, err := os.ReadFile(path); err != nil || len(got) == 0 {
			t.Errorf("%s: no new snapshot: %v", name, err)
		}
	}
}

// A snapshot that cannot be read for another reason is not touched.
func TestMemoryUnreadableSnapshot(t *testing.T) {
	t.Parallel()
	dir := shortDir(t)
	if err := os.Mkdir(filepath.Join(dir, "memory.snapshot"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := embedded.Start(t.Context(), embedded.Options{Dir: dir, InMemory: true}); err == nil || !strings.Contains(err.Error(), "read the snapshot") {
		t.Errorf("got %v", err)
	}
}
