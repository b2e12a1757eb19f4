package chaos

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// Kind says what happened.
type Kind string

// What a ledger tells. Times are the machine's wall clock, which all processes
// of a run share.
const (
	Accepted     Kind = "accepted"     // enqueue has returned without an error
	Start        Kind = "start"        // a handler starts; its first act
	End          Kind = "end"          // a handler has done its work; its last act
	Failed       Kind = "failed"       // a handler returns an error; its last act
	Stopped      Kind = "stopped"      // a handler returns because its context has ended
	Acknowledged Kind = "acknowledged" // Redis was seen to hold the job as completed
	Ready        Kind = "ready"        // a worker process works
	Killed       Kind = "killed"       // a worker process is gone (SIGKILL)
	Frozen       Kind = "frozen"       // a worker process has been told to stand still (SIGSTOP)
	Thawed       Kind = "thawed"       // and is about to go on (SIGCONT)
	Cut          Kind = "cut"          // a worker process is about to lose its connections to Redis
	Healed       Kind = "healed"       // and is about to have them again
)

// Entry is one line of a ledger.
type Entry struct {
	Kind    Kind
	At      time.Time
	PID     int       // the worker process; 0 for what happens outside of one
	Job     string    // id; "" for what happens to a process
	Run     int       // number of the handler's run in its process
	Attempt int       // as the handler was told
	Due     time.Time // of accepted jobs: when the job may start; zero for at once
}

// none stands for an empty field.
const none = "-"

// seal ends a complete record. A process can be killed in the middle of a write.
const seal = "."

// encode returns the record as one write. It begins on a new line, so that a
// torn record before it spoils nothing.
func (e Entry) encode() []byte {
	job, due := e.Job, int64(0)
	if job == "" {
		job = none
	}
	if !e.Due.IsZero() {
		due = e.Due.UnixNano()
	}
	return fmt.Appendf(nil, "\n%s %d %d %s %d %d %d %s\n", e.Kind, e.At.UnixNano(), e.PID, job, e.Run, e.Attempt, due, seal)
}

// decode reads a record; false means that it is torn.
func decode(line []byte) (Entry, bool) {
	var e Entry
	var at, due int64
	var end string
	if _, err := fmt.Sscanf(string(line), "%s %d %d %s %d %d %d %s", &e.Kind, &at, &e.PID, &e.Job, &e.Run, &e.Attempt, &due, &end); err != nil || end != seal {
		return Entry{}, false
	}
	e.At = time.Unix(0, at)
	if due != 0 {
		e.Due = time.Unix(0, due)
	}
	if e.Job == none {
		e.Job = ""
	}
	return e, true
}

// Ledger appends entries to a file that several processes share. It is safe for
// concurrent use.
type Ledger struct{ file *os.File }

// Open opens the ledger at path and creates it where there is none.
func Open(path string) (*Ledger, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the ledger: %w", err)
	}
	return &Ledger{file: f}, nil
}

// Write appends one entry with a single write, so that it stays whole beside
// those of other processes and survives the death of this one. At defaults to
// now.
func (l *Ledger) Write(e Entry) error {
	if e.At.IsZero() {
		e.At = time.Now()
	}
	if _, err := l.file.Write(e.encode()); err != nil {
		return fmt.Errorf("write the ledger: %w", err)
	}
	return nil
}

// Close closes the file.
func (l *Ledger) Close() error { return l.file.Close() }

// Reader reads a ledger while it grows. It is not safe for concurrent use.
type Reader struct {
	path string
	at   int64 // everything before has been read
}

// NewReader returns a reader at the ledger's begin.
func NewReader(path string) *Reader { return &Reader{path: path} }

// Next returns the entries that were written since the last call. Torn ones are
// left out.
func (r *Reader) Next() ([]Entry, error) {
	f, err := os.Open(r.path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the ledger: %w", err)
	}
	defer func() { _ = f.Close() }()
	if _, err := f.Seek(r.at, io.SeekStart); err != nil {
		return nil, fmt.Errorf("read the ledger: %w", err)
	}
	raw, err := io.ReadAll(f)
	if err != nil {
		return nil, fmt.Errorf("read the ledger: %w", err)
	}
	raw = raw[:bytes.LastIndexByte(raw, '\n')+1]
	r.at += int64(len(raw))
	var entries []Entry
	for line := range bytes.Lines(raw) {
		if e, ok := decode(line); ok {
			entries = append(entries, e)
		}
	}
	return entries, nil
}
