package inspect

import (
	"bytes"
	"fmt"
	"maps"
	"math"
	"regexp"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"
	"time"

	"legwork/client"
	"legwork/internal/failure"
	"legwork/jobs"
)

// Bounds of a filter.
const (
	filterTextMax  = 256 // bytes of a text, an expression or a path
	filterStepsMax = 250 // instructions of an expression: some 5 ns each for every byte it looks at
	filterPathsMax = 10  // values of the payload
	filterDepthMax = 20  // names of a path
)

// matcher tells the jobs that pass a filter.
type matcher struct {
	filter  client.JobFilter
	failed  *text // last error
	any     *text
	values  []pathText
	reading bool // jobs have to be read to know whether they pass
}

// text is what a string has to have in it: the words in any case, or a match.
type text struct {
	words  []byte // lower case
	regexp *regexp.Regexp
}

// pathText is what the value at a path of the payload has to be.
type pathText struct {
	path   []string
	want   string
	regexp *regexp.Regexp
}

// newMatcher reads the filter. The error is a *[jobs.Error] that lists everything
// wrong with it.
func newMatcher(f client.JobFilter) (*matcher, error) {
	m := &matcher{filter: f}
	m.reading = f.Type != "" || f.Tag != "" || f.Error != "" || f.Fingerprint != "" || f.Q != "" || len(f.Payload) > 0 || f.Since != nil || f.Until != nil
	c := &fieldCheck{}
	if f.State != "" && !jobs.State(f.State).Valid() {
		c.add("state", fmt.Sprintf("must be one of %v", jobs.States()))
	}
	for _, name := range []struct {
		field, value string
		check        func(string) string
	}{{"queue", f.Queue, jobs.CheckQueue}, {"type", f.Type, jobs.CheckType}, {"tag", f.Tag, jobs.CheckTag}} {
		if name.value != "" {
			c.add(name.field, name.check(name.value))
		}
	}
	switch {
	case f.Fingerprint == "":
	case !failure.Valid(f.Fingerprint):
		c.add("fingerprint", "must be 16 hexadecimal digits in lower case, as GET /v1/failures tells them")
	case f.State != "" && !indexed(jobs.State(f.State)):
		c.add("fingerprint", "goes with the states archived and retry only")
	}
	if f.Since != nil && f.Until != nil && !f.Since.Before(*f.Until) {
		c.add("since", "must be before until")
	}
	m.failed, m.any = c.text("error", f.Error), c.text("q", f.Q)
	c.payload(m)
	if f.Limit < 0 || f.Limit > LimitMax {
		c.add("limit", "must be 1 to "+strconv.Itoa(LimitMax))
	}
	return m, c.err()
}

// indexed reports whether there are indexes of the state's jobs.
func indexed(s jobs.State) bool { return s == jobs.StateArchived || s == jobs.StateRetry }

// fieldCheck collects what is wrong with a filter.
type fieldCheck struct{ fields []jobs.FieldError }

