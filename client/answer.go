package client

import (
	"encoding/json"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"
)

const (
	mediaJSON    = "application/json"
	mediaNDJSON  = "application/x-ndjson"
	mediaProblem = "application/problem+json"
)

// excerptMax is how much of a foreign answer a problem repeats, in bytes.
const excerptMax = 200

// answer is a whole answer of the server.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func (a *answer) good() bool { return a.status >= 200 && a.status < 300 }

// problem reads the answer as problem details, or makes some up from what is
// known of an answer that has none.
func (a *answer) problem() *Problem {
	p := new(Problem)
	media, _, err := mime.ParseMediaType(a.header.Get("Content-Type"))
	if err != nil || media != mediaProblem || json.Unmarshal(a.body, p) != nil {
		p = &Problem{Type: "about:blank", Code: CodeUnexpected, Detail: a.foreign(media)}
	}
	p.Status = a.status
	if p.Title == "" {
		p.Title = statusText(a.status)
	}
	if p.Detail == "" {
		p.Detail = p.Title
	}
	p.RetryAfter = Duration(retryAfter(a.header.Get("Retry-After"), time.Now()))
	return p
}

func (a *answer) foreign(media string) string {
	s := "an answer that is not Legwork's: " + statusText(a.status)
	if to := a.header.Get("Location"); to != "" && a.status < 400 {
		return s + " to " + excerpt(to)
	}
	if strings.HasPrefix(media, "text/") || media == mediaJSON {
		if text := excerpt(string(a.body)); text != "" {
			s += ": " + text
		}
	}
	return s
}

// excerpt returns the beginning of s in one line of printable characters.
func excerpt(s string) string {
	cut := len(s) > excerptMax
	s = strings.ToValidUTF8(s[:min(len(s), excerptMax)], "")
	s = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, s)
	s = strings.Join(strings.Fields(s), " ")
	if cut {
		s += "..."
	}
	return s
}

func statusText(status int) string {
	if text := http.StatusText(status); text != "" {
		return text
	}
	return "status " + strconv.Itoa(status)
}

// retryAfter reads a Retry-After header (RFC 9110, 10.2.3): seconds or a date.
// It is 0 for none, for a past date and for nonsense.
func retryAfter(value string, now time.Time) time.Duration {
	if seconds, err := strconv.Atoi(value); err == nil {
		const most = 365 * 24 * 60 * 60
		return time.Duration(min(max(seconds, 0), most)) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}
