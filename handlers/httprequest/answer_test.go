package httprequest

import (
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// However large or odd the answer, the result stays far below 256 KiB and says
// what is missing.
func TestAnswerIsBounded(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		send      string
		limit     int64
		body      string
		truncated bool
		bytes     int
	}{
		"empty":              {"", 10, "", false, 0},
		"at the limit":       {"0123456789", 10, "0123456789", false, 10},
		"over the limit":     {"0123456789X", 10, "0123456789", true, 10},
		"cut in a character": {"012345678\u20ac", 10, "012345678", true, 10},
		"binary":             {"\x89PNG\xff", 10, "", true, 5},
		"over the result":    {strings.Repeat("a", ResultBodyMax+1), 1 << 20, strings.Repeat("a", ResultBodyMax), true, ResultBodyMax + 1},
		"escapes":            {strings.Repeat("\x00", ResultBodyMax), 1 << 20, strings.Repeat("\x00", ResultBodyMax/6), true, ResultBodyMax},
	} {
		server := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, c.send) })
		o := open()
		o.ResponseLimit = c.limit
		out, err := setup(t, o).run(t.Context(), Payload{URL: server})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if out.Body != c.body || out.Truncated != c.truncated || out.Bytes != c.bytes {
			t.Errorf("%s: %d bytes of text, truncated %t, %d read", name, len(out.Body), out.Truncated, out.Bytes)
		}
		if size := len(raw(t, out)); size > 128<<10 {
			t.Errorf("%s: the result takes %d bytes", name, size)
		}
	}
}

// A compressed answer counts by what it unpacks to.
func TestCompressedAnswerIsBounded(t *testing.T) {
	t.Parallel()
	server := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		for range 16 {
			_, _ = z.Write(make([]byte, 1<<20))
		}
		_ = z.Close()
	})
	out, err := setup(t, open()).run(t.Context(), Payload{URL: server})
	if err != nil || out.Bytes != ResponseLimitDefault || !out.Truncated {
		t.Errorf("%d bytes, truncated %t, %v", out.Bytes, out.Truncated, err)
	}
}

// The few kept headers are bounded too; cookies are never kept.
func TestKeptHeaders(t *testing.T) {
	t.Parallel()
	server := serve(t, answer(http.StatusOK, "Etag", strings.Repeat("e", 5000), "X-Request-Id", "r-1", "Set-Cookie", "s3cret", "X-Other", "o"))
	out, err := setup(t, open()).run(t.Context(), Payload{URL: server})
	if err != nil {
		t.Fatal(err)
	}
	delete(out.Headers, "Date")
	if len(out.Headers) != 2 || len(out.Headers["Etag"]) != headerValueMax || out.Headers["X-Request-Id"] != "r-1" {
		t.Errorf("%v", out.Headers)
	}
}

// The text is always a valid prefix whose JSON fits, and complete unless it says
// otherwise.
func TestTextFits(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		unit := rapid.String().Draw(rt, "unit")
		in := strings.Repeat(unit, rapid.IntRange(0, 20000).Draw(rt, "times"))
		body, truncated := text([]byte(in), false)
		if !utf8.ValidString(body) || !strings.HasPrefix(in, body) || truncated != (body != in) {
			rt.Fatalf("%d of %d bytes, truncated %t", len(body), len(in), truncated)
		}
		if size := len(raw(t, body)) - 2; size > ResultBodyMax {
			rt.Fatalf("takes %d bytes", size)
		}
	})
}
