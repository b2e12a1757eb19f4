package httpapi_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"legwork/client"
	"legwork/internal/store/storetest"
)

// raw sends bytes as they are, ends the sending if asked, and reads one answer.
func (r *rig) raw(request string, end bool) answer {
	r.t.Helper()
	u, err := url.Parse(r.url)
	if err != nil {
		r.t.Fatal(err)
	}
	c, err := net.Dial("tcp", u.Host)
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if _, err := io.WriteString(c, request); err != nil {
		r.t.Fatal(err)
	}
	if end {
		if err := c.(*net.TCPConn).CloseWrite(); err != nil {
			r.t.Fatal(err)
		}
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		r.t.Fatalf("read the answer: %v", err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return answer{t: r.t, status: resp.StatusCode, header: resp.Header, body: body}
}

// rawPost is the head of a POST with more header lines.
func rawPost(path string, more ...string) string {
	return "POST " + path + " HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n" + strings.Join(append(more, "\r\n"), "\r\n")
}

// chunked writes a body in chunks of 64 KiB, without the last one.
func chunked(body string) string {
	var sb strings.Builder
	for len(body) > 0 {
		n := min(len(body), 64<<10)
		fmt.Fprintf(&sb, "%x\r\n%s\r\n", n, body[:n])
		body = body[n:]
	}
	return sb.String()
}

// Promise: a body over the limit gets 413 at once where its length is told, and
// as soon as it is passed where it is not; a body cut off gets 400. Nothing of
// them is stored.
func TestBodiesOfTheWrongLength(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t), nil)
	over := `{"type":"test.any","payload":"` + strings.Repeat("x", bodyLimit)
	large := refusal{413, client.CodeTooLarge, nil, "1048576 bytes"}
	cut := notJSON("ended early")
	const ok = `{"type":"test.ok"}`
	for name, c := range map[string]struct {
		request string
		end     bool
		want    refusal
	}{
		"length told, body not sent": {rawPost("/v1/jobs", "Content-Length: 1048577"), false, large},
		"an absurd length":           {rawPost("/v1/jobs", "Content-Length: 9223372036854775807"), false, large},
		"batch, body not sent":       {rawPost("/v1/jobs/batch", "Content-Length: 8388609"), false, refusal{413, client.CodeTooLarge, nil, "8388608 bytes"}},
		"chunked":                    {rawPost("/v1/jobs", "Transfer-Encoding: chunked") + chunked(over), false, large},
		"cut, length told":           {rawPost("/v1/jobs", "Content-Length: 100") + ok, true, cut},
		"cut, nothing sent":          {rawPost("/v1/jobs", "Content-Length: 100"), true, cut},
		"cut between chunks":         {rawPost("/v1/jobs", "Transfer-Encoding: chunked") + chunked(ok), true, cut},
		"cut in a chunk":             {rawPost("/v1/jobs", "Transfer-Encoding: chunked") + "ff\r\n" + ok, true, cut},
		"cut in a batch":             {rawPost("/v1/jobs/batch", "Content-Length: 1000") + `{"jobs":[` + ok, true, cut},
		"a broken chunk":             {rawPost("/v1/jobs", "Transfer-Encoding: chunked") + "zz\r\n" + ok, true, cut},
		"no length":                  {rawPost("/v1/jobs") + ok, true, notJSON("is empty")},
	} {
		t.Run(name, func(t *testing.T) {
			r.raw(c.request, c.end).check(t, c.want)
			r.untouched(t)
		})
	}
}