func (c *fieldCheck) add(name, why string) {
	if why != "" {
		c.fields = append(c.fields, jobs.FieldError{Pointer: "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name), Detail: why})
	}
}

func (c *fieldCheck) err() error {
	if len(c.fields) == 0 {
		return nil
	}
	return &jobs.Error{Code: jobs.CodeInvalidRequest, Message: "the list has wrong parameters", Fields: c.fields}
}

func (c *fieldCheck) text(name, value string) *text {
	if value == "" {
		return nil
	}
	if len(value) > filterTextMax {
		c.add(name, fmt.Sprintf("has more than %d bytes", filterTextMax))
		return nil
	}
	if re, is := c.expression(name, value); is {
		return &text{regexp: re}
	}
	return &text{words: bytes.ToLower([]byte(value))}
}

// expression compiles a value between slashes. Go's expressions take time in proportion
// to the text and to their own size, which counted repetitions make large.
func (c *fieldCheck) expression(name, value string) (re *regexp.Regexp, is bool) {
	if len(value) < 2 || value[0] != '/' || value[len(value)-1] != '/' {
		return nil, false
	}
	source := value[1 : len(value)-1]
	steps, err := expressionSteps(source)
	switch {
	case err != nil:
		c.add(name, "is no regular expression of RE2: "+strings.TrimPrefix(err.Error(), "error parsing regexp: "))
		return nil, true
	case steps > filterStepsMax:
		c.add(name, fmt.Sprintf("is too large an expression: %d steps, and %d are the most; repeat less in it", steps, filterStepsMax))
		return nil, true
	}
	return regexp.MustCompile(source), true
}

// expressionSteps is the number of instructions that an expression compiles to.
func expressionSteps(source string) (int, error) {
	parsed, err := syntax.Parse(source, syntax.Perl)
	if err != nil {
		return 0, err
	}
	prog, err := syntax.Compile(parsed.Simplify())
	if err != nil {
		return 0, err
	}
	return len(prog.Inst), nil
}

func (c *fieldCheck) payload(m *matcher) {
	if len(m.filter.Payload) > filterPathsMax {
		c.add("payload", fmt.Sprintf("has more than %d paths", filterPathsMax))
		return
	}
	for _, path := range slices.Sorted(maps.Keys(m.filter.Payload)) {
		name, value := "payload."+path, m.filter.Payload[path]
		names := strings.Split(path, ".")
		switch {
		case len(path) > filterTextMax || len(value) > filterTextMax:
			c.add("payload", fmt.Sprintf("has a path or a value of more than %d bytes", filterTextMax))
			continue
		case len(names) > filterDepthMax || slices.Contains(names, ""):
			c.add(name, fmt.Sprintf("is no path: 1 to %d names with dots between, such as user.id", filterDepthMax))
			continue
		}
		p := pathText{path: names, want: value}
		p.regexp, _ = c.expression(name, value)
		m.values = append(m.values, p)
	}
}

// states are those that the filter covers.
func (m *matcher) states() []jobs.State {
	if m.filter.State != "" {
		return []jobs.State{jobs.State(m.filter.State)}
	}
	return slices.DeleteFunc(jobs.States(), func(s jobs.State) bool { return m.filter.Fingerprint != "" && !indexed(s) })
}

// wants reports whether the entry's job is still in the state that it was found in, and
// passes.
func (m *matcher) wants(e *entry, state jobs.State) bool {
	return e.r != nil && e.r.state == state && m.passes(e.r)
}

// passes reports whether the job, whose state and queue are not in question, passes.
func (m *matcher) passes(r *record) bool {
	if !m.reading {
		return true
	}
	f := &m.filter
	if !m.within(r.time()) {
		return false
	}
	if r.msg == nil {
		return f.Type == "" && f.Tag == "" && f.Error == "" && f.Fingerprint == "" && f.Q == "" && len(f.Payload) == 0
	}
	return (f.Type == "" || r.msg.Type == f.Type) &&
		(f.Fingerprint == "" || r.fingerprint() == f.Fingerprint) &&
		(f.Tag == "" || slices.Contains(r.msg.Meta().Tags, f.Tag)) &&
		(m.failed == nil || m.failed.in([]byte(r.msg.Error))) &&
		!slices.ContainsFunc(m.values, func(p pathText) bool { return !p.in(r.msg.Payload) }) &&
		(m.any == nil || m.anywhere(r))
}

func (m *matcher) anywhere(r *record) bool {
	return m.any.in(r.msg.Payload) || m.any.in([]byte(r.msg.Error)) || m.any.in([]byte(r.id)) || m.any.in([]byte(r.msg.Type)) ||
		slices.ContainsFunc(r.msg.Meta().Tags, func(tag string) bool { return m.any.in([]byte(tag)) })
}

func (m *matcher) within(at float64) bool {
	return (m.filter.Since == nil || at >= seconds(*m.filter.Since)) && (m.filter.Until == nil || at < seconds(*m.filter.Until))
}

func seconds(t time.Time) float64 { return float64(t.Unix()) + float64(t.Nanosecond())/1e9 }

func (t *text) in(b []byte) bool {
	if t.regexp != nil {
		return t.regexp.Match(b)
	}
	return len(b) >= len(t.words) && bytes.Contains(bytes.ToLower(b), t.words)
}

// time is what the list of the job's state goes by, in Unix seconds: when it died, was
// completed, is due, or began to wait.
func (r *record) time() float64 {
	switch r.state {
	case jobs.StateArchived, jobs.StateScheduled, jobs.StateRetry:
		return r.due
	case jobs.StateCompleted:
		if at := r.finishedAt(); r.msg != nil && at != nil {
			return seconds(*at)
		}
		return float64(r.finished) / 1e3
	}
	if since := r.pendingSince(); since != math.MaxInt64 {
		return float64(since) / 1e9
	}
	return 0
}
