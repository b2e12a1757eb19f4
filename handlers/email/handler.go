package email

import (
	"context"
	"crypto/tls"
	"errors"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"

	"legwork/jobs"
)

// Register adds the type to r. Options that fail [Options.Check] make every job
// of the type fail permanently with what is wrong, and so does a missing host.
func Register(r *jobs.Registry, o Options) {
	jobs.Handle(r, TypeName, newHandler(o).run, jobs.Options{
		Summary: "Sends one mail through the configured SMTP server; 4xx replies and connection errors are tried again.",
		Timeout: 2 * time.Minute,
		Examples: []any{
			Payload{To: []string{"ann@example.com"}, Subject: "Your order 4711", Text: "It is on its way."},
			Payload{
				To: []string{"Ann <ann@example.com>"}, ReplyTo: "orders@example.com", Subject: "Your invoice",
				Text: "See the attachment.", HTML: "<p>See the attachment.</p>",
				Attachments: []Attachment{{Name: "invoice.txt", ContentType: "text/plain", Content: []byte("Total: 42.00\n")}},
			},
		},
	})
}

type handler struct {
	o      Options
	tls    *tls.Config
	mailer *gomail.Client // writes messages; it never dials
	broken error          // why the options cannot be used
}

func newHandler(o Options) *handler {
	if o.Host == "" {
		return &handler{broken: errors.New("no mail server is configured; set handlers.email_send.host")}
	}
	h := &handler{o: o.withDefaults(), broken: o.Check()}
	if h.broken == nil {
		h.tls, h.broken = h.o.tlsConfig()
	}
	if h.broken == nil {
		h.mailer, h.broken = gomail.NewClient(h.o.Host, gomail.WithTimeout(h.o.Timeout), gomail.WithoutNoop())
	}
	return h
}

func (h *handler) run(ctx context.Context, in Payload) (Result, error) {
	if h.broken != nil {
		return Result{}, jobs.Permanent(h.broken)
	}
	m, err := compose(in, h.o.From, jobs.Info(ctx))
	if err != nil {
		return Result{}, jobs.Permanent(err)
	}
	if err := h.deliver(ctx, m); err != nil {
		return Result{}, err
	}
	return Result{MessageID: strings.Trim(m.GetMessageID(), "<>")}, nil
}
