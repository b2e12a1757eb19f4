package httprequest

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"unicode/utf8"
)

// headerValueMax bounds a header value in the result, in bytes.
const headerValueMax = 1 << 10

// readAnswer reads at most limit bytes of the body and makes the result of it.
func readAnswer(resp *http.Response, limit int64) (Result, error) {
	raw, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err != nil {
		return Result{}, fmt.Errorf("read the answer: %w", err)
	}
	cut := int64(len(raw)) > limit
	if cut {
		raw = raw[:limit]
	}
	out := Result{Status: resp.StatusCode, Bytes: len(raw), Headers: map[string]string{}}
	out.Body, out.Truncated = text(raw, cut)
	for _, name := range keptHeaders() {
		if v := resp.Header.Get(name); v != "" {
			out.Headers[name] = strings.ToValidUTF8(v[:min(len(v), headerValueMax)], "")
		}
	}
	return out, nil
}

// text returns as much of raw as fits the result, on a character's boundary,
// and whether anything is missing. Raw that is not UTF-8 has no text; cut says
// that its last character may be incomplete.
func text(raw []byte, cut bool) (body string, truncated bool) {
	if cut {
		raw = wholeRunes(raw)
	}
	if !utf8.Valid(raw) {
		return "", true
	}
	size := 0
	for i, r := range string(raw) {
		if size += encodedLen(r); size > ResultBodyMax {
			return string(raw[:i]), true
		}
	}
	return string(raw), cut
}

// wholeRunes drops an incomplete character from the end of raw.
func wholeRunes(raw []byte) []byte {
	for back := 1; back <= min(len(raw), utf8.UTFMax-1); back++ {
		start := len(raw) - back
		if utf8.RuneStart(raw[start]) {
			if !utf8.FullRune(raw[start:]) {
				return raw[:start]
			}
			break
		}
	}
	return raw
}

// encodedLen is the length of r inside a string as encoding/json writes it.
func encodedLen(r rune) int {
	switch {
	case r == '"' || r == '\\':
		return 2
	case r < ' ' || r == '<' || r == '>' || r == '&' || r == '\u2028' || r == '\u2029':
		return 6
	}
	return utf8.RuneLen(r)
}
