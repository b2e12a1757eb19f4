package store

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
)

// TLSFiles says whom to trust and who we are on a TLS connection. It is used
// only with a URL that asks for TLS; setting it with another is an error.
type TLSFiles struct {
	// CAFile is a PEM file of the authorities to trust. Empty means those of
	// the operating system.
	CAFile string
	// CertFile and KeyFile are PEM files of the certificate that is shown to
	// the server. Both or neither.
	CertFile, KeyFile string
	// ServerName is the name that the server's certificate must hold. Empty
	// means the host that is dialed.
	ServerName string
	// InsecureSkipVerify accepts any certificate. For experiments only.
	InsecureSkipVerify bool
}

func (f TLSFiles) config(wanted bool) (*tls.Config, error) {
	if !wanted {
		if f != (TLSFiles{}) {
			return nil, errors.New("TLS settings are given but the URL does not ask for TLS; use rediss:// or the parameter tls=true, or remove them")
		}
		return nil, nil
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: f.ServerName, InsecureSkipVerify: f.InsecureSkipVerify}
	if f.CAFile != "" {
		pem, err := os.ReadFile(f.CAFile)
		if err != nil {
			return nil, fmt.Errorf("read the TLS CA file: %w; name a readable PEM file", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("the TLS CA file %q holds no PEM certificate", f.CAFile)
		}
	}
	if (f.CertFile == "") != (f.KeyFile == "") {
		return nil, errors.New("the TLS certificate and key files belong together; set both or neither")
	}
	if f.CertFile != "" {
		pair, err := tls.LoadX509KeyPair(f.CertFile, f.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("load the TLS certificate %q with key %q: %w", f.CertFile, f.KeyFile, err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}
