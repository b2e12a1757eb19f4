package email

import (
	"strings"
	"testing"

	"github.com/wneessen/go-mail/smtp"

	"legwork/jobs"
)

// Without STARTTLS the default sends nothing; an operator can say it is fine.
func TestStartTLSIsMandatory(t *testing.T) {
	t.Parallel()
	s := start(t, &server{plain: true})
	o := s.options
	o.Username, o.Password = testUser, testPassword
	_, err := send(t, o, simple())
	wantVerdict(t, err, jobs.VerdictPermanent, "STARTTLS", "handlers.email_send.tls")
	if len(s.taken) > 0 {
		t.Error("a message was taken")
	}
	o = s.options
	o.TLS = TLSNone
	if _, err := send(t, o, simple()); err != nil {
		t.Fatal(err)
	}
	if got := <-s.taken; got.secured {
		t.Error("encrypted all the same")
	}
}

// TLS from the first byte, with a login.
func TestImplicitTLS(t *testing.T) {
	t.Parallel()
	s := start(t, &server{implicit: true})
	o := s.options
	o.Username, o.Password = testUser, testPassword
	if _, err := send(t, o, simple()); err != nil {
		t.Fatal(err)
	}
	if got := <-s.taken; !got.secured || got.user != testUser {
		t.Errorf("secured %t, user %q", got.secured, got.user)
	}
}

// A certificate from an unknown authority stops the conversation and names the
// setting; with the authority in a file it goes through.
func TestCertificateIsChecked(t *testing.T) {
	t.Parallel()
	for _, s := range []*server{{}, {implicit: true}} {
		start(t, s)
		o := s.options
		o.RootCAs = nil
		_, err := send(t, o, simple())
		wantVerdict(t, err, jobs.VerdictRetry, "handlers.email_send.ca_file")
		o.CAFile = writeFile(t, "ca.pem", s.cert)
		if _, err := send(t, o, simple()); err != nil {
			t.Error(err)
		}
		o.Host = "localhost"
		_, err = send(t, o, simple())
		wantVerdict(t, err, jobs.VerdictRetry)
	}
}

// The strongest offered login is taken, and in clear text none that shows the
// password.
func TestMechanisms(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		offered   []string
		encrypted bool
		want      string
	}{
		{[]string{"LOGIN", "PLAIN", "SCRAM-SHA-256"}, true, "SCRAM-SHA-256"},
		{[]string{"LOGIN", "PLAIN"}, true, "PLAIN"},
		{[]string{"LOGIN"}, true, "LOGIN"},
		{[]string{"XOAUTH2"}, true, ""},
		{nil, true, ""},
		{[]string{"PLAIN", "LOGIN"}, false, ""},
		{[]string{"PLAIN", "CRAM-MD5"}, false, "CRAM-MD5"},
		{[]string{"PLAIN", "SCRAM-SHA-1", "CRAM-MD5"}, false, "SCRAM-SHA-1"},
	} {
		l := &login{o: Options{Host: "mail.test", Username: testUser, Password: testPassword}}
		got, first, err := l.Start(&smtp.ServerInfo{Name: "mail.test", TLS: c.encrypted, Auth: c.offered})
		if got != c.want || (err != nil) != (c.want == "") {
			t.Errorf("%v, encrypted %t: %q, %v", c.offered, c.encrypted, got, err)
		}
		if !c.encrypted && strings.Contains(string(first), testPassword) {
			t.Error("the password is shown")
		}
	}
}
