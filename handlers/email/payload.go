package email

import "github.com/invopop/jsonschema"

// Payload is one message. An address is "ann@example.com" or
// "Ann <ann@example.com>". At least one of Text and HTML is needed; with both,
// the reader's program chooses.
type Payload struct {
	To          []string          `json:"to" jsonschema:"minItems=1,maxItems=50,description=Recipients; each ann@example.com or Ann <ann@example.com>"`
	Cc          []string          `json:"cc,omitempty" jsonschema:"maxItems=50,description=Recipients of a copy"`
	Bcc         []string          `json:"bcc,omitempty" jsonschema:"maxItems=50,description=Recipients whom the others do not see"`
	From        string            `json:"from,omitempty" jsonschema:"maxLength=512,description=Sender; handlers.email_send.from when left out"`
	ReplyTo     string            `json:"reply_to,omitempty" jsonschema:"maxLength=512,description=Where answers should go"`
	Subject     string            `json:"subject" jsonschema:"minLength=1,maxLength=900,pattern=^[^\\r\\n]*$,description=Subject line"`
	Text        string            `json:"text,omitempty" jsonschema:"description=The message as plain text"`
	HTML        string            `json:"html,omitempty" jsonschema:"description=The message as HTML"`
	Attachments []Attachment      `json:"attachments,omitempty" jsonschema:"maxItems=20"`
	Headers     map[string]string `json:"headers,omitempty" jsonschema:"description=Further headers such as List-Unsubscribe; not those that other fields or the transport set"`
}

// Attachment is a file that goes with the message.
type Attachment struct {
	Name string `json:"name" jsonschema:"minLength=1,maxLength=255,pattern=^[^\\r\\n]*$,description=File name"`
	// ContentType defaults to what the name's extension says.
	ContentType string `json:"content_type,omitempty" jsonschema:"maxLength=255,pattern=^[^\\r\\n]*$,description=Media type; by the name's extension when left out,example=application/pdf"`
	Content     []byte `json:"content" jsonschema:"description=The file in base64"`
}

// JSONSchemaExtend adds what field tags cannot say.
func (Payload) JSONSchemaExtend(s *jsonschema.Schema) {
	s.AnyOf = []*jsonschema.Schema{{Required: []string{"text"}}, {Required: []string{"html"}}}
	limit := uint64(512)
	for _, name := range []string{"to", "cc", "bcc"} {
		if list, ok := s.Properties.Get(name); ok {
			list.Items = &jsonschema.Schema{Type: "string", MaxLength: &limit, Pattern: `^[^\r\n]*[^\s<>]@[^\s<>]+>?$`}
		}
	}
}

// Result identifies the message that was sent.
type Result struct {
	MessageID string `json:"message_id" jsonschema:"description=The Message-ID header without its angle brackets"`
}
