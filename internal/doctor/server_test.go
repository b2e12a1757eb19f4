package doctor_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"legwork/internal/doctor"
	"legwork/internal/store"
	"legwork/internal/store/storetest"
)

// Promise: every kind of Redis is examined with every check; what one cannot tell
// is not known, with the reason.
func TestEveryKindOfRedis(t *testing.T) {
	t.Parallel()
	storetest.All(t, func(t *testing.T, inst storetest.Instance) {
		r := examine(t, inst.Client)
		_, isCluster := inst.Client.(*redis.ClusterClient)
		for _, c := range doctor.Codes() {
			has := slices.ContainsFunc(r.Findings, func(f doctor.Finding) bool { return f.Code == c.Name })
			if has != (c.Name != doctor.CodeCluster || isCluster) {
				t.Errorf("%s: made %t", c.Name, has)
			}
		}
		want := []string(nil)
		if strings.HasSuffix(t.Name(), "embedded") {
			want = []string{"disk_writes", "eviction_policy", "memory", "persistence", "redis_version", "replication_role"}
			if f := finding(t, r, doctor.CodeEviction); !strings.Contains(f.Value, "not supported") {
				t.Errorf("value = %q", f.Value)
			}
		}
		if got := codes(r, doctor.LevelUnknown); !slices.Equal(got, want) {
			t.Errorf("not known: %v, want %v", got, want)
		}
		if isCluster {
			if f := finding(t, r, doctor.CodeEviction); len(f.Nodes) != 3 {
				t.Errorf("nodes = %v", f.Nodes)
			}
		}
		total := 0
		for _, n := range r.Counts {
			total += n
		}
		if total != len(r.Findings) {
			t.Errorf("counts %v of %d findings", r.Counts, len(r.Findings))
		}
	})
}

// Promise: persistence is judged by what a crash loses, and durability strict
// takes only an append-only file that is synced at every write.
func TestPersistence(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		args   []string
		level  doctor.Level
		says   string
		strict bool // fits durability strict
	}{
		"none":     {nil, doctor.LevelFail, "neither", false},
		"snapshot": {[]string{"--save", "60 1000"}, doctor.LevelWarn, "snapshots only (save 60 1000)", false},
		"no":       {[]string{"--appendonly", "yes", "--appendfsync", "no"}, doctor.LevelWarn, "appendfsync no", false},
		"everysec": {[]string{"--appendonly", "yes", "--appendfsync", "everysec"}, doctor.LevelOK, "every second", false},
		"always":   {[]string{"--appendonly", "yes", "--appendfsync", "always"}, doctor.LevelOK, "every write", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inst := storetest.RedisWith(t, storetest.Options{Args: c.args})
			if f := want(t, examine(t, inst.Client), doctor.CodePersistence, c.level, c.says); f.RefusesStart {
				t.Error("standard durability refuses to start")
			}
			level := doctor.LevelOK
			if !c.strict {
				level = doctor.LevelFail
			}
			if f := want(t, examine(t, inst.Client, strict), doctor.CodePersistence, level, c.says); f.RefusesStart == c.strict {
				t.Errorf("strict durability: refuses to start %t", f.RefusesStart)
			}
		})
	}
}

// Promise: every policy but noeviction is a failure that keeps Legwork from
// starting, on one master of a Cluster too.
func TestEvictionPolicy(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	for _, policy := range []string{"allkeys-lru", "allkeys-lfu", "allkeys-random", "volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl"} {
		set(t, inst.Client, "maxmemory-policy", policy)
		if f := want(t, examine(t, inst.Client), doctor.CodeEviction, doctor.LevelFail, policy); !f.RefusesStart {
			t.Errorf("%s does not refuse the start", policy)
		}
	}
	cluster := storetest.Cluster(t)
	masters, err := store.Masters(t.Context(), cluster.Client)
	if err != nil {
		t.Fatal(err)
	}
	set(t, masters[2].Client, "maxmemory-policy", "volatile-lru")
	for _, f := range doctor.New(doctor.Options{Redis: cluster.Client}).ExamineServer(t.Context()).Findings {
		if f.Code != doctor.CodeEviction {
			continue
		}
		if bad := f.Level == doctor.LevelFail; bad != slices.Equal(f.Nodes, []string{masters[2].Addr}) || bad != f.RefusesStart {
			t.Errorf("finding = %+v", f)
		}
	}
}

