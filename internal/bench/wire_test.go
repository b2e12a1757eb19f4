package bench

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// serve answers each request on one connection with the next text, as it is.
func serve(t *testing.T, answers ...string) *url.URL {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() {
		_ = l.Close()
		<-done
	})
	go func() {
		defer close(done)
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		r := bufio.NewReader(conn)
		for _, a := range answers {
			q, err := http.ReadRequest(r)
			if err != nil {
				return
			}
			_ = q.Body.Close()
			fmt.Fprint(conn, a)
		}
	}()
	return &url.URL{Scheme: "http", Host: l.Addr().String(), Path: "/base"}
}

// Answers of known length and in chunks are read one after the other.
func TestWireReads(t *testing.T) {
	t.Parallel()
	u := serve(t,
		"HTTP/1.1 202 Accepted\r\ncontent-length: 2\r\nX: y\r\n\r\n{}",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
		"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n",
	)
	w, err := dial(t.Context(), u)
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	for _, want := range []string{"202 {}", "200 abcde", "503 "} {
		status, body, err := w.exchange(request(u, "/v1/jobs", "key", []byte("{}")))
		if got := fmt.Sprintf("%d %s", status, body); got != want || err != nil {
			t.Errorf("answer = %q, %v; want %q", got, err, want)
		}
	}
}

// An answer that is cut short or is not HTTP is an error.
func TestWireRefuses(t *testing.T) {
	t.Parallel()
	for _, answer := range []string{
		"", "SSH-2.0-OpenSSH\r\n", "HTTP/1.0 200 OK\r\n\r\n", "HTTP/1.1 abc\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Le",
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab", "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab", "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("y", 20_000) + "\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
	} {
		u := serve(t, answer)
		w, err := dial(t.Context(), u)
		if err != nil {
			t.Fatal(err)
		}
		if status, body, err := w.exchange(request(u, "/", "", nil)); err == nil {
			t.Errorf("%.40q is read as %d %q", answer, status, body)
		}
		w.close()
	}
}

// A request is what net/http reads it as, with path, key and body.
func TestRequest(t *testing.T) {
	t.Parallel()
	u := &url.URL{Scheme: "http", Host: "h:1", Path: "/a b"}
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(string(request(u, "/v1/jobs", "k", []byte(`{"a":1}`))))))
	if err != nil {
		t.Fatal(err)
	}
	if r.Method != http.MethodPost || r.URL.Path != "/a b/v1/jobs" || r.Host != "h:1" || r.Header.Get("Authorization") != "Bearer k" ||
		r.ContentLength != 7 || r.Header.Get("Content-Type") != "application/json" {
		t.Errorf("request = %+v", r)
	}
}

// A refused job or batch is told in the server's words.
func TestRefusal(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{"code":"unavailable","detail":"no Redis"}`: "no Redis (503 unavailable)",
		`<html>`: "an answer that is not Legwork's (503 unexpected_answer)",
		`{"enqueued":1,"rejected":2,"results":[{"index":0},{"index":1,"error":{"detail":"bad","status":422,"code":"invalid_payload"}}]}`: "2 of the batch's jobs were refused, the first: bad (422 invalid_payload)",
	} {
		if err := refusal(http.StatusServiceUnavailable, []byte(body)); err.Error() != want {
			t.Errorf("%s: %q, want %q", body, err, want)
		}
	}
}

// Only names and addresses of the loopback interface count as this machine.
func TestRemote(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string][]string{
		"http://127.0.0.1:8080":                    nil,
		"http://LOCALHOST/x":                       nil,
		"https://[::1]:8080/":                      nil,
		"http://127.1.2.3":                         nil,
		"unix:///run/redis.sock":                   nil,
		"redis://u:p@localhost:6379/0":             nil,
		"http://[::ffff:127.0.0.1]":                nil,
		"http://example.com:8080":                  {"example.com"},
		"http://10.0.0.1":                          {"10.0.0.1"},
		"http://0.0.0.0:8080":                      {"0.0.0.0"},
		"http://localhost.example.com":             {"localhost.example.com"},
		"http://127.0.0.1.nip.io":                  {"127.0.0.1.nip.io"},
		"http://[fe80::1]:1":                       {"fe80::1"},
		"redis://u:127.0.0.1@h:1":                  {"h"},
		"redis-cluster://a:1,127.0.0.1:2,b?tls=on": {"a", "b"},
		"nonsense":                                 {""},
	} {
		if got := Remote(raw); !slices.Equal(got, want) {
			t.Errorf("Remote(%q) = %q, want %q", raw, got, want)
		}
	}
}
