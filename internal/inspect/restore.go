package inspect

import (
	stdjson "encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"legwork/client"
	"legwork/internal/store"
	"legwork/jobs"
)

// Bounds of an imported line that nothing else bounds.
const (
	foreignNameMax = 255      // id, type and queue of another asynq client's job
	recordMax      = 64 << 10 // record of one attempt
	headersSizeMax = 64 << 10
	errorSizeMax   = 1 << 20 // error text
)

// restored is a dead letter as an import stores it.
type restored struct {
	id, queue   string
	msg         *store.Message
	score       string
	fingerprint string
	fields      []string // further fields of the hash, names and values
}

// parseLine reads a line of an export. Errors are *[jobs.Error]s and never repeat
// what was sent, except for the id.
func parseLine(raw []byte, payloadMax int) (*client.ExportedJob, *restored, error) {
	e := &client.ExportedJob{}
	if err := json.Unmarshal(raw, e, json.RejectUnknownMembers(true)); err != nil {
		return foreignForm(raw), nil, badLine(err)
	}
	if e.Format != client.ExportFormat {
		return e, nil, jobs.Errorf(jobs.CodeInvalidRequest, "the line has format %d; this Legwork reads format %d", e.Format, client.ExportFormat)
	}
	c := &lineCheck{e: e, ours: e.CreatedAt != nil}
	if e.Damaged != "" {
		return e, nil, jobs.Errorf(jobs.CodeInvalidRequest, "the job was damaged before it was exported: %s", e.Damaged)
	}
	c.names()
	c.numbers()
	c.payload(payloadMax)
	c.texts()
	c.attempts()
	c.fields()
	if len(c.wrong) > 0 {
		return e, nil, &jobs.Error{Code: jobs.CodeInvalidRequest, Message: "the line has wrong fields", Fields: c.wrong}
	}
	return e, restore(e), nil
}

// foreignForm reads no more of a line than what identifies it in an error.
func foreignForm(raw []byte) *client.ExportedJob {
	var e struct {
		ID string `json:"id"`
	}
	_ = json.Unmarshal(raw, &e)
	return &client.ExportedJob{ID: e.ID}
}

func badLine(err error) error {
	if e, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		return &jobs.Error{Code: jobs.CodeInvalidJSON, Message: fmt.Sprintf("the line is not valid JSON (at byte %d)", e.ByteOffset), Err: err}
	}
	wrong := &jobs.Error{Code: jobs.CodeInvalidRequest, Message: "the line is not that of an export", Err: err}
	if e, ok := errors.AsType[*json.SemanticError](err); ok && e.JSONPointer != "" {
		detail := "has the wrong type"
		if errors.Is(e.Err, json.ErrUnknownName) {
			detail = "is not a known field"
		}
		wrong.Fields = []jobs.FieldError{{Pointer: string(e.JSONPointer), Detail: detail}}
	}
	return wrong
}

// lineCheck collects what is wrong with a line.
type lineCheck struct {
	e     *client.ExportedJob
	ours  bool // the job was not another asynq client's
	wrong []jobs.FieldError
}

func (c *lineCheck) fail(pointer, format string, args ...any) {
	c.wrong = append(c.wrong, jobs.FieldError{Pointer: pointer, Detail: fmt.Sprintf(format, args...)})
}

// names holds Legwork's own jobs to its rules. Those of other asynq clients may have
// any name that is safe in a key.
func (c *lineCheck) names() {
	if c.e.State != string(jobs.StateArchived) {
		c.fail("/state", "must be archived: an import takes dead letters only")
	}
	for _, n := range []struct {
		pointer, value string
		rule           func(string) string
	}{{"/id", c.e.ID, jobs.CheckID}, {"/type", c.e.Type, jobs.CheckType}, {"/queue", c.e.Queue, jobs.CheckQueue}} {
		why := n.rule(n.value)
		if why != "" && !c.ours {
			why = foreignName(n.value)
		}
		if why != "" {
			c.fail(n.pointer, "%s", why)
		}
	}
}

// foreignName says why a name of another asynq client cannot be taken over, or "".
func foreignName(name string) string {
	switch {
	case name == "" || len(name) > foreignNameMax:
		return fmt.Sprintf("must have 1 to %d bytes", foreignNameMax)
	case strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f || r == '{' || r == '}' }):
		return "must not contain control characters or braces"
	}
	return ""
}

func (c *lineCheck) numbers() {
	e := c.e
	for pointer, n := range map[string]int64{
		"/max_retries": int64(e.MaxRetries), "/retried": int64(e.Retried), "/failures": int64(e.Failures),
		"/timeout": int64(e.Timeout), "/retention": int64(e.Retention),
	} {
		if n < 0 {
			c.fail(pointer, "must not be negative")
		}
		if pointer != "/timeout" && pointer != "/retention" && n > math.MaxInt32 {
			c.fail(pointer, "is too large")
		}
	}
	if a := e.Asynq; a != nil && min(a.Timeout, a.Deadline, a.CompletedAt) < 0 {
		c.fail("/asynq", "must not hold negative numbers")
	}
	for pointer, at := range map[string]*time.Time{
		"/created_at": e.CreatedAt, "/run_at": e.RunAt, "/died_at": e.DiedAt, "/deadline": e.Deadline, "/last_failed_at": e.LastFailedAt,
	} {
		if at != nil && (at.Before(time.Unix(0, 0)) || at.Year() > 9999) {
			c.fail(pointer, "must lie in the years 1970 to 9999")
		}
	}
}

