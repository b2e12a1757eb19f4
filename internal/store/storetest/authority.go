package storetest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"legwork/internal/store"
)

// authority issues certificates for one test.
type authority struct {
	cert *x509.Certificate
	key  crypto.Signer
	dir  string
}

// issued is a certificate with its key, and who signed it.
type issued struct {
	store.TLSFiles
	pool *x509.CertPool
}

// ClientTLS returns the files of a client whose certificate is signed by an
// authority that no server of this package trusts.
func ClientTLS(t testing.TB) store.TLSFiles {
	t.Helper()
	return newAuthority(t).issue(t, "client").TLSFiles
}

func newAuthority(t testing.TB) authority {
	t.Helper()
	a := authority{key: newKey(t), dir: t.TempDir()}
	tmpl := template("test authority")
	tmpl.IsCA, tmpl.BasicConstraintsValid, tmpl.KeyUsage = true, true, x509.KeyUsageCertSign
	a.cert = a.sign(t, tmpl, tmpl, a.key.Public())
	writePEM(t, filepath.Join(a.dir, "ca.pem"), "CERTIFICATE", a.cert.Raw)
	return a
}

func (a authority) issue(t testing.TB, name string) issued {
	t.Helper()
	key := newKey(t)
	tmpl := template(name)
	tmpl.DNSNames, tmpl.IPAddresses = []string{"localhost"}, []net.IP{net.IPv4(127, 0, 0, 1)}
	tmpl.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	cert := a.sign(t, tmpl, a.cert, key.Public())
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	i := issued{pool: x509.NewCertPool(), TLSFiles: store.TLSFiles{
		CAFile:   filepath.Join(a.dir, "ca.pem"),
		CertFile: filepath.Join(a.dir, name+".pem"),
		KeyFile:  filepath.Join(a.dir, name+".key"),
	}}
	writePEM(t, i.CertFile, "CERTIFICATE", cert.Raw)
	writePEM(t, i.KeyFile, "PRIVATE KEY", raw)
	i.pool.AddCert(a.cert)
	return i
}

func (a authority) sign(t testing.TB, tmpl, parent *x509.Certificate, public any) *x509.Certificate {
	t.Helper()
	raw, err := x509.CreateCertificate(rand.Reader, tmpl, parent, public, a.key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func template(name string) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature,
	}
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func writePEM(t testing.TB, path, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}
