// Package pki makes certificates for tests: authorities, servers, and clients with a
// SPIFFE ID or a subject.
package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// CA signs certificates.
type CA struct {
	*x509.Certificate
	key *ecdsa.PrivateKey
}

// Pair is a certificate with what was added to it, and its key, in PEM.
type Pair struct{ Cert, Key []byte }

// Edit changes a certificate before it is signed.
type Edit func(*x509.Certificate)

// NewCA makes an authority.
func NewCA(tb testing.TB, name string, edits ...Edit) *CA {
	tb.Helper()
	return sign(tb, nil, append([]Edit{func(c *x509.Certificate) {
		c.Subject, c.IsCA, c.KeyUsage = pkix.Name{CommonName: name}, true, x509.KeyUsageCertSign
	}}, edits...))
}

// Intermediate makes an authority below another.
func (ca *CA) Intermediate(tb testing.TB, name string) *CA {
	tb.Helper()
	return sign(tb, ca, []Edit{func(c *x509.Certificate) {
		c.Subject, c.IsCA, c.KeyUsage = pkix.Name{CommonName: name}, true, x509.KeyUsageCertSign
	}})
}

// Server makes a certificate for a host's names and addresses.
func (ca *CA) Server(tb testing.TB, hosts ...string) Pair {
	tb.Helper()
	return ca.Sign(tb, func(c *x509.Certificate) {
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		for _, host := range hosts {
			if ip := net.ParseIP(host); ip != nil {
				c.IPAddresses = append(c.IPAddresses, ip)
			} else {
				c.DNSNames = append(c.DNSNames, host)
			}
		}
	})
}

// Client makes a client's certificate with a subject.
func (ca *CA) Client(tb testing.TB, subject pkix.Name, edits ...Edit) Pair {
	tb.Helper()
	return ca.Sign(tb, append([]Edit{func(c *x509.Certificate) {
		c.Subject, c.ExtKeyUsage = subject, []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	}}, edits...)...)
}

// SVID makes an X.509-SVID.
func (ca *CA) SVID(tb testing.TB, id string, edits ...Edit) Pair {
	tb.Helper()
	uri, err := url.Parse(id)
	require.NoError(tb, err)
	return ca.Sign(tb, append([]Edit{func(c *x509.Certificate) {
		c.URIs, c.ExtKeyUsage = []*url.URL{uri}, []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}
	}}, edits...)...)
}

// Sign makes a certificate of a new key, which is good for an hour.
func (ca *CA) Sign(tb testing.TB, edits ...Edit) Pair {
	tb.Helper()
	leaf := sign(tb, ca, append([]Edit{func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageDigitalSignature }}, edits...))
	key, err := x509.MarshalPKCS8PrivateKey(leaf.key)
	require.NoError(tb, err)
	return Pair{Cert: leaf.PEM(), Key: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})}
}

func sign(tb testing.TB, by *CA, edits []Edit) *CA {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(tb, err)
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	require.NoError(tb, err)
	template := &x509.Certificate{
		SerialNumber: serial, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), BasicConstraintsValid: true,
	}
	for _, edit := range edits {
		edit(template)
	}
	parent, signer := template, key
	if by != nil {
		parent, signer = by.Certificate, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	require.NoError(tb, err)
	c, err := x509.ParseCertificate(der)
	require.NoError(tb, err)
	return &CA{Certificate: c, key: key}
}

// PEM is the certificate, as a file has it.
func (ca *CA) PEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.Raw})
}

// Pool has authorities for clients to believe in.
func Pool(all ...*CA) *x509.CertPool {
	pool := x509.NewCertPool()
	for _, ca := range all {
		pool.AddCert(ca.Certificate)
	}
	return pool
}

// Bundle is a SPIFFE bundle of authorities, with a key for JWT-SVIDs beside them.
func Bundle(tb testing.TB, all ...*CA) []byte {
	tb.Helper()
	keys := []any{map[string]any{"use": "jwt-svid", "kty": "EC", "kid": "one"}}
	for _, ca := range all {
		keys = append(keys, map[string]any{"use": "x509-svid", "kty": "EC", "x5c": []string{base64.StdEncoding.EncodeToString(ca.Raw)}})
	}
	text, err := json.Marshal(map[string]any{"keys": keys, "spiffe_sequence": 1, "spiffe_refresh_hint": 300})
	require.NoError(tb, err)
	return text
}

// TLS is the pair as crypto/tls takes it.
func (p Pair) TLS(tb testing.TB) tls.Certificate {
	tb.Helper()
	pair, err := tls.X509KeyPair(p.Cert, p.Key)
	require.NoError(tb, err)
	return pair
}

// Files writes the pair into a new directory.
func (p Pair) Files(tb testing.TB) (cert, key string) {
	tb.Helper()
	dir := tb.TempDir()
	cert, key = filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	Write(tb, cert, p.Cert)
	Write(tb, key, p.Key)
	return cert, key
}

// Write replaces a file at once.
func Write(tb testing.TB, file string, text []byte) {
	tb.Helper()
	require.NoError(tb, os.WriteFile(file+".new", text, 0o600))
	require.NoError(tb, os.Rename(file+".new", file))
}

// File writes a new file.
func File(tb testing.TB, text []byte) string {
	tb.Helper()
	file := filepath.Join(tb.TempDir(), "file.pem")
	Write(tb, file, text)
	return file
}
