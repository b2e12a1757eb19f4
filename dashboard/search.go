package dashboard

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"legwork/client"
	"legwork/jobs"
)

// parseSearch reads what people write into the search field:
//
//	type:email.send error:"timed out" payload.user_id:42 since:1h anything else
//
// A word with a colon after the name of a filter's field is that field; since and until
// take times, and durations that are counted back from now. All other words are text to
// find anywhere in the job. The error is a *[jobs.Error] of code invalid_request.
func parseSearch(text string, now time.Time) (client.JobFilter, error) {
	var f client.JobFilter
	var free []string
	words, err := splitWords(text)
	if err != nil {
		return f, err
	}
	for _, w := range words {
		name, value, ok := strings.Cut(w, ":")
		if !ok || !isField(name) {
			free = append(free, w)
			continue
		}
		if name == "since" || name == "until" {
			value = back(value, now)
		}
		if err := f.Set(name, value); err != nil {
			return f, badSearch(err)
		}
	}
	if len(free) > 0 {
		if err := f.Set("q", strings.Join(free, " ")); err != nil {
			return f, badSearch(err)
		}
	}
	return f, nil
}

func badSearch(err error) error {
	return &jobs.Error{Code: jobs.CodeInvalidRequest, Message: "the search cannot be read: " + err.Error()}
}

func isField(name string) bool {
	return strings.HasPrefix(name, "payload.") || slices.Contains(client.FilterFields(), name)
}

// back is the time that lies the duration before now; other values stay as they are.
func back(value string, now time.Time) string {
	d, err := time.ParseDuration(value)
	if days, ok := strings.CutSuffix(value, "d"); ok && err != nil {
		var n int
		n, err = strconv.Atoi(days)
		d = time.Duration(n) * 24 * time.Hour
	}
	if err != nil || d < 0 {
		return value
	}
	return now.Add(-d).UTC().Truncate(time.Second).Format(time.RFC3339)
}

// splitWords splits at blanks that are not between double quotes, and takes the quotes
// away. A backslash in quotes makes the next character plain.
func splitWords(text string) ([]string, error) {
	var words []string
	var word strings.Builder
	in, some := false, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			in, some = !in, true
		case in && c == '\\' && i+1 < len(text):
			i++
			word.WriteByte(text[i])
		case !in && (c == ' ' || c == '\t' || c == '\n' || c == '\r'):
			if some {
				words = append(words, word.String())
				word.Reset()
				some = false
			}
		default:
			word.WriteByte(c)
			some = true
		}
	}
	if in {
		return nil, badSearch(fmt.Errorf("a quote is not closed"))
	}
	if some {
		words = append(words, word.String())
	}
	return words, nil
}

// searchWords is the filter as it is written into the search field, but for its state.
func searchWords(f client.JobFilter) string {
	f.State = ""
	values := f.Values()
	var out []string
	for _, name := range client.FilterFields() {
		if v := values.Get(name); v != "" {
			out = append(out, name+":"+quoteWord(v))
		}
	}
	for _, path := range sortedKeys(f.Payload) {
		out = append(out, "payload."+path+":"+quoteWord(f.Payload[path]))
	}
	return strings.Join(out, " ")
}

func quoteWord(v string) string {
	if v != "" && !strings.ContainsAny(v, " \t\r\n\"\\") {
		return v
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(v) + `"`
}
