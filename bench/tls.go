package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/legivellum/metagate/internal/test/testdb"
)

type tlsCmd struct {
	Turns
}

// Run measures bootstraps over plain HTTP beside those over TLS 1.3, each on connections
// that are kept. The load's own part of TLS is done on the same machine.
func (c tlsCmd) Run(ctx context.Context) error {
	return standUp(ctx, func(ctx context.Context, dir, binary string, cluster *testdb.Cluster) error {
		trust, settings, err := certificate(dir)
		if err != nil {
			return err
		}
		return settled{
			names: [2]string{"plain", "TLS"}, settings: [2][]string{nil, settings}, trust: trust, Turns: c.Turns,
		}.compare(ctx, dir, binary, cluster)
	})
}

// certificate makes one for the loopback, of ECDSA P-256, and what the server and its
// clients are told of it.
func certificate(dir string) (trust *tls.Config, settings []string, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, nil, err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, err
	}
	files := map[string]*pem.Block{"TLS_CERT_FILE": {Type: "CERTIFICATE", Bytes: der}, "TLS_KEY_FILE": {Type: "PRIVATE KEY", Bytes: secret}}
	trust = &tls.Config{RootCAs: x509.NewCertPool(), MinVersion: tls.VersionTLS13, ServerName: "127.0.0.1", NextProtos: []string{"http/1.1"}}
	trust.RootCAs.AppendCertsFromPEM(pem.EncodeToMemory(files["TLS_CERT_FILE"]))
	for name, block := range files {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			return nil, nil, err
		}
		settings = append(settings, name+"="+file)
	}
	return trust, settings, nil
}
