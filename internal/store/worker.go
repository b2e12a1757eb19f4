package store

import (
	"strconv"
	"strings"
	"time"
)

// RunningMax bounds the jobs that a [Status] names: those that have run longest.
const RunningMax = 200

// StatusTTL is how long the last [Status] of a process outlives it: until long after
// its jobs have been given to others, so that it can be said whose they were.
const StatusTTL = 2 * time.Minute

// States of a worker process, as it tells them itself.
const (
	WorkerRunning  = "running"
	WorkerQuiet    = "quiet"    // takes no jobs, and finishes those it has
	WorkerStopping = "stopping" // the same, and ends then
)

// Worker is what a worker process tells of itself in its announcement, under
// [KeyWorkerPrefix]: what seldom changes. The types that it runs stand beside these
// fields, in the words of the API.
type Worker struct {
	ID          string         `json:"id"`
	Host        string         `json:"host"`
	PID         int            `json:"pid"`
	Version     string         `json:"version"` // of the binary
	Roles       []string       `json:"roles,omitempty"`
	StartedAt   time.Time      `json:"started_at"`
	At          time.Time      `json:"at"`              // when it was announced
	State       string         `json:"state,omitempty"` // WorkerRunning, when empty
	Concurrency int            `json:"concurrency"`     // slots of all pools
	Queues      map[string]int `json:"queues"`          // weight by name, of all pools
	Pools       []WorkerPool   `json:"pools,omitempty"`
	// UnknownScripts counts the scripts of asynq's that the process has run and that
	// its seam did not recognise.
	UnknownScripts int64 `json:"unknown_scripts,omitempty"`
}

// WorkerPool is the slots of a worker process for some queues.
type WorkerPool struct {
	Name           string         `json:"name"`
	Queues         map[string]int `json:"queues"` // weight by name; queues, not their shards
	StrictPriority bool           `json:"strict_priority,omitempty"`
	Concurrency    int            `json:"concurrency"`
}

// Status is what a worker process does, under [KeyStatusPrefix]: written soon after
// it changes, and from time to time while there is anything to tell. A process that
// has nothing to do has none. Times are Unix milliseconds.
type Status struct {
	Host    string       `json:"h"`
	PID     int          `json:"pid"`
	At      int64        `json:"at"`
	State   string       `json:"s"`
	Applied string       `json:"ap,omitempty"` // the last [Wish] that it has carried out
	Zombies int          `json:"z,omitempty"`  // handlers that ignore their cancelled contexts
	Pools   []PoolStatus `json:"p"`
	Running []Running    `json:"r,omitempty"` // at most RunningMax, those that have run longest first
}

// PoolStatus is what the slots of a pool do.
type PoolStatus struct {
	Name  string         `json:"n"`
	Busy  int            `json:"b"`           // slots that run a job
	Types map[string]int `json:"t,omitempty"` // how many of them run each type
}

// Running is a job whose handler runs.
type Running struct {
	ID        string `json:"id"`
	Queue     string `json:"q"` // the shard
	Type      string `json:"t"`
	Attempt   int    `json:"n"`
	Started   int64  `json:"at"`
	End       int64  `json:"end"`         // when its timeout or deadline ends its context
	Cancelled bool   `json:"c,omitempty"` // its context has ended
	Zombie    bool   `json:"z,omitempty"` // and its handler does not return
}

// Things that a worker process can be asked for.
const (
	WishQuiet  = "quiet"
	WishResume = "resume"
)

// Wish is what somebody asks a worker process for, under [KeyWishPrefix] as "<number>
// <what>". The number is Redis's time in microseconds: the greatest is the latest.
type Wish struct {
	Number int64
	What   string // WishQuiet or WishResume
}

// ParseWish reads a wish; the zero Wish is none.
func ParseWish(text string) Wish {
	number, what, _ := strings.Cut(text, " ")
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n <= 0 || what != WishQuiet && what != WishResume {
		return Wish{}
	}
	return Wish{n, what}
}

// String is what [ParseWish] reads.
func (w Wish) String() string { return strconv.FormatInt(w.Number, 10) + " " + w.What }

// Cancel is the value of [FieldCancel]: that somebody wants a running job cancelled
// and, once its worker has ended the handler's context, that it has. Times are Unix
// milliseconds.
type Cancel struct {
	Asked        int64
	Worker       string // "" until it has acknowledged
	Acknowledged int64
}

// ParseCancel reads "<asked>" or "<asked> <worker> <acknowledged>"; ok is false for "".
func ParseCancel(text string) (c Cancel, ok bool) {
	words := strings.Fields(text)
	if len(words) == 0 {
		return c, false
	}
	c.Asked, _ = strconv.ParseInt(words[0], 10, 64)
	if len(words) == 3 {
		c.Worker = words[1]
		c.Acknowledged, _ = strconv.ParseInt(words[2], 10, 64)
	}
	return c, true
}
