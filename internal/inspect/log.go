package inspect

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"legwork/client"
	"legwork/internal/store"
	"legwork/jobs"
)

// logLimitDefault is how many lines a page has when nobody says.
const logLimitDefault = 500

// Log returns a page of the job's own log, the oldest line first. The error is a
// *[jobs.Error]: not_found, unavailable, or invalid_request for a filter that cannot be.
func (i *Inspector) Log(ctx context.Context, id string, f client.LogFilter) (*client.Log, error) {
	after, err := checkLogFilter(&f)
	if err != nil {
		return nil, err
	}
	r, err := i.find(ctx, id)
	if err != nil {
		return nil, err
	}
	key := store.KeysOf(r.queue).Task(r.id)
	text, err := i.redis.HGet(ctx, key, store.FieldLogRuns).Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		return nil, wrap("read the job's log", err)
	}
	page := &client.Log{Runs: []client.LogRun{}, Lines: []client.LogLine{}}
	for _, run := range store.LogRuns(text) {
		page.Runs = append(page.Runs, viewRun(run))
		if f.Attempt != 0 && run.Attempt != f.Attempt || len(page.Lines) > f.Limit {
			continue
		}
		lines, _, err := i.logLines(ctx, key, run, after, foothold{})
		if err != nil {
			return nil, wrap("read the job's log", err)
		}
		page.Lines = append(page.Lines, lines...)
	}
	if len(page.Lines) > f.Limit {
		page.Lines = page.Lines[:f.Limit]
		page.NextCursor = page.Lines[f.Limit-1].ID
	}
	return page, nil
}

// checkLogFilter fills in what is left open and reads the place to go on after.
func checkLogFilter(f *client.LogFilter) (after linePlace, err error) {
	if f.Limit == 0 {
		f.Limit = logLimitDefault
	}
	after, ok := parseLinePlace(f.Cursor)
	var wrong []jobs.FieldError
	if f.Limit < 1 || f.Limit > client.LogLimitMax {
		wrong = append(wrong, jobs.FieldError{Pointer: "/limit", Detail: "use 1 to " + strconv.Itoa(client.LogLimitMax)})
	}
	if f.Attempt < 0 {
		wrong = append(wrong, jobs.FieldError{Pointer: "/attempt", Detail: "attempts are numbered from 1"})
	}
	if !ok {
		wrong = append(wrong, jobs.FieldError{Pointer: "/cursor", Detail: "is not next_cursor of a page, nor the id of a line; start again without one"})
	}
	if len(wrong) > 0 {
		return after, &jobs.Error{Code: jobs.CodeInvalidRequest, Message: "the log cannot be read that way", Fields: wrong}
	}
	return after, nil
}

// linePlace is a place in a job's log: after a line, counted from 1, of a run.
type linePlace struct {
	run  int64
	line int
}

func (p linePlace) String() string {
	return strconv.FormatInt(p.run, 10) + "." + strconv.Itoa(p.line)
}

// parseLinePlace reads a place; "" is the beginning.
func parseLinePlace(text string) (p linePlace, ok bool) {
	if text == "" {
		return linePlace{}, true
	}
	run, line, _ := strings.Cut(text, ".")
	var errs [2]error
	p.run, errs[0] = strconv.ParseInt(run, 10, 64)
	p.line, errs[1] = strconv.Atoi(line)
	return p, errors.Join(errs[:]...) == nil && p.run >= 0 && p.line >= 0 && p.String() == text
}

// foothold says how many lines a run has before one of its chunks, so that who has
// read up to there need not read it all again.
type foothold struct {
	run          int64
	chunk, lines int
}

// logLines returns the lines of the run that come after the place, at most those that
// the run says to have, and where the last chunk begins. It reads from the foothold on
// if that is in the run and before the place. A run whose lines have gone meanwhile has
// none.
func (i *Inspector) logLines(ctx context.Context, key string, run store.LogRun, after linePlace, from foothold) ([]client.LogLine, foothold, error) {
	if run.Number < after.run || run.Number == after.run && run.Lines <= after.line || run.Chunks == 0 {
		return nil, from, nil
	}
	if run.Number > after.run {
		after = linePlace{run: run.Number}
	}
	if from.run != run.Number || from.lines > after.line || from.chunk >= run.Chunks {
		from = foothold{run: run.Number}
	}
	fields := make([]string, run.Chunks-from.chunk)
	for n := range fields {
		fields[n] = run.Field(from.chunk + n)
	}
	chunks, err := i.redis.HMGet(ctx, key, fields...).Result()
	if err != nil {
		return nil, from, err
	}
	var lines []client.LogLine
	n := from.lines
	for c, chunk := range chunks {
		text, _ := chunk.(string)
		if c > 0 {
			from.chunk, from.lines = from.chunk+1, n
		}
		for line := range strings.Lines(text) {
			if n++; n > after.line && n <= run.Lines {
				lines = append(lines, viewLine(linePlace{run.Number, n}, run.Attempt, line))
			}
		}
	}
	return slices.Clip(lines), from, nil
}

// viewLine puts a line as it is kept into the words of the API. What is no line of
// ours is shown as the message.
func viewLine(at linePlace, attempt int, raw string) client.LogLine {
	var l store.LogLine
	if json.Unmarshal([]byte(raw), &l) != nil {
		l = store.LogLine{Level: "INFO", Message: strings.ToValidUTF8(strings.TrimSpace(raw), "")}
	}
	v := client.LogLine{ID: at.String(), Attempt: attempt, Level: l.Level, Message: l.Message}
	if t := moment(time.UnixMicro(l.At)); t != nil {
		v.At = *t
	}
	if len(l.Attrs) > 0 {
		v.Attrs = jsonOf(l.Attrs)
	}
	return v
}

func viewRun(r store.LogRun) client.LogRun {
	v := client.LogRun{Run: r.Number, Attempt: r.Attempt, Lines: r.Lines, Dropped: r.Dropped}
	if t := moment(time.UnixMicro(r.Began)); t != nil {
		v.StartedAt = *t
	}
	return v
}

// viewProgress reads a [store.FieldProgress]; nil when there is none.
func viewProgress(raw string) *client.Progress {
	var p store.Progress
	if raw == "" || json.Unmarshal([]byte(raw), &p) != nil {
		return nil
	}
	at := moment(time.UnixMilli(p.At))
	if at == nil {
		return nil
	}
	return &client.Progress{Done: p.Done, Total: p.Total, At: *at, Attempt: p.Attempt}
}
