package email

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// TypeName is the name of the job type.
const TypeName = "email.send"

// Values of [Options.TLS].
const (
	// TLSStart begins in clear text and goes on only after STARTTLS.
	TLSStart = "starttls"
	// TLSImplicit speaks TLS from the first byte.
	TLSImplicit = "tls"
	// TLSNone never encrypts. A login then works only where the password itself
	// is not sent (SCRAM, CRAM-MD5).
	TLSNone = "none"
)

// Defaults of [Options].
const (
	PortDefault         = 587
	PortImplicitDefault = 465 // with TLSImplicit
	TimeoutDefault      = 30 * time.Second
)

// Options are the operator's settings of the type.
type Options struct {
	// Host is the SMTP server. Without it every job of the type fails.
	Host string
	// Port of the server. Defaults to [PortDefault], or [PortImplicitDefault]
	// with [TLSImplicit].
	Port int
	// Username and Password log in. Without a user name nobody does.
	Username string
	Password string
	// From is the sender of messages that name none, such as
	// "Shop <shop@example.com>".
	From string
	// TLS is [TLSStart], [TLSImplicit] or [TLSNone]. Defaults to [TLSStart].
	TLS string
	// Timeout bounds each step of the conversation. Defaults to
	// [TimeoutDefault].
	Timeout time.Duration
	// CAFile is a PEM file of authorities to trust in place of the system's.
	CAFile string
	// RootCAs are authorities to trust in place of the system's and of CAFile.
	RootCAs *x509.CertPool
	// LocalName is how the client greets the server. Defaults to the machine's
	// host name.
	LocalName string
}

// Check says what is wrong with the options, naming the setting, or is nil. A
// missing host is not wrong: not everybody sends mail.
func (o Options) Check() error {
	var errs []error
	if !slices.Contains([]string{"", TLSStart, TLSImplicit, TLSNone}, o.TLS) {
		errs = append(errs, fmt.Errorf("handlers.email_send.tls %q: use %s, %s or %s", o.TLS, TLSStart, TLSImplicit, TLSNone))
	}
	if o.Port < 0 || o.Port > 65535 {
		errs = append(errs, fmt.Errorf("handlers.email_send.port %d: use 1 to 65535", o.Port))
	}
	if o.Timeout < 0 {
		errs = append(errs, fmt.Errorf("handlers.email_send.timeout %s: use a positive duration", o.Timeout))
	}
	if o.From != "" {
		if _, err := parseAddress("handlers.email_send.from", o.From); err != nil {
			errs = append(errs, err)
		}
	}
	if strings.ContainsFunc(o.LocalName, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		errs = append(errs, errors.New("handlers.email_send.local_name: is not a host name"))
	}
	_, err := o.roots()
	return errors.Join(append(errs, err)...)
}

func (o Options) withDefaults() Options {
	if o.TLS == "" {
		o.TLS = TLSStart
	}
	if o.Port == 0 && o.TLS == TLSImplicit {
		o.Port = PortImplicitDefault
	}
	if o.Port == 0 {
		o.Port = PortDefault
	}
	if o.Timeout == 0 {
		o.Timeout = TimeoutDefault
	}
	if o.LocalName == "" {
		o.LocalName, _ = os.Hostname()
	}
	if o.LocalName == "" {
		o.LocalName = "localhost"
	}
	return o
}

func (o Options) address() string { return net.JoinHostPort(o.Host, strconv.Itoa(o.Port)) }

// roots returns the authorities to trust; nil means the system's.
func (o Options) roots() (*x509.CertPool, error) {
	if o.RootCAs != nil || o.CAFile == "" {
		return o.RootCAs, nil
	}
	pem, err := os.ReadFile(o.CAFile)
	if err != nil {
		return nil, fmt.Errorf("handlers.email_send.ca_file: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("handlers.email_send.ca_file: %s holds no PEM certificate", o.CAFile)
	}
	return pool, nil
}

func (o Options) tlsConfig() (*tls.Config, error) {
	roots, err := o.roots()
	if err != nil {
		return nil, err
	}
	return &tls.Config{ServerName: o.Host, RootCAs: roots, MinVersion: tls.VersionTLS12}, nil
}
