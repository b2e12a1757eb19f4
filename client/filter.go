package client

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// JobFilter narrows a list of jobs, or selects those of an [ActionRequest]; a job has
// to pass every field that is set. Error, Q and the values of Payload that stand
// between slashes are regular expressions (RE2), as in "/timeout|refused/"; others are
// plain text. As JSON it has no limit and no cursor.
type JobFilter struct {
	State       string            `json:"state,omitempty" doc:"Only jobs in this state"`
	Queue       string            `json:"queue,omitempty" doc:"Only jobs of this queue"`
	Type        string            `json:"type,omitempty" doc:"Only jobs of this type"`
	Tag         string            `json:"tag,omitempty" doc:"Only jobs with this tag"`
	Error       string            `json:"error,omitempty" doc:"Only jobs whose last error has this text, in any case, or matches /this expression/ (RE2)"`
	Fingerprint string            `json:"fingerprint,omitempty" doc:"Only dead letters and jobs that wait for a retry whose last failure has this fingerprint"`
	Since       *time.Time        `json:"since,omitempty" doc:"Not before this time: of death, of completion, when due, or since when a job waits or runs"`
	Until       *time.Time        `json:"until,omitempty" doc:"Before this time, of the same kind as since"`
	Q           string            `json:"q,omitempty" doc:"Only jobs with this text in id, type, tags, last error or payload, in any case, or that match /this expression/ (RE2)"`
	Payload     map[string]string `json:"payload,omitempty" doc:"Only jobs whose payload has these values: path, such as user.id or items.0.sku, to value or /expression/"`
	Limit       int               `json:"-"` // 1 to 500; 0 means the server's default of 50
	Cursor      string            `json:"-"`
}

// payloadPrefix begins the name of a word that filters by a value in the payload.
const payloadPrefix = "payload."

// wordSpace stands between words.
const wordSpace = " \t\n"

// FilterFields are the names that a filter's words may have.
func FilterFields() []string {
	return []string{"state", "queue", "type", "tag", "error", "fingerprint", "since", "until", "q", payloadPrefix + "<path>"}
}

// ParseFilter reads a filter of words as name=value with spaces between, such as
//
//	state=archived error="timed out" payload.user.id=7
//
// A value with spaces stands in double quotes, in which a backslash makes the next
// character plain, or in single quotes. Times are RFC 3339. The error is about one
// word, and lists the names there are where that is what is wrong.
func ParseFilter(words string) (JobFilter, error) {
	var f JobFilter
	for rest := strings.Trim(words, wordSpace); rest != ""; {
		name, after, ok := strings.Cut(rest, "=")
		if !ok || strings.ContainsAny(name, wordSpace+"\"'") {
			first := strings.FieldsFunc(rest, func(r rune) bool { return strings.ContainsRune(wordSpace, r) })[0]
			return JobFilter{}, fmt.Errorf("filter: %q is not name=value; quote values with spaces", first)
		}
		value, left, err := unquote(after)
		if err != nil {
			return JobFilter{}, fmt.Errorf("filter: %s: %w", name, err)
		}
		if err := f.Set(name, value); err != nil {
			return JobFilter{}, fmt.Errorf("filter: %w", err)
		}
		rest = strings.TrimLeft(left, wordSpace)
	}
	return f, nil
}

// unquote reads the value that text begins with.
func unquote(text string) (value, rest string, err error) {
	var out strings.Builder
	quote := byte(0)
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case quote == 0 && (c == ' ' || c == '\t' || c == '\n'):
			return out.String(), text[i:], nil
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		case quote == c && c != 0:
			quote = 0
		case quote == '"' && c == '\\' && i+1 < len(text):
			i++
			out.WriteByte(text[i])
		default:
			out.WriteByte(c)
		}
	}
	if quote != 0 {
		return "", "", fmt.Errorf("a quote %c is not closed", quote)
	}
	return out.String(), "", nil
}

