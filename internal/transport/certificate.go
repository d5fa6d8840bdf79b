package transport

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"strings"
	"time"
)

// takeCertificate puts a certificate and its key in force.
func (t *TLS) takeCertificate(texts [][]byte) error {
	if encrypted(texts[1]) {
		return errors.New("the key is encrypted: write it without a passphrase, readable by the server alone")
	}
	pair, err := tls.X509KeyPair(texts[0], texts[1])
	if err != nil {
		return errors.New(strings.TrimPrefix(err.Error(), "tls: "))
	}
	if now := t.now(); now.After(pair.Leaf.NotAfter) || now.Before(pair.Leaf.NotBefore) {
		t.log.WarnContext(context.Background(), "TLS_CERT_FILE: the certificate is not valid now: clients will refuse it",
			"not_before", pair.Leaf.NotBefore, "not_after", pair.Leaf.NotAfter)
	}
	t.certificate.Store(&pair)
	return nil
}

// Expires is when the server's certificate does.
func (t *TLS) Expires() time.Time { return t.certificate.Load().Leaf.NotAfter }

func encrypted(key []byte) bool {
	for block, rest := pem.Decode(key); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["DEK-Info"] != "" {
			return true
		}
	}
	return bytes.Contains(key, []byte("-----BEGIN ENCRYPTED"))
}
