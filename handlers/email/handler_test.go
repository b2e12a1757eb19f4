package email

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"legwork/jobs"
)

// A full message arrives as it was asked for: recipients, headers, both bodies
// and the attachment; the blind copy is in the envelope only.
func TestMessageArrives(t *testing.T) {
	t.Parallel()
	s := start(t, &server{})
	out, err := send(t, s.options, Payload{
		To: []string{"Ann Lee <ann@example.com>", "bob@example.com"}, Cc: []string{"cy@example.com"}, Bcc: []string{"dee@example.com"},
		ReplyTo: "Orders <orders@example.com>", Subject: "Bestellung für Ann", Text: "Grüße\nvom Laden",
		HTML: "<p>Grüße</p>", Headers: map[string]string{"List-Unsubscribe": "<https://example.com/u/1>", "X-Note": "größer"},
		Attachments: []Attachment{{Name: "Rechnung \"7\".pdf", ContentType: "application/pdf", Content: []byte("%PDF\x00\xff")}, {Name: "a.txt", Content: []byte("plain")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	got := <-s.taken
	if diff := cmp.Diff([]string{"ann@example.com", "bob@example.com", "cy@example.com", "dee@example.com"}, got.to); diff != "" {
		t.Error(diff)
	}
	if got.from != "shop@example.com" || !got.secured {
		t.Errorf("from %s, secured %t", got.from, got.secured)
	}
	m, err := mail.ReadMessage(strings.NewReader(got.data))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"From": `"Shop" <shop@example.com>`, "To": `"Ann Lee" <ann@example.com>, <bob@example.com>`, "Cc": "<cy@example.com>",
		"Bcc": "", "Reply-To": `"Orders" <orders@example.com>`, "Subject": "Bestellung für Ann", "X-Note": "größer",
		"List-Unsubscribe": "<https://example.com/u/1>", "Message-Id": "<" + out.MessageID + ">", "User-Agent": "", "X-Mailer": "",
	} {
		if v := decoded(t, m.Header.Get(name)); v != want {
			t.Errorf("%s is %q, want %q", name, v, want)
		}
	}
	if strings.Contains(got.data, "dee@") {
		t.Error("the message tells of the blind copy")
	}
	want := []part{
		{kind: "text/plain", text: "Grüße\r\nvom Laden"},
		{kind: "text/html", text: "<p>Grüße</p>"},
		{kind: "application/pdf", file: "Rechnung _7_.pdf", text: "%PDF\x00\xff"},
		{kind: "text/plain", file: "a.txt", text: "plain"},
	}
	if diff := cmp.Diff(want, parts(t, m.Header.Get, m.Body), cmp.AllowUnexported(part{})); diff != "" {
		t.Error(diff)
	}
}

// One body alone makes a message without parts.
func TestSingleBody(t *testing.T) {
	t.Parallel()
	s := start(t, &server{})
	for kind, in := range map[string]Payload{
		"text/plain": {To: []string{"ann@example.com"}, Subject: "s", Text: "hello"},
		"text/html":  {To: []string{"ann@example.com"}, Subject: "s", HTML: "hello", From: "other@example.org"},
	} {
		if _, err := send(t, s.options, in); err != nil {
			t.Fatal(err)
		}
		got := <-s.taken
		m, err := mail.ReadMessage(strings.NewReader(got.data))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]part{{kind: kind, text: "hello"}}, parts(t, m.Header.Get, m.Body), cmp.AllowUnexported(part{})); diff != "" {
			t.Error(diff)
		}
		if in.From != "" && got.from != in.From {
			t.Errorf("from %s, want %s", got.from, in.From)
		}
	}
}

// A second attempt carries the same Message-ID; another job, or another job
// under the same id, carries another.
func TestMessageIDFollowsFromTheJob(t *testing.T) {
	t.Parallel()
	s := start(t, &server{})
	first, err := send(t, s.options, simple())
	if err != nil {
		t.Fatal(err)
	}
	second, err := send(t, s.options, simple())
	if err != nil {
		t.Fatal(err)
	}
	if first != second || first.MessageID != "order=3A4711=2Ea.s44we8@example.com" {
		t.Errorf("%q, then %q", first.MessageID, second.MessageID)
	}
	for range 2 {
		if got := <-s.taken; !strings.Contains(got.data, "<"+first.MessageID+">") {
			t.Error("the message carries another id")
		}
	}
	a := jobs.JobInfo{ID: "daily", CreatedAt: time.Unix(1, 0)}
	b := jobs.JobInfo{ID: "daily", CreatedAt: time.Unix(86401, 0)}
	if messageID(a, "example.com") == messageID(b, "example.com") {
		t.Error("two jobs share a Message-ID")
	}
	from, err := parseAddress("from", "ann@bücher.example")
	if err != nil || messageID(a, domainOf(from)) != "daily.1@xn--bcher-kva.example" {
		t.Errorf("%s, %v", messageID(a, domainOf(from)), err)
	}
}

// Through the registry, as the engine runs it: JSON in, JSON out.
func TestRegisteredType(t *testing.T) {
	t.Parallel()
	s := start(t, &server{})
	r := jobs.NewRegistry()
	Register(r, s.options)
	typ, ok := r.Lookup(TypeName)
	if err := r.Err(); err != nil || !ok {
		t.Fatal(err, ok)
	}
	out, err := typ.Run(t.Context(), json.RawMessage(`{"to":["ann@example.com"],"subject":"s","text":"t","attachments":[{"name":"a.txt","content":"aGk="}]}`))
	if err != nil || !strings.Contains(string(out), `"message_id":"`) {
		t.Errorf("%s, %v", out, err)
	}
	<-s.taken
	_, err = typ.Run(t.Context(), json.RawMessage(`{"to":["ann@example.com"],"subject":"s","text":"t","attachments":[{"name":"a.txt","content":"!!"}]}`))
	if err == nil || jobs.Decide(err).Verdict != jobs.VerdictPermanent {
		t.Errorf("content that is not base64: %v", err)
	}
}

// part is a leaf of a received message, decoded.
type part struct{ kind, file, text string }

// parts walks a message to its leaves.
func parts(t *testing.T, header func(string) string, body io.Reader) []part {
	t.Helper()
	kind, params, err := mime.ParseMediaType(header("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasPrefix(kind, "multipart/") {
		var out []part
		for r := multipart.NewReader(body, params["boundary"]); ; {
			p, err := r.NextRawPart()
			if err == io.EOF {
				return out
			}
			if err != nil {
				t.Fatal(err)
			}
			out = slices.Concat(out, parts(t, p.Header.Get, p))
		}
	}
	switch header("Content-Transfer-Encoding") {
	case "quoted-printable":
		body = quotedprintable.NewReader(body)
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, body)
	}
	text, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	_, disposition, _ := mime.ParseMediaType(header("Content-Disposition"))
	return []part{{kind: kind, file: disposition["filename"], text: strings.TrimSuffix(string(text), "\r\n")}}
}

func decoded(t *testing.T, header string) string {
	t.Helper()
	s, err := new(mime.WordDecoder).DecodeHeader(header)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