func (c *lineCheck) payload(most int) {
	switch {
	case len(c.e.Payload) > 0 && len(c.e.Base64) > 0:
		c.fail("/payload", "cannot be combined with payload_base64")
	case most > 0 && max(len(c.e.Payload), len(c.e.Base64)) > most:
		c.fail("/payload", "has more than %d bytes; raise jobs.payload_limit for the import", most)
	}
}

func (c *lineCheck) texts() {
	size := 0
	for name, value := range c.e.Headers {
		size += len(name) + len(value)
		if strings.HasPrefix(strings.ToLower(name), store.MetaHeader) && c.ours || name == store.MetaHeader {
			c.fail("/headers", `must not have names that begin with "legwork"`)
		}
	}
	if size > headersSizeMax {
		c.fail("/headers", "have more than %d bytes", headersSizeMax)
	}
	if len(c.e.LastError) > errorSizeMax {
		c.fail("/last_error", "has more than %d bytes", errorSizeMax)
	}
	if len(c.e.Tags) > jobs.TagsMax {
		c.fail("/tags", "has more than %d entries", jobs.TagsMax)
	}
	for i, tag := range c.e.Tags {
		if why := jobs.CheckTag(tag); why != "" {
			c.fail(fmt.Sprintf("/tags/%d", i), "%s", why)
		}
	}
	if len(c.e.Tags) > 0 && !c.ours {
		c.fail("/tags", "need created_at: jobs of other asynq clients have none")
	}
	if strings.ContainsFunc(c.e.Fingerprint, func(r rune) bool { return (r < '0' || r > '9') && (r < 'a' || r > 'f') }) || len(c.e.Fingerprint) > 64 {
		c.fail("/fingerprint", "must be lower-case hexadecimal digits")
	}
}

func (c *lineCheck) attempts() {
	switch n := len(c.e.Attempts); {
	case n > store.AttemptsMax:
		c.fail("/attempts", "has more than %d entries", store.AttemptsMax)
		return
	case n > c.e.Failures:
		c.fail("/failures", "must count the attempts, at least")
	}
	for i, raw := range c.e.Attempts {
		var a store.Attempt
		if len(raw) > recordMax || stdjson.Unmarshal(raw, &a) != nil || raw[0] != '{' {
			c.fail(fmt.Sprintf("/attempts/%d", i), "is not the record of an attempt")
		}
	}
}

func (c *lineCheck) fields() {
	for name := range maps.Keys(c.e.Fields) {
		if !extra(name) {
			c.fail("/fields", "must have names that begin with lw_, and none that is said elsewhere")
			return
		}
	}
	for name := range maps.Keys(c.e.BinaryFields) {
		if _, twice := c.e.Fields[name]; twice || !extra(name) {
			c.fail("/binary_fields", "must have names that begin with lw_, and none that is said elsewhere")
			return
		}
	}
}

// restore makes a dead letter of a line that has been checked.
func restore(e *client.ExportedJob) *restored {
	m := &store.Message{
		ID: e.ID, Type: e.Type, Payload: e.Payload, Headers: maps.Clone(e.Headers), Retry: e.MaxRetries, Retried: e.Retried, Error: e.LastError,
		Retention: int64(time.Duration(e.Retention) / time.Second),
	}
	if e.Base64 != nil {
		m.Payload = e.Base64
	}
	if e.LastFailedAt != nil {
		m.LastFailedAt = e.LastFailedAt.Unix()
	}
	if a := e.Asynq; a != nil {
		m.Timeout, m.Deadline, m.CompletedAt, m.UniqueKey, m.GroupKey = a.Timeout, a.Deadline, a.CompletedAt, a.UniqueKey, a.GroupKey
	}
	if e.CreatedAt != nil {
		meta := store.Meta{Created: e.CreatedAt.UnixMicro(), Timeout: time.Duration(e.Timeout).Milliseconds(), Tags: e.Tags}
		if e.RunAt != nil {
			meta.RunAt = e.RunAt.UnixMicro()
		}
		if e.Deadline != nil {
			meta.Until = e.Deadline.UnixMilli()
		}
		m.SetMeta(meta)
	}
	died := time.Now()
	if e.DiedAt != nil {
		died = *e.DiedAt
	}
	r := &restored{id: e.ID, queue: e.Queue, msg: m, score: unixText(died), fingerprint: e.Fingerprint}
	if e.Failures > 0 {
		r.fields = append(r.fields, store.FieldFails, strconv.Itoa(e.Failures))
	}
	for i, raw := range e.Attempts {
		r.fields = append(r.fields, failField(e.Failures-len(e.Attempts)+1+i), string(raw))
	}
	for _, name := range slices.Sorted(maps.Keys(e.Fields)) {
		r.fields = append(r.fields, name, e.Fields[name])
	}
	for _, name := range slices.Sorted(maps.Keys(e.BinaryFields)) {
		r.fields = append(r.fields, name, string(e.BinaryFields[name]))
	}
	return r
}

// unixText writes a time as a score: Unix seconds, to the microsecond.
func unixText(t time.Time) string {
	us := t.UnixMicro()
	if us%1e6 == 0 {
		return strconv.FormatInt(us/1e6, 10)
	}
	return fmt.Sprintf("%d.%06d", us/1e6, us%1e6)
}

// size is about what the letter takes in a command.
func (r *restored) size() int {
	n := len(r.msg.Payload) + len(r.msg.Error) + 512
	for _, f := range r.fields {
		n += len(f)
	}
	return n
}
