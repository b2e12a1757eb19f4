package httprequest

import (
	"encoding/json"
	"strings"
	"testing"

	"legwork/jobs"
)

// A payload that cannot work is refused for good before anything is sent, with
// the field's name and without its secrets.
func TestBadPayloads(t *testing.T) {
	t.Parallel()
	h := setup(t, Options{AllowPrivate: true})
	for name, c := range map[string]struct {
		in   Payload
		want string
	}{
		"no url":           {Payload{}, "url"},
		"relative":         {Payload{URL: "/s3cret"}, "url"},
		"no host":          {Payload{URL: "http:///s3cret"}, "url"},
		"opaque":           {Payload{URL: "http:s3cret"}, "url"},
		"file":             {Payload{URL: "file://localhost/etc/s3cret"}, "url: use http or https"},
		"gopher":           {Payload{URL: "gopher://s3cret/"}, "url: use http or https"},
		"slash in secret":  {Payload{URL: "http://ann:s3/cret@example.com"}, "url"},
		"line break":       {Payload{URL: "http://example.com/\ns3cret"}, "url"},
		"method":           {Payload{URL: "http://example.com", Method: "TRACE"}, "method"},
		"method injection": {Payload{URL: "http://example.com", Method: "GET / s3cret"}, "method"},
		"two bodies":       {Payload{URL: "http://example.com", Body: "s3cret", JSON: json.RawMessage("1")}, "body and json"},
		"timeout":          {Payload{URL: "http://example.com", Timeout: "s3cret"}, "timeout"},
		"timeout zero":     {Payload{URL: "http://example.com", Timeout: "0s"}, "timeout"},
		"header name":      {Payload{URL: "http://example.com", Headers: map[string]string{"a b": "s3cret"}}, "is not a header name"},
		"header break":     {Payload{URL: "http://example.com", Headers: map[string]string{"A": "s3cret\r\nHost: x"}}, "line break"},
		"header twice":     {Payload{URL: "http://example.com", Headers: map[string]string{"A-b": "s3cret", "a-B": "2"}}, "twice"},
		"hop by hop":       {Payload{URL: "http://example.com", Headers: map[string]string{"transfer-encoding": "s3cret"}}, "belongs to the connection"},
		"host":             {Payload{URL: "http://example.com", Headers: map[string]string{"HOST": "s3cret"}}, "belongs to the connection"},
		"proxy login":      {Payload{URL: "http://example.com", Headers: map[string]string{"Proxy-Authorization": "s3cret"}}, "belongs to the connection"},
	} {
		_, err := h.run(t.Context(), c.in)
		d := wantVerdict(t, err, jobs.VerdictPermanent)
		if !strings.Contains(d.Reason, c.want) {
			t.Errorf("%s: %q does not say %q", name, d.Reason, c.want)
		}
		wantWithout(t, d.Reason, "s3cret", "s3", "cret")
	}
}

// The schema refuses at the door what the handler would refuse later.
func TestSchema(t *testing.T) {
	t.Parallel()
	typ := registered(t, Options{})
	for payload, pointer := range map[string]string{
		`{}`:                          "/url",
		`{"url":"no scheme"}`:         "/url",
		`{"url":"ftp://example.com"}`: "/url",
		`{"url":"http://example.com","method":"get"}`:            "/method",
		`{"url":"http://example.com","timeout":"soon"}`:          "/timeout",
		`{"url":"http://example.com","expect_status":[99]}`:      "/expect_status/0",
		`{"url":"http://example.com","body":"a","json":1}`:       "/body",
		`{"url":"http://example.com","headers":{"a":1}}`:         "/headers/a",
		`{"url":"http://example.com","verify":false}`:            "/verify",
		`{"url":"HTTPS://example.com","json":null}`:              "",
		`{"url":"http://example.com/a?b=c","timeout":"1m30s"}`:   "",
		`{"url":"http://example.com","expect_status":[200,404]}`: "",
	} {
		wrong := typ.Payload.Validate(json.RawMessage(payload))
		if pointer == "" && len(wrong) > 0 || pointer != "" && (len(wrong) != 1 || wrong[0].Pointer != pointer) {
			t.Errorf("%s: %v", payload, wrong)
		}
	}
}
