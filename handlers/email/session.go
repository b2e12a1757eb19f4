package email

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"

	"legwork/jobs"
)

// deliver hands the message to the server over a connection of its own, which
// ends with ctx.
func (h *handler) deliver(ctx context.Context, m *gomail.Msg) error {
	conn, err := h.dial(ctx)
	if err == nil {
		defer conn.Close()
		stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
		defer stop()
		err = h.converse(conn, m)
	}
	switch {
	case err == nil || m.IsDelivered():
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("mail server %s: %w", h.o.address(), context.Cause(ctx))
	}
	return verdict(fmt.Errorf("mail server %s: %w", h.o.address(), err))
}

func (h *handler) dial(ctx context.Context) (net.Conn, error) {
	dialer := &net.Dialer{Timeout: h.o.Timeout}
	if h.o.TLS != TLSImplicit {
		return dialer.DialContext(ctx, "tcp", h.o.address())
	}
	ctx, cancel := context.WithTimeout(ctx, h.o.Timeout)
	defer cancel()
	return (&tls.Dialer{NetDialer: dialer, Config: h.tls}).DialContext(ctx, "tcp", h.o.address())
}

// converse runs the whole dialogue. The steps are taken one by one, and not by
// the mail client, to know which of them failed.
func (h *handler) converse(conn net.Conn, m *gomail.Msg) error {
	if err := conn.SetDeadline(time.Now().Add(h.o.Timeout)); err != nil {
		return err
	}
	client, err := smtp.NewClient(conn, h.o.Host)
	if err != nil {
		return fmt.Errorf("greeting: %w", err)
	}
	if err := client.Hello(h.o.LocalName); err != nil {
		return fmt.Errorf("hello: %w", err)
	}
	if err := h.encrypt(client); err != nil {
		return err
	}
	if err := h.logIn(client); err != nil {
		return err
	}
	if err := h.mailer.SendWithSMTPClient(client, m); err != nil {
		return err
	}
	return client.Quit()
}

func (h *handler) encrypt(client *smtp.Client) error {
	if h.o.TLS != TLSStart {
		return nil
	}
	if offered, _ := client.Extension("STARTTLS"); !offered {
		return jobs.Permanent(errors.New("offers no STARTTLS, so nothing was sent; " +
			"set handlers.email_send.tls to tls if it expects TLS at once, or to none to send in clear text"))
	}
	if err := client.UpdateDeadline(h.o.Timeout); err != nil {
		return err
	}
	if err := client.StartTLS(h.tls); err != nil {
		return fmt.Errorf("starttls: %w", err)
	}
	return nil
}

func (h *handler) logIn(client *smtp.Client) error {
	if h.o.Username == "" {
		return nil
	}
	if err := client.UpdateDeadline(h.o.Timeout); err != nil {
		return err
	}
	if err := client.Auth(&login{o: h.o}); err != nil {
		return loginError(err)
	}
	return nil
}

// verdict marks err as permanent when the server said 5xx.
func verdict(err error) error {
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return fmt.Errorf("%w; trust its authority with handlers.email_send.ca_file", err)
	}
	if code := replyCode(err); code >= 500 && code < 600 {
		return jobs.Permanent(oneLine{err})
	}
	return oneLine{err}
}

func replyCode(err error) int {
	if sent, ok := errors.AsType[*gomail.SendError](err); ok {
		return sent.ErrorCode()
	}
	if reply, ok := errors.AsType[*textproto.Error](err); ok {
		return reply.Code
	}
	return 0
}

// oneLine joins the lines of a multi-line reply.
type oneLine struct{ error }

func (e oneLine) Error() string { return strings.Join(strings.Fields(e.error.Error()), " ") }
func (e oneLine) Unwrap() error { return e.error }
