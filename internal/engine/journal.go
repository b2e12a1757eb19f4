package engine

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"legwork/internal/store"
)

// Bounds of what one run may leave in its job's log.
const (
	logLinesMax = 1000
	logBytesMax = 256 << 10
	logLineMax  = 16 << 10 // of one line; its attributes go first
	logNoteMax  = 512      // of the line that tells how many found no room
	logTextMax  = 4 << 10  // of a message, or of an attribute that is text
	logChunkMax = 8 << 10  // of one field of the job's hash, unless a line is longer
)

// journal is what one run says, in lines of its job's log and in progress reports,
// until the [scribe] has put it into the job's hash. A run that says nothing has
// none. What is said after the run has ended is not kept.
type journal struct {
	held    *holding
	attempt int
	began   int64 // Unix microseconds
	scribe  *scribe

	mu       sync.Mutex
	pieces   []piece // guarded by mu; not written yet
	chunk    int     // guarded by mu; that the next line goes to
	size     int     // guarded by mu; of that chunk
	lines    int     // guarded by mu; that found room
	bytes    int     // guarded by mu; of those
	spare    []byte  // guarded by mu; the line that takes the last place unless another comes
	dropped  int     // guarded by mu; lines that found none
	full     bool    // guarded by mu; none will any more
	progress report  // guarded by mu
	queued   bool    // guarded by mu; the scribe knows that there is something to write
	closed   bool    // guarded by mu; nothing is taken any more
}

// piece is text for a chunk of the log, from an offset on. What is in text is never
// changed, only added to.
type piece struct {
	chunk, offset int
	text          []byte
}

// report is a handler's progress.
type report struct {
	done, total int64
	at          int64 // Unix milliseconds
	fresh       bool  // not written yet
}

// excerpt is what of a journal is to be written at one time.
type excerpt struct {
	*journal
	pieces         []piece
	lines, dropped int
	progress       report
	err            error // outcome
}

// Write takes one line for the job's log. It implements [io.Writer] for a slog
// handler, which calls it with whole lines, and never fails.
func (j *journal) Write(line []byte) (int, error) {
	n := len(line)
	if !utf8.Valid(line) { // an attribute that brings its own JSON
		line = bytes.ToValidUTF8(line, []byte("\ufffd"))
	}
	if len(line) > logLineMax {
		line = shorten(line)
	}
	j.mu.Lock()
	fits := !j.full && j.lines < logLinesMax-1 && j.bytes+len(line) <= logBytesMax-logNoteMax
	last := !j.full && j.lines == logLinesMax-1 && j.bytes+len(line) <= logBytesMax && j.dropped == 0 && j.spare == nil
	switch {
	case j.closed:
	case (fits || last) && !j.scribe.reserve(len(line)):
		j.full = true // a log has no holes
		j.drop()
	case fits:
		j.add(line)
		j.call()
	case last:
		j.spare = slices.Clone(line)
	default:
		j.full = true
		j.drop()
	}
	j.mu.Unlock()
	return n, nil
}

// drop counts a line that found no room. The last place is for the note of it then.
// The caller holds mu.
func (j *journal) drop() {
	j.dropped++
	if j.spare != nil {
		j.dropped++
		j.scribe.bytes.Add(-int64(len(j.spare)))
		j.spare = nil
	}
}

// pass counts a line that would find no room, and reports whether that is so: then
// nobody needs to word it.
func (j *journal) pass() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.full {
		j.dropped++
	}
	return j.full || j.closed
}

// add appends a line. The caller holds mu.
func (j *journal) add(line []byte) {
	if j.size > 0 && j.size+len(line) > logChunkMax {
		j.chunk++
		j.size = 0
	}
	last := len(j.pieces) - 1
	if last < 0 || j.pieces[last].chunk != j.chunk {
		j.pieces = append(j.pieces, piece{chunk: j.chunk, offset: j.size})
		last++
	}
	j.pieces[last].text = append(j.pieces[last].text, line...)
	j.size += len(line)
	j.bytes += len(line)
	j.lines++
}

// call has the scribe come by. The caller holds mu.
func (j *journal) call() {
	if !j.queued {
		j.queued = true
		j.scribe.expect(j)
	}
}

// report notes the handler's progress. Only the last report before a write is
// written.
func (j *journal) report(done, total int64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if !j.closed {
		j.progress = report{done: done, total: total, at: time.Now().UnixMilli(), fresh: true}
		j.call()
	}
}

// close takes nothing any more. The log's last line tells of lines that found no room.
func (j *journal) close() {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return
	}
	j.closed = true
	if j.spare != nil {
		j.add(j.spare)
		j.spare = nil
	}
	if j.dropped > 0 {
		line, _ := json.Marshal(store.LogLine{ // numbers and strings only
			At: time.Now().UnixMicro(), Level: slog.LevelWarn.String(),
			Message: fmt.Sprintf("%d lines dropped: the log of an attempt holds %d lines or %d KiB, and what waits for Redis is bounded, too", j.dropped, logLinesMax, logBytesMax>>10),
		})
		line = append(line, '\n')
		j.scribe.bytes.Add(int64(len(line)))
		j.add(line)
	}
}

// read returns what is to be written, and false when that is nothing.
func (j *journal) read() (*excerpt, bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.queued = false
	if len(j.pieces) == 0 && !j.progress.fresh {
		return nil, false
	}
	return &excerpt{journal: j, pieces: slices.Clone(j.pieces), lines: j.lines, dropped: j.dropped, progress: j.progress}, true
}

// written forgets what is in Redis by now. Excerpts may overlap, and end in any order.
func (j *journal) written(e *excerpt) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.progress == e.progress {
		j.progress.fresh = false
	}
	if len(e.pieces) == 0 {
		return
	}
	last := e.pieces[len(e.pieces)-1]
	end := last.offset + len(last.text)
	for len(j.pieces) > 0 && j.pieces[0].chunk <= last.chunk {
		p := &j.pieces[0]
		n := len(p.text)
		if p.chunk == last.chunk {
			n = min(n, max(0, end-p.offset))
		}
		j.scribe.bytes.Add(-int64(n))
		if n < len(p.text) {
			p.text, p.offset = p.text[n:], p.offset+n
			return
		}
		j.pieces = j.pieces[1:]
	}
}

// discard forgets everything: the job is not this run's any more, or nobody would
// read it.
func (j *journal) discard() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.closed = true
	for _, p := range j.pieces {
		j.scribe.bytes.Add(-int64(len(p.text)))
	}
	j.scribe.bytes.Add(-int64(len(j.spare)))
	j.pieces, j.spare, j.progress = nil, nil, report{}
}

// shorten makes a line fit that does not: its attributes go, and if need be most of
// its message.
func shorten(line []byte) []byte {
	var l store.LogLine
	if err := json.Unmarshal(line, &l); err != nil {
		l = store.LogLine{At: time.Now().UnixMicro(), Level: slog.LevelInfo.String(), Message: string(line[:logTextMax/8])}
	}
	const room = logLineMax / 8 // a character may take six in JSON
	if len(l.Message) > room {
		l.Message = strings.ToValidUTF8(l.Message[:room], "") + " [cut]"
	}
	l.Attrs = json.RawMessage(fmt.Sprintf(`{"cut":"a line of %d bytes; at most %d are kept"}`, len(line), logLineMax))
	short, _ := json.Marshal(&l) // of valid JSON
	return append(short, '\n')
}
