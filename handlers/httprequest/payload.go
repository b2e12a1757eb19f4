package httprequest

import (
	"encoding/json"

	"github.com/invopop/jsonschema"
)

// Payload is what a job of the type asks for. Of Body and JSON at most one may
// be given.
type Payload struct {
	Method       string            `json:"method,omitempty" jsonschema:"enum=GET,enum=HEAD,enum=POST,enum=PUT,enum=PATCH,enum=DELETE,enum=OPTIONS,default=GET,description=HTTP method"`
	URL          string            `json:"url" jsonschema:"format=uri,pattern=^[hH][tT][tT][pP][sS]?://,maxLength=8192,description=Address to call; http or https"`
	Headers      map[string]string `json:"headers,omitempty" jsonschema:"description=Request headers; those that belong to the connection (such as Host and Content-Length) are refused"`
	Body         string            `json:"body,omitempty" jsonschema:"description=Text to send as it is; text/plain unless a Content-Type header says otherwise"`
	JSON         json.RawMessage   `json:"json,omitempty" jsonschema:"description=Any JSON to send; application/json unless a Content-Type header says otherwise. Not together with body"`
	Timeout      string            `json:"timeout,omitempty" jsonschema:"pattern=^([0-9]+([.][0-9]+)?(ms|s|m|h))+$,maxLength=32,example=10s,description=Bound of the whole exchange with redirects and body; the operator's setting when left out"`
	ExpectStatus []int             `json:"expect_status,omitempty" jsonschema:"minItems=1,maxItems=50,description=Statuses that complete the job; any 2xx when left out"`
}

// JSONSchemaExtend adds what field tags cannot say.
func (Payload) JSONSchemaExtend(s *jsonschema.Schema) {
	without := jsonschema.NewProperties()
	without.Set("body", jsonschema.FalseSchema)
	s.DependentSchemas = map[string]*jsonschema.Schema{"json": {Properties: without}}
	if expect, ok := s.Properties.Get("expect_status"); ok {
		expect.Items = &jsonschema.Schema{Type: "integer", Minimum: "100", Maximum: "599"}
	}
}

// Result is what a completed job keeps of the answer.
type Result struct {
	Status int `json:"status" jsonschema:"description=HTTP status"`
	// Headers holds the few answer headers worth keeping, by canonical name.
	Headers map[string]string `json:"headers,omitempty" jsonschema:"description=Content-Type and a few other headers of the answer"`
	// Body is at most [ResultBodyMax] bytes of the answer as text. It is empty
	// when the answer is not UTF-8.
	Body string `json:"body,omitempty" jsonschema:"description=The answer as text; empty when it is not UTF-8"`
	// Truncated says that the answer is longer than Body.
	Truncated bool `json:"truncated,omitempty" jsonschema:"description=The answer is longer than body"`
	// Bytes is the length of what was read of the answer.
	Bytes int `json:"bytes" jsonschema:"description=Bytes read of the answer"`
	// Duration is the time from the first connection to the last byte, as a Go
	// duration.
	Duration string `json:"duration" jsonschema:"description=How long the exchange took,example=182ms"`
}
