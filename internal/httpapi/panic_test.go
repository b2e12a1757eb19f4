package httpapi_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"legwork/client"
	"legwork/internal/httpapi"
	"legwork/internal/inspect"
	"legwork/internal/store/storetest"
)

// Promise: a defect of ours is answered with a problem that gives nothing away,
// the log has where it happened, and the server goes on.
func TestPanicsAreSurvived(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	journal := &journal{}
	log := slog.New(slog.NewTextHandler(journal, nil))
	r := newRig(t, inst, nil)
	h := httpapi.New(httpapi.Options{
		Engine: r.engine, Inspector: inspect.New(inst.Client, log), Waiters: r.waiters,
		Ping: func(context.Context) error { panic(marker) }, Log: log,
	})
	for range 2 {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/readyz", nil))
		a := answer{t: t, status: w.Code, header: w.Header(), body: w.Body.Bytes()}
		a.check(t, refusal{500, client.CodeInternal, nil, "something went wrong inside Legwork"})
	}
	if text := journal.String(); strings.Count(text, marker) < 2 || !strings.Contains(text, "panic_test.go") {
		t.Errorf("log = %s", text)
	}
}