// Promise: what is not even HTTP, or too much of it, is refused with a status
// of 4xx, and the server goes on.
func TestRequestsThatAreHardlyHTTP(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t), nil)
	for name, request := range map[string]string{
		"a huge header":          "GET /v1/jobs HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("x", 2<<20) + "\r\n\r\n",
		"many headers":           "GET /v1/jobs HTTP/1.1\r\nHost: x\r\n" + strings.Repeat("X: "+strings.Repeat("x", 1000)+"\r\n", 2000) + "\r\n",
		"a NUL byte in a header": "GET /v1/jobs HTTP/1.1\r\nHost: x\r\nPrefer: \x00\r\n\r\n",
		"a NUL byte in the path": "GET /v1/jobs/\x00 HTTP/1.1\r\nHost: x\r\n\r\n",
		"an escaped NUL":         "GET /v1/jobs/%00 HTTP/1.1\r\nHost: x\r\n\r\n",
		"invalid UTF-8":          "GET /v1/jobs/%ff%fe HTTP/1.1\r\nHost: x\r\n\r\n",
		"a bad escape":           "GET /v1/jobs/%zz HTTP/1.1\r\nHost: x\r\n\r\n",
		"no host":                "GET /v1/jobs HTTP/1.1\r\n\r\n",
		"two lengths":            rawPost("/v1/jobs", "Content-Length: 1", "Content-Length: 2") + "xx",
		"a negative length":      rawPost("/v1/jobs", "Content-Length: -1"),
		"an unknown encoding":    rawPost("/v1/jobs", "Transfer-Encoding: gzip"),
		"text":                   strings.Repeat(marker+" ", 50) + "\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			a := r.raw(request, false)
			if a.status < 400 || a.status > 501 || a.status == 500 || strings.Contains(string(a.body), marker) {
				t.Errorf("answer = %d %s", a.status, a.body)
			}
			if a := r.get("/healthz"); a.status != http.StatusOK {
				t.Errorf("healthz afterwards = %d", a.status)
			}
		})
	}
	r.untouched(t)
}

// Promise: a body must be declared as what the call takes.
func TestContentTypes(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t), nil)
	const body = `{"type":"test.ok"}`
	for _, path := range []string{"/v1/jobs", "/v1/jobs/batch"} {
		for _, mediaType := range []string{"", "text/plain", "application/xml", "application/x-www-form-urlencoded", "json", "application/" + marker, ";;;", "application/json;;a=b=c", "application/jsonx"} {
			r.send(http.MethodPost, path, body, "Content-Type", mediaType).
				check(t, refusal{415, client.CodeUnsupported, nil, "application/json"})
		}
	}
	r.send(http.MethodPost, "/v1/jobs", body, "Content-Type", ndjson).check(t, refusal{415, client.CodeUnsupported, nil, "application/json"})
	r.send(http.MethodPost, "/v1/jobs", body).check(t, refusal{415, client.CodeUnsupported, nil, "application/json"})
	r.untouched(t)
	for _, mediaType := range []string{"application/json", "Application/JSON", "application/json; charset=utf-8"} {
		if a := r.send(http.MethodPost, "/v1/jobs", body, "Content-Type", mediaType); a.status != http.StatusAccepted {
			t.Errorf("%q: %d %s", mediaType, a.status, a.body)
		}
	}
}

// Promise: a path or a method that the API does not have is told as such.
func TestPathsAndMethods(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t), nil)
	for _, path := range []string{"/v2/jobs", "/v1", "/v1/", "/v1/jobz", "/" + marker, "/v1/jobs/a/b/c", "/v1/jobs/a/" + marker, "/favicon.ico", "/docs/" + marker, "/docs/a/b", "/docs/README.md", "/docs/..%2fserver.go", "/docs/.."} {
		a := r.get(path)
		if a.status != 404 {
			t.Errorf("%s: status %d", path, a.status)
		}
		a.check(t, refusal{404, client.CodeNotFound, nil, "no such path"})
	}
	for _, c := range []struct{ method, path, allow string }{
		{"PUT", "/v1/jobs", "GET"}, {"DELETE", "/v1/queues", "GET"}, {"PUT", "/v1/jobs/" + marker, "GET"},
		{"GET", "/v1/jobs/" + marker + "/retry", "POST"}, {"POST", "/healthz", "GET"}, {"POST", "/openapi.json", "GET"}, {"POST", "/docs", "GET"}, {"TRACE", "/v1/types", "GET"},
	} {
		a := r.send(c.method, c.path, "")
		a.check(t, refusal{405, client.CodeInvalidRequest, nil, ""})
		if !strings.Contains(a.header.Get("Allow"), c.allow) {
			t.Errorf("%s %s: Allow = %q", c.method, c.path, a.header.Get("Allow"))
		}
	}
	r.untouched(t)
}