// Promise: what a user may not ask is not known and says which right is missing;
// durability strict does not take that for an answer.
func TestRightsMissing(t *testing.T) {
	t.Parallel()
	inst := storetest.RedisWith(t, storetest.Options{TCP: true, AOF: true})
	run(t, inst.Client, "ACL SETUSER noconf on >pw ~* &* +@all -config", "ACL SETUSER noinfo on >pw ~* &* +@all -config -info")
	noconf := open(t, store.Options{URL: inst.URL, Username: "noconf", Password: "pw"})
	want(t, examine(t, noconf), doctor.CodePersistence, doctor.LevelUnknown, "CONFIG GET appendfsync is refused")
	f := want(t, examine(t, noconf, strict), doctor.CodePersistence, doctor.LevelUnknown, "refused")
	if !f.RefusesStart || !strings.Contains(f.Remedy, "+config|get") {
		t.Errorf("finding = %+v", f)
	}
	r := examine(t, open(t, store.Options{URL: inst.URL, Username: "noinfo", Password: "pw"}))
	for _, code := range []string{doctor.CodeVersion, doctor.CodeReplication, doctor.CodePersistence, doctor.CodeDiskWrites, doctor.CodeEviction, doctor.CodeMemory} {
		want(t, r, code, doctor.LevelUnknown, "NOPERM")
	}
	want(t, r, doctor.CodeClock, doctor.LevelOK, "")
}

// Promise: memory is judged by the share of maxmemory that is used, against the
// share from which on jobs are refused.
func TestMemory(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	squeeze := func(percent int64) {
		m, err := store.ReadMemory(t.Context(), inst.Client)
		if err != nil {
			t.Fatal(err)
		}
		set(t, inst.Client, "maxmemory", strconv.FormatInt(m.Used*100/percent, 10))
	}
	want(t, examine(t, inst.Client), doctor.CodeMemory, doctor.LevelWarn, "no maxmemory")
	for percent, level := range map[int64]doctor.Level{10: doctor.LevelOK, 68: doctor.LevelWarn, 90: doctor.LevelFail, 150: doctor.LevelFail} {
		squeeze(percent)
		want(t, examine(t, inst.Client), doctor.CodeMemory, level, "used (")
	}
	squeeze(87)
	want(t, examine(t, inst.Client, func(o *doctor.Options) { o.FullAt = 0 }), doctor.CodeMemory, doctor.LevelWarn, "used (")
}

// Promise: a replica is told from its master, however it is reached.
func TestReplica(t *testing.T) {
	t.Parallel()
	inst := storetest.Sentinel(t)
	want(t, examine(t, inst.Client), doctor.CodeReplication, doctor.LevelOK, "master with 1 replica")
	replica := open(t, store.Options{URL: "redis://" + inst.Nodes[1].Addr()})
	f := want(t, examine(t, replica), doctor.CodeReplication, doctor.LevelFail, "read-only replica of "+inst.Nodes[0].Addr())
	if f.RefusesStart {
		t.Error("a failover under way would end the process")
	}
}

// Promise: a Cluster that has lost a master is a failure and no crash; a member
// that is reached as a single server is told.
func TestClusterState(t *testing.T) {
	t.Parallel()
	inst := storetest.Cluster(t)
	want(t, examine(t, inst.Client), doctor.CodeCluster, doctor.LevelOK, "16384 of 16384 slots")
	member := open(t, store.Options{URL: "redis://" + inst.Nodes[0].Addr()})
	want(t, examine(t, member), doctor.CodeCluster, doctor.LevelFail, "reached as a single server")
	inst.Nodes[2].Kill()
	var last *doctor.Report
	eventually(t, func() bool {
		last = doctor.New(doctor.Options{Redis: inst.Client}).ExamineServer(t.Context())
		return slices.ContainsFunc(last.Findings, func(f doctor.Finding) bool {
			return f.Code == doctor.CodeCluster && f.Level == doctor.LevelFail && strings.HasPrefix(f.Value, "fail")
		})
	}, func() string { return strings.Join(codes(last, doctor.LevelFail), " ") })
	if r := examine(t, inst.Client); r.Level != doctor.LevelFail {
		t.Errorf("level = %s: %+v", r.Level, r.Findings)
	}
}

// Promise: a Redis that is gone, frozen or refuses the password is one finding,
// within seconds.
func TestNoConnection(t *testing.T) {
	t.Parallel()
	for name, breakIt := range map[string]func(storetest.Instance){
		"gone": storetest.Instance.Kill, "frozen": storetest.Instance.Pause,
		"password": func(i storetest.Instance) { set(t, i.Client, "requirepass", "hunter2") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inst := storetest.Redis(t)
			breakIt(inst)
			began := time.Now()
			r := examine(t, inst.Open())
			if !r.Unreachable() || len(r.Findings) != 1 || r.Findings[0].Remedy == "" {
				t.Errorf("report = %+v", r)
			}
			if r.Findings[0].RefusesStart || !examine(t, inst.Open(), strict).Findings[0].RefusesStart {
				t.Error("only durability strict must not start without an answer")
			}
			if took := time.Since(began); took > 15*time.Second {
				t.Errorf("took %s", took)
			}
		})
	}
}

