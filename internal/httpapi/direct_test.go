package httpapi_test

import (
	"net/http"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"

	"legwork/internal/store/storetest"
)

// The enqueue call is served beside huma; with a query that names nothing it goes
// through huma. Nobody can tell the two from each other.
func TestEnqueueAnswersAlikeWithAndWithoutHuma(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t), nil)
	times := regexp.MustCompile(`"(created_at|run_at|next_run_at)":"[^"]*"`)
	plain := []string{"Content-Type", "application/json"}
	for name, c := range map[string]struct {
		body    string
		headers []string
	}{
		"accepted":        {`{"type":"test.any","id":"a","payload": {"html" : "<&> é 😀 \u2028\\"}, "tags":["x","y"],"headers":{"h":"<\"é","b":""}}`, plain},
		"scheduled":       {`{"type":"test.ok","id":"a","delay":"1h","deadline":"2999-01-01T00:00:00Z","timeout":"1m30s"}`, plain},
		"waited for":      {`{"type":"test.ok","id":"a","delay":"1h"}`, append([]string{"Prefer", "wait=0, wait=1"}, plain...)},
		"a parameter":     {`{"type":"test.ok","id":"a"}`, []string{"Content-Type", "application/json; charset=utf-8", "Accept", "text/html"}},
		"not json":        {`{"type":`, plain},
		"no body":         {``, plain},
		"a wrong job":     {`{"type":"test.person","queue":"<&>","payload":{"name":"x"}}`, plain},
		"a wrong payload": {`{"type":"test.person","payload":{"name":"x","<é>":1}}`, plain},
		"unknown type":    {`{"type":"test.oc"}`, plain},
		"media type":      {`{"type":"test.ok"}`, []string{"Content-Type", "text/plain"}},
		"a wrong wish":    {`{"type":"test.ok"}`, append([]string{"Prefer", "wait=soon"}, plain...)},
	} {
		t.Run(name, func(t *testing.T) {
			type seen struct {
				Status int
				Header http.Header
				Body   string
			}
			answer := func(path string) seen {
				a := r.send(http.MethodPost, path, c.body, c.headers...)
				r.send(http.MethodDelete, "/v1/jobs/a", "")
				for _, varies := range []string{"Date", "Content-Length"} { // the length follows the times
					a.header.Del(varies)
				}
				return seen{a.status, a.header, times.ReplaceAllString(string(a.body), `"$1":"-"`)}
			}
			direct, huma := answer("/v1/jobs"), answer("/v1/jobs?&")
			if diff := cmp.Diff(huma, direct); diff != "" {
				t.Errorf("through huma (-), direct (+):\n%s", diff)
			}
		})
	}
}
