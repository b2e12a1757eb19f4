package store

import (
	"encoding/json"
	"strconv"
	"strings"
)

// LogRunsMax bounds the runs of one job whose logs are kept: the last ones.
const LogRunsMax = 10

// Names of the members of a [LogLine], for whoever writes one without this type.
const (
	LineAt      = "t"
	LineLevel   = "l"
	LineMessage = "m"
	LineAttrs   = "a"
)

// LogLine is one line of a job's own log, kept as JSON with a line feed behind it.
type LogLine struct {
	At      int64           `json:"t"` // Unix microseconds
	Level   string          `json:"l"` // as package slog writes it: INFO, WARN+1
	Message string          `json:"m"`
	Attrs   json.RawMessage `json:"a,omitempty"` // an object
}

// LogRun is one run of a job whose log is kept. Its lines are in the fields
// [LogRun.Field] of the job's hash, some kilobytes in each, whole lines in all of
// them; only the last one still grows. [FieldLogRuns] has a line per run, which
// lua/log.lua of the engine keeps:
//
//	<number> <token> <began> <attempt> <chunks> <lines> <dropped>
type LogRun struct {
	Number  int64 // grows by one with each run of the job that has a log
	Token   int64 // under which the run held its job
	Began   int64 // Unix microseconds of its first line
	Attempt int
	Chunks  int // fields that hold its lines
	Lines   int
	Dropped int // lines that found no room
}

// logChunksMax bounds what is believed of a run: several times what one can have.
const logChunksMax = 1024

// LogRuns reads a [FieldLogRuns], the oldest run first. What cannot be read is left
// out.
func LogRuns(text string) []LogRun {
	var runs []LogRun
	for line := range strings.SplitSeq(text, "\n") {
		if r, ok := logRun(strings.Fields(line)); ok {
			runs = append(runs, r)
		}
	}
	return runs
}

func logRun(words []string) (LogRun, bool) {
	if len(words) != 7 {
		return LogRun{}, false
	}
	var n [7]int64
	for i, word := range words {
		var err error
		if n[i], err = strconv.ParseInt(word, 10, 64); err != nil || n[i] < 0 {
			return LogRun{}, false
		}
	}
	if n[4] > logChunksMax {
		return LogRun{}, false
	}
	return LogRun{Number: n[0], Token: n[1], Began: n[2], Attempt: int(n[3]), Chunks: int(n[4]), Lines: int(n[5]), Dropped: int(n[6])}, true
}

// Field is the field of the job's hash with a chunk of the run's lines, from 0.
func (r LogRun) Field(chunk int) string {
	return FieldLogPrefix + strconv.FormatInt(r.Number, 10) + ":" + strconv.Itoa(chunk)
}

// Progress is what a handler has last reported, kept as JSON in [FieldProgress].
type Progress struct {
	Done    int64 `json:"done"`
	Total   int64 `json:"total"`
	At      int64 `json:"at"` // Unix milliseconds
	Attempt int   `json:"n"`  // of the run that reported it
}
