package email

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"slices"

	"github.com/wneessen/go-mail/smtp"

	"legwork/jobs"
)

// errNoMechanism says that logging in would give the password away or is not
// offered.
var errNoMechanism = errors.New("the server offers no login that keeps the password safe on this connection; " +
	"use handlers.email_send.tls starttls or tls, or leave handlers.email_send.username empty")

// login picks the mechanism once the server has named its own.
type login struct {
	o Options
	smtp.Auth
}

// Start is called by the SMTP client with the mechanisms that the server named
// after encryption began, if it did.
func (l *login) Start(server *smtp.ServerInfo) (string, []byte, error) {
	for _, mechanism := range mechanisms(server.TLS) {
		if slices.Contains(server.Auth, mechanism) {
			l.Auth = l.mechanism(mechanism)
			return l.Auth.Start(server)
		}
	}
	return "", nil, errNoMechanism
}

// mechanisms lists the logins in order of preference; without encryption only
// those that do not send the password.
func mechanisms(encrypted bool) []string {
	if encrypted {
		return []string{"SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN", "LOGIN", "CRAM-MD5"}
	}
	return []string{"SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5"}
}

func (l *login) mechanism(name string) smtp.Auth {
	switch name {
	case "SCRAM-SHA-256":
		return smtp.ScramSHA256Auth(l.o.Username, l.o.Password)
	case "SCRAM-SHA-1":
		return smtp.ScramSHA1Auth(l.o.Username, l.o.Password)
	case "PLAIN":
		return smtp.PlainAuth("", l.o.Username, l.o.Password, l.o.Host, false)
	case "LOGIN":
		return smtp.LoginAuth(l.o.Username, l.o.Password, l.o.Host, false)
	}
	return smtp.CRAMMD5Auth(l.o.Username, l.o.Password)
}

// loginError words a failed login without the server's text, which may repeat
// what it was sent.
func loginError(err error) error {
	if reply, ok := errors.AsType[*textproto.Error](err); ok {
		if reply.Code >= 500 {
			return jobs.Permanent(fmt.Errorf("the login was refused (%d); check handlers.email_send.username and password", reply.Code))
		}
		return fmt.Errorf("the server cannot check the login now (%d)", reply.Code)
	}
	if errors.Is(err, errNoMechanism) {
		return jobs.Permanent(errNoMechanism)
	}
	if _, ok := errors.AsType[net.Error](err); ok || errors.Is(err, io.EOF) {
		return errors.New("the connection broke while logging in")
	}
	return errors.New("the server's side of the login makes no sense")
}