// Promise: a snapshot that failed, after which Redis refuses writes, is a failure,
// and a warning where it does not refuse them.
func TestFailedSnapshot(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	inst := storetest.RedisWith(t, storetest.Options{TCP: true, Dir: dir, Args: []string{"--save", "3600 1"}})
	want(t, examine(t, inst.Client), doctor.CodeDiskWrites, doctor.LevelOK, "")
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	run(t, inst.Client, "BGSAVE")
	eventually(t, func() bool {
		info, err := store.ReadInfo(t.Context(), inst.Client, "persistence")
		return err == nil && info["rdb_last_bgsave_status"] == "err"
	}, func() string { return "the snapshot does not fail" })
	if err := inst.Client.Set(t.Context(), "x", 1, 0).Err(); err == nil || !strings.HasPrefix(err.Error(), "MISCONF") {
		t.Fatalf("a write: %v", err)
	}
	r := examine(t, inst.Client)
	want(t, r, doctor.CodeDiskWrites, doctor.LevelFail, "snapshot failed")
	want(t, r, doctor.CodeConnection, doctor.LevelFail, "does not serve: MISCONF")
	if r.Unreachable() {
		t.Error("a Redis that answers passes for one that does not")
	}
	set(t, inst.Client, "stop-writes-on-bgsave-error", "no")
	want(t, examine(t, inst.Client), doctor.CodeDiskWrites, doctor.LevelWarn, "snapshot failed")
}

// edited is a Redis whose INFO reads differently.
type edited struct {
	redis.UniversalClient
	edit *strings.Replacer
}

func (e edited) Info(ctx context.Context, sections ...string) *redis.StringCmd {
	cmd := e.UniversalClient.Info(ctx, sections...)
	cmd.SetVal(e.edit.Replace(cmd.Val()))
	return cmd
}

// Promise: a Redis before 6.2 keeps Legwork from starting, one before 7 is a
// warning, and Valkey is told by its own version.
func TestVersion(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	info, err := store.ReadInfo(t.Context(), inst.Client, "server")
	if err != nil {
		t.Fatal(err)
	}
	for text, c := range map[string]struct {
		level doctor.Level
		says  string
	}{
		"redis_version:5.0.14":                        {doctor.LevelFail, "Redis 5.0.14"},
		"redis_version:6.0.16":                        {doctor.LevelFail, "Redis 6.0.16"},
		"redis_version:6.2.16":                        {doctor.LevelWarn, "Redis 6.2.16"},
		"redis_version:8.2.1":                         {doctor.LevelOK, "Redis 8.2.1"},
		"redis_version:7.2.4\r\nvalkey_version:8.1.3": {doctor.LevelOK, "Valkey 8.1.3"},
		"redis_version:unstable":                      {doctor.LevelUnknown, "unstable"},
	} {
		r := examine(t, edited{inst.Client, strings.NewReplacer("redis_version:"+info["redis_version"], text)})
		if f := want(t, r, doctor.CodeVersion, c.level, c.says); f.RefusesStart != (c.level == doctor.LevelFail) {
			t.Errorf("%s: refuses the start %t", text, f.RefusesStart)
		}
	}
}

// shifted is a Redis whose clock is off.
type shifted struct {
	redis.UniversalClient
	by time.Duration
}

func (s shifted) Time(ctx context.Context) *redis.TimeCmd {
	cmd := s.UniversalClient.Time(ctx)
	cmd.SetVal(cmd.Val().Add(s.by))
	return cmd
}

// Promise: a clock that is off by more than 100 ms is a warning, by more than 10 s
// a failure, in both directions.
func TestClockSkew(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	for by, c := range map[time.Duration]struct {
		level doctor.Level
		says  string
	}{
		0:                {doctor.LevelOK, ""},
		3 * time.Second:  {doctor.LevelWarn, "behind Redis"},
		-3 * time.Second: {doctor.LevelWarn, "ahead of Redis"},
		time.Minute:      {doctor.LevelFail, "1m0s behind"},
		-time.Minute:     {doctor.LevelFail, "1m0s ahead"},
	} {
		want(t, examine(t, shifted{inst.Client, by}), doctor.CodeClock, c.level, c.says)
	}
}

// Promise: a slow way to Redis is a warning, and does not pass for a wrong clock.
func TestLatency(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	proxy := storetest.Proxy(t, inst.URL)
	proxy.Latency(15 * time.Millisecond)
	c := open(t, store.Options{URL: proxy.URL})
	r := examine(t, c)
	want(t, r, doctor.CodeLatency, doctor.LevelWarn, "p50")
	want(t, r, doctor.CodeClock, doctor.LevelOK, "")
}

// pausing is a client one of whose calls of TIME takes long, after those by which the
// clocks are compared.
type pausing struct {
	redis.UniversalClient
	calls *atomic.Int64
}

func (p pausing) Time(ctx context.Context) *redis.TimeCmd {
	if p.calls.Add(1) == 50 {
		time.Sleep(60 * time.Millisecond)
	}
	return p.UniversalClient.Time(ctx)
}

// Promise: one pause, of this machine or of Redis, is no warning of slow calls.
func TestOnePauseIsNoFinding(t *testing.T) {
	t.Parallel()
	c := pausing{open(t, store.Options{URL: storetest.Redis(t).URL}), new(atomic.Int64)}
	want(t, examine(t, c), doctor.CodeLatency, doctor.LevelOK, "of 100 calls")
	if n := c.calls.Load(); n < 200 {
		t.Errorf("%d calls: the pause was not met", n)
	}
}
