package email

import (
	"encoding/json"
	"strings"
	"testing"

	"legwork/jobs"
)

// A payload that cannot work is refused for good before the server is called;
// nothing can start a header or a recipient of its own.
func TestBadPayloads(t *testing.T) {
	t.Parallel()
	s := start(t, &server{})
	for name, c := range map[string]struct {
		change func(*Payload)
		says   string
	}{
		"no recipient":        {func(p *Payload) { p.To = nil }, "to:"},
		"bad recipient":       {func(p *Payload) { p.To = []string{"ok@example.com", "nobody"} }, "to[1]:"},
		"two in one":          {func(p *Payload) { p.Cc = []string{"a@example.com, b@example.com"} }, "cc[0]:"},
		"recipient break":     {func(p *Payload) { p.Bcc = []string{"a@example.com\r\nRCPT TO:<x@example.com>"} }, "bcc[0]:"},
		"name break":          {func(p *Payload) { p.To = []string{"\"Ann\r\nBcc: x@example.com\" <ann@example.com>"} }, "to[0]:"},
		"encoded name break":  {func(p *Payload) { p.To = []string{"=?utf-8?q?Ann=0D=0ABcc:_x?= <ann@example.com>"} }, "to[0]:"},
		"sender":              {func(p *Payload) { p.From = "shop" }, "from:"},
		"reply to":            {func(p *Payload) { p.ReplyTo = "shop\n@example.com" }, "reply_to:"},
		"subject break":       {func(p *Payload) { p.Subject = "Hi\r\nBcc: x@example.com" }, "subject:"},
		"subject bare break":  {func(p *Payload) { p.Subject = "Hi\nBcc: x@example.com" }, "subject:"},
		"no body":             {func(p *Payload) { p.Text = "" }, "text and html"},
		"header name":         {func(p *Payload) { p.Headers = map[string]string{"X: y\r\nBcc": "x"} }, "is not a header name"},
		"header break":        {func(p *Payload) { p.Headers = map[string]string{"X-A": "a\r\nBcc: x@example.com"} }, "control character"},
		"header too long":     {func(p *Payload) { p.Headers = map[string]string{"X-A": strings.Repeat("a", 999)} }, "longer than"},
		"header twice":        {func(p *Payload) { p.Headers = map[string]string{"X-A": "1", "x-a": "2"} }, "twice"},
		"own header":          {func(p *Payload) { p.Headers = map[string]string{"bcc": "x@example.com"} }, "cannot be set"},
		"content header":      {func(p *Payload) { p.Headers = map[string]string{"content-type": "text/html"} }, "cannot be set"},
		"attachment unnamed":  {func(p *Payload) { p.Attachments = []Attachment{{}} }, "attachments[0].name"},
		"attachment break":    {func(p *Payload) { p.Attachments = []Attachment{{Name: "a\r\nX: y"}} }, "attachments[0].name"},
		"attachment type":     {func(p *Payload) { p.Attachments = []Attachment{{Name: "a", ContentType: "pdf"}} }, "content_type"},
		"attachment type end": {func(p *Payload) { p.Attachments = []Attachment{{Name: "a", ContentType: "a/b\r\nX: y"}} }, "content_type"},
	} {
		in := simple()
		c.change(&in)
		_, err := send(t, s.options, in)
		t.Log(name)
		wantVerdict(t, err, jobs.VerdictPermanent, c.says)
		if strings.Contains(err.Error(), "x@example.com") {
			t.Errorf("%s: %q repeats what was submitted", name, err)
		}
	}
	if len(s.dialled) > 0 {
		t.Error("the server was called")
	}
}

// A missing server or sender is named by its setting.
func TestUnsetOptions(t *testing.T) {
	t.Parallel()
	_, err := send(t, Options{}, simple())
	wantVerdict(t, err, jobs.VerdictPermanent, "handlers.email_send.host")
	_, err = send(t, Options{Host: "127.0.0.1"}, simple())
	wantVerdict(t, err, jobs.VerdictPermanent, "handlers.email_send.from")
}

// A bad option is named by Check, and every job fails with it.
func TestOptionsCheck(t *testing.T) {
	t.Parallel()
	for setting, o := range map[string]Options{
		"tls":        {TLS: "ssl"},
		"port":       {Port: 70000},
		"timeout":    {Timeout: -1},
		"from":       {From: "shop"},
		"local_name": {LocalName: "a\r\nb"},
		"ca_file":    {CAFile: "/nonexistent.pem"},
	} {
		o.Host = "127.0.0.1"
		if err := o.Check(); err == nil || !strings.Contains(err.Error(), "handlers.email_send."+setting) {
			t.Errorf("%s: %v", setting, err)
		}
		_, err := send(t, o, simple())
		wantVerdict(t, err, jobs.VerdictPermanent, "handlers.email_send."+setting)
	}
	empty := Options{CAFile: writeFile(t, "ca.pem", []byte("no certificate"))}
	if err := empty.Check(); err == nil || !strings.Contains(err.Error(), "holds no PEM certificate") {
		t.Error(err)
	}
	if err := (Options{}).Check(); err != nil {
		t.Error(err)
	}
	if o := (Options{TLS: TLSImplicit}).withDefaults(); o.Port != PortImplicitDefault || o.LocalName == "" {
		t.Errorf("%+v", o)
	}
}

// The schema refuses at the door what the handler would refuse later.
func TestSchema(t *testing.T) {
	t.Parallel()
	r := jobs.NewRegistry()
	Register(r, Options{})
	if err := r.Err(); err != nil {
		t.Fatal(err)
	}
	typ, _ := r.Lookup(TypeName)
	for payload, want := range map[string]string{
		`{"to":["a@example.com"],"subject":"s","text":"t"}`:                                                  "",
		`{"to":["Ann <a@example.com>"],"subject":"s","html":"t"}`:                                            "",
		`{"to":["a@example.com"],"subject":"s"}`:                                                             "/html /text",
		`{"to":[],"subject":"s","text":"t"}`:                                                                 "/to",
		`{"to":["nobody"],"subject":"s","text":"t"}`:                                                         "/to/0",
		`{"to":["a@example.com\n"],"subject":"s","text":"t"}`:                                                "/to/0",
		`{"to":["a@example.com"],"subject":"s\r\nBcc: x@example.com","text":"t"}`:                            "/subject",
		`{"to":["a@example.com"],"subject":"s","text":"t","attachments":[{"name":"a\nb","content":"aGk="}]}`: "/attachments/0/name",
		`{"to":["a@example.com"],"subject":"s","text":"t","attachments":[{"name":"a"}]}`:                     "/attachments/0/content",
		`{"to":["a@example.com"],"subject":"s","text":"t","priority":1}`:                                     "/priority",
		`{"to":["a@example.com"],"subject":"s","text":"t","headers":{"X-A":1}}`:                              "/headers/X-A",
	} {
		var pointers []string
		for _, f := range typ.Payload.Validate(json.RawMessage(payload)) {
			pointers = append(pointers, f.Pointer)
		}
		if got := strings.Join(pointers, " "); got != want {
			t.Errorf("%s: %q, want %q", payload, got, want)
		}
	}
}
