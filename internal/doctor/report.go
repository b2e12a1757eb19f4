package doctor

import (
	"cmp"
	"slices"
	"time"
)

// Level says how bad a finding is.
type Level string

// The levels of a [Finding].
const (
	LevelOK      Level = "ok"
	LevelUnknown Level = "unknown" // the check could not be made; the value says why
	LevelWarn    Level = "warn"    // works, but something may go wrong or already hurts
	LevelFail    Level = "fail"    // jobs can be lost or do not run
)

// Levels returns every level, the worst first.
func Levels() []Level { return []Level{LevelFail, LevelWarn, LevelUnknown, LevelOK} }

func (l Level) rank() int { return slices.Index(Levels(), l) }

// The codes of findings. They are stable: scripts may rely on them.
const (
	CodeConnection  = "connection"
	CodeVersion     = "redis_version"
	CodeReplication = "replication_role"
	CodeCluster     = "cluster_state"
	CodePersistence = "persistence"
	CodeDiskWrites  = "disk_writes"
	CodeEviction    = "eviction_policy"
	CodeMemory      = "memory"
	CodeClock       = "clock_skew"
	CodeLatency     = "latency"
	CodeWorkers     = "workers"
	CodeUnserved    = "unserved_queues"
	CodeScripts     = "unknown_scripts"
	CodeStuck       = "stuck_jobs"
	CodeGhosts      = "ghost_ids"
	CodeOrphans     = "unlisted_jobs"
	CodeKeyTypes    = "key_types"
	CodeLetters     = "dead_letters"
)

// Code is a kind of finding.
type Code struct{ Name, About string }

// Codes returns every code, in the order in which checks are made, with what an ok
// says.
func Codes() []Code {
	return []Code{
		{CodeConnection, "Redis answers"},
		{CodeVersion, "Redis 6.2 or later, or Valkey"},
		{CodeReplication, "Redis is a master, not a read-only replica"},
		{CodeCluster, "on a Cluster: every slot is served"},
		{CodePersistence, "what a crash of Redis loses"},
		{CodeDiskWrites, "the last writes to disk went well"},
		{CodeEviction, "Redis never deletes jobs to make room (noeviction)"},
		{CodeMemory, "room is left below maxmemory"},
		{CodeClock, "this machine's clock agrees with Redis'"},
		{CodeLatency, "a call is answered quickly"},
		{CodeWorkers, "worker processes live"},
		{CodeUnserved, "pending jobs are in queues that a living worker serves"},
		{CodeScripts, "workers run the version of asynq they were made for"},
		{CodeStuck, "active jobs are run by somebody"},
		{CodeGhosts, "ids in lists have their jobs"},
		{CodeOrphans, "jobs are in the list of their state"},
		{CodeKeyTypes, "keys under asynq's names are of asynq's types"},
		{CodeLetters, "no queue has more dead letters than dead_letters.warn_at says"},
	}
}

// Finding is the outcome of one check, on one server or on several alike.
type Finding struct {
	Code  string `json:"code"`
	Level Level  `json:"level"`
	// Nodes are the addresses that it is about; none unless Redis is a Cluster and
	// the check is about single servers.
	Nodes []string `json:"nodes,omitempty"`
	// Value is what was found, in a few words; of an unknown one, why not.
	Value string `json:"value"`
	// Remedy is what to do. Empty when there is nothing to do.
	Remedy string `json:"remedy,omitempty"`
	// Examples are some of the jobs, keys or processes in question.
	Examples []string `json:"examples,omitempty"`
	// RefusesStart tells that the serve roles do not start because of it.
	RefusesStart bool `json:"refuses_start,omitempty"`
}

// Report is the outcome of an examination.
type Report struct {
	// Level is the worst level among the findings; unknown ones do not count.
	Level     Level         `json:"level"`
	CheckedAt time.Time     `json:"checked_at"`
	TookMS    int64         `json:"took_ms"`
	Counts    map[Level]int `json:"counts"` // findings by level
	Findings  []Finding     `json:"findings"`
}

// newReport joins findings that say the same of several nodes, and sums up.
func newReport(findings []Finding, began time.Time) *Report {
	r := &Report{
		Level: LevelOK, CheckedAt: began.UTC(), TookMS: time.Since(began).Milliseconds(),
		Counts: map[Level]int{}, Findings: []Finding{},
	}
	for _, l := range Levels() {
		r.Counts[l] = 0
	}
	for _, f := range findings {
		same := slices.IndexFunc(r.Findings, func(g Finding) bool {
			return len(f.Nodes) > 0 && g.Code == f.Code && g.Level == f.Level && g.Value == f.Value && g.Remedy == f.Remedy
		})
		if same >= 0 {
			r.Findings[same].Nodes = append(r.Findings[same].Nodes, f.Nodes...)
			continue
		}
		r.Findings = append(r.Findings, f)
		r.Counts[f.Level]++
		if f.Level != LevelUnknown && f.Level.rank() < r.Level.rank() {
			r.Level = f.Level
		}
	}
	return r
}

// WorstFirst returns the findings sorted by level, those of one level as they were
// checked.
func (r *Report) WorstFirst() []Finding {
	sorted := slices.Clone(r.Findings)
	slices.SortStableFunc(sorted, func(a, b Finding) int { return cmp.Compare(a.Level.rank(), b.Level.rank()) })
	return sorted
}

// Unreachable reports whether Redis did not answer: then that is all that was found.
func (r *Report) Unreachable() bool {
	return len(r.Findings) == 1 && r.Findings[0].Code == CodeConnection && r.Level == LevelFail
}

func ok(code, value string) Finding { return Finding{Code: code, Level: LevelOK, Value: value} }

func warn(code, value, remedy string) Finding {
	return Finding{Code: code, Level: LevelWarn, Value: value, Remedy: remedy}
}

func fail(code, value, remedy string) Finding {
	return Finding{Code: code, Level: LevelFail, Value: value, Remedy: remedy}
}

// unknown is a check that could not be made.
func unknown(code string, err error) Finding {
	return Finding{Code: code, Level: LevelUnknown, Value: "not known: " + err.Error()}
}
