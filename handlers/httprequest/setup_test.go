package httprequest

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"legwork/jobs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// open are options under which a test can reach its own server.
func open() Options { return Options{AllowCIDRs: []string{"127.0.0.1/32"}} }

func setup(t *testing.T, o Options) *handler {
	t.Helper()
	h := newHandler(o)
	t.Cleanup(h.client.CloseIdleConnections)
	return h
}

// serve starts a server that answers with fn, and returns its address.
func serve(t *testing.T, fn http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(fn)
	t.Cleanup(s.Close)
	return s.URL
}

func answer(code int, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
	}
}

func jobContext(t *testing.T, id string) context.Context {
	return jobs.NewContext(t.Context(), jobs.Scope{Info: jobs.JobInfo{ID: id}})
}

func wantVerdict(t *testing.T, err error, want jobs.Verdict) jobs.Decision {
	t.Helper()
	if err == nil {
		t.Fatal("the job completed")
	}
	d := jobs.Decide(err)
	if d.Verdict != want {
		t.Fatalf("verdict %d for %q, want %d", d.Verdict, err, want)
	}
	return d
}

func wantWithout(t *testing.T, text string, secrets ...string) {
	t.Helper()
	for _, s := range secrets {
		if strings.Contains(text, s) {
			t.Errorf("%q gives away %q", text, s)
		}
	}
}

func portOf(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u.Port()
}

// closedPort returns an address at which nobody listens.
func closedPort(t *testing.T) string {
	t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func registered(t *testing.T, o Options) *jobs.Type {
	t.Helper()
	r := jobs.NewRegistry()
	Register(r, o)
	if err := r.Err(); err != nil {
		t.Fatal(err)
	}
	typ, ok := r.Lookup(TypeName)
	if !ok {
		t.Fatalf("%s is not registered", TypeName)
	}
	return typ
}

func raw(t *testing.T, v any) json.RawMessage {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