// Set gives the filter one of its fields by the name of its word; it refuses unknown
// names, fields given before, empty values and times that are none.
func (f *JobFilter) Set(name, value string) error {
	if path, ok := strings.CutPrefix(name, payloadPrefix); ok && path != "" {
		if strings.ContainsAny(path, " \t\r\n\"'=<>[]") {
			return fmt.Errorf("%q is no path of a payload, such as %suser.id", name, payloadPrefix)
		}
		if _, given := f.Payload[path]; given {
			return fmt.Errorf("%s is given twice", name)
		}
		if f.Payload == nil {
			f.Payload = map[string]string{}
		}
		f.Payload[path] = value
		return nil
	}
	if value == "" {
		return fmt.Errorf("%s has no value; leave it away", name)
	}
	if into := f.time(name); into != nil {
		at, err := time.Parse(time.RFC3339Nano, value)
		if err != nil || at.Year() < 1 {
			return fmt.Errorf("%s: %q is not a time of RFC 3339, such as 2006-01-02T15:04:05Z", name, value)
		}
		if *into != nil {
			return fmt.Errorf("%s is given twice", name)
		}
		*into = &at
		return nil
	}
	into := f.text(name)
	if into == nil {
		return fmt.Errorf("there is no field %q; there are %s", name, strings.Join(FilterFields(), ", "))
	}
	if *into != "" {
		return fmt.Errorf("%s is given twice", name)
	}
	*into = value
	return nil
}

func (f *JobFilter) text(name string) *string {
	switch name {
	case "state":
		return &f.State
	case "queue":
		return &f.Queue
	case "type":
		return &f.Type
	case "tag":
		return &f.Tag
	case "error":
		return &f.Error
	case "fingerprint":
		return &f.Fingerprint
	case "q":
		return &f.Q
	}
	return nil
}

func (f *JobFilter) time(name string) **time.Time {
	switch name {
	case "since":
		return &f.Since
	case "until":
		return &f.Until
	}
	return nil
}

// Values is the filter as a query, with limit and cursor; [FilterOf] reads it back.
func (f JobFilter) Values() url.Values {
	q := url.Values{}
	for _, name := range FilterFields() {
		if s := f.text(name); s != nil && *s != "" {
			q.Set(name, *s)
		}
		if t := f.time(name); t != nil && *t != nil {
			q.Set(name, (*t).Format(time.RFC3339Nano))
		}
	}
	for path, value := range f.Payload {
		q.Set(payloadPrefix+path, value)
	}
	if f.Limit != 0 {
		q.Set("limit", strconv.Itoa(f.Limit))
	}
	if f.Cursor != "" {
		q.Set("cursor", f.Cursor)
	}
	return q
}

// FilterOf reads a filter of a query. Empty fields do not filter, except in the
// payload. The error is about one parameter.
func FilterOf(q url.Values) (JobFilter, error) {
	var f JobFilter
	for _, name := range slices.Sorted(maps.Keys(q)) {
		for _, value := range q[name] {
			var err error
			switch {
			case value == "" && !strings.HasPrefix(name, payloadPrefix):
			case name == "cursor":
				f.Cursor = value
			case name == "limit":
				if f.Limit, err = strconv.Atoi(value); err != nil {
					err = fmt.Errorf("limit: %q is not a whole number", value)
				}
			default:
				err = f.Set(name, value)
			}
			if err != nil {
				return JobFilter{}, err
			}
		}
	}
	return f, nil
}

// String is the filter in the words that [ParseFilter] reads, in the order of
// [FilterFields].
func (f JobFilter) String() string {
	f.Limit, f.Cursor = 0, ""
	q := f.Values()
	names := slices.DeleteFunc(FilterFields(), func(name string) bool { return !q.Has(name) })
	for _, path := range slices.Sorted(maps.Keys(f.Payload)) {
		names = append(names, payloadPrefix+path)
	}
	words := make([]string, len(names))
	for n, name := range names {
		words[n] = name + "=" + quoted(q.Get(name))
	}
	return strings.Join(words, " ")
}

func quoted(value string) string {
	if value != "" && !strings.ContainsAny(value, " \t\n\"'\\") {
		return value
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value) + `"`
}
