package email

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
	"go.uber.org/goleak"

	"legwork/jobs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	testUser     = "shop"
	testPassword = "s3cret-pass"
)

// envelope is a message as the server took it.
type envelope struct {
	from    string
	to      []string
	data    string
	user    string
	secured bool
}

// server is a real SMTP server in this process. Its fields say how it answers.
type server struct {
	plain     bool // no STARTTLS
	implicit  bool // TLS from the first byte
	mailReply error
	rcptReply map[string]error
	dataReply error
	authReply error
	hangUp    bool // after a message was taken

	options Options // how a client reaches it
	taken   chan envelope
	dialled chan struct{}
	cert    []byte // PEM
}

func start(t *testing.T, s *server) *server {
	t.Helper()
	s.taken, s.dialled = make(chan envelope, 8), make(chan struct{}, 8)
	pair, pool, certPEM := certificate(t)
	s.cert = certPEM
	srv := smtp.NewServer(s)
	srv.Domain, srv.EnableSMTPUTF8, srv.AllowInsecureAuth = "mail.test", true, true
	srv.ErrorLog = log.New(io.Discard, "", 0)
	config := &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	if !s.plain && !s.implicit {
		srv.TLSConfig = config
	}
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	if s.implicit {
		l = tls.NewListener(l, config)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = srv.Serve(l) // ends with an error once the listener is closed
	}()
	t.Cleanup(func() {
		_ = l.Close() // the server does not know it yet when a test never dialled
		_ = srv.Close()
		<-done
	})
	s.options = Options{Host: "127.0.0.1", Port: port, From: "Shop <shop@example.com>", RootCAs: pool, LocalName: "client.test"}
	if s.implicit {
		s.options.TLS = TLSImplicit
	}
	return s
}

// NewSession implements smtp.Backend.
func (s *server) NewSession(c *smtp.Conn) (smtp.Session, error) {
	s.dialled <- struct{}{}
	return &session{s: s, c: c}, nil
}

type session struct {
	s *server
	c *smtp.Conn
	e envelope
}

// Reset is called after the server has answered for a message, too.
func (x *session) Reset() {
	if x.s.hangUp && x.e.data != "" {
		_ = x.c.Conn().Close()
	}
	x.e = envelope{user: x.e.user}
}

func (x *session) Logout() error { return nil }

func (x *session) Mail(from string, _ *smtp.MailOptions) error {
	x.e.from = from
	return x.s.mailReply
}

func (x *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	if err := x.s.rcptReply[to]; err != nil {
		return err
	}
	x.e.to = append(x.e.to, to)
	return nil
}

func (x *session) Data(r io.Reader) error {
	data, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if x.s.dataReply != nil {
		return x.s.dataReply
	}
	x.e.data = string(data)
	_, x.e.secured = x.c.TLSConnectionState()
	x.s.taken <- x.e
	return nil
}

func (x *session) AuthMechanisms() []string { return []string{sasl.Plain} }

func (x *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if x.s.authReply != nil {
			return x.s.authReply
		}
		if user != testUser || password != testPassword {
			return &smtp.SMTPError{Code: 535, EnhancedCode: smtp.EnhancedCode{5, 7, 8}, Message: "no such login: " + password}
		}
		x.e.user = user
		return nil
	}), nil
}

func reply(code int, text string) error {
	return &smtp.SMTPError{Code: code, EnhancedCode: smtp.EnhancedCode{code / 100, 1, 1}, Message: text}
}

// certificate makes a certificate for 127.0.0.1 that is its own authority.
func certificate(t *testing.T) (tls.Certificate, *x509.CertPool, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "mail.test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool,
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func writeFile(t *testing.T, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// send runs one job against the server.
func send(t *testing.T, o Options, in Payload) (Result, error) {
	t.Helper()
	info := jobs.JobInfo{ID: "order:4711.a", CreatedAt: time.Unix(1700000000, 5)}
	return newHandler(o).run(jobs.NewContext(t.Context(), jobs.Scope{Info: info}), in)
}

func simple() Payload {
	return Payload{To: []string{"ann@example.com"}, Subject: "Hello", Text: "Hi Ann"}
}
