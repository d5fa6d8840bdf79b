package identity

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

// parsePEM reads the one public key of a PEM file (RFC 7468). A private key is
// refused rather than reduced: it has no business on a host that only verifies.
func (a algorithm) parsePEM(data []byte) (*keySet, error) {
	block, rest := pem.Decode(data)
	if block == nil {
		return nil, errors.New("no PEM block in it")
	}
	if next, _ := pem.Decode(rest); next != nil {
		return nil, errors.New("several PEM blocks in it, give several keys as JWT_JWKS_FILE")
	}
	key, err := parseBlock(block)
	if err != nil {
		return nil, err
	}
	if err := a.checkPublic(key); err != nil {
		return nil, err
	}
	return &keySet{all: []any{key}}, nil
}

func parseBlock(block *pem.Block) (key any, err error) {
	switch {
	case block.Type == "PUBLIC KEY":
		key, err = x509.ParsePKIXPublicKey(block.Bytes)
	case block.Type == "RSA PUBLIC KEY":
		key, err = x509.ParsePKCS1PublicKey(block.Bytes)
	case block.Type == "CERTIFICATE":
		var cert *x509.Certificate
		if cert, err = x509.ParseCertificate(block.Bytes); err == nil {
			key = cert.PublicKey
		}
	case strings.HasSuffix(block.Type, "PRIVATE KEY"):
		return nil, errPrivate
	default:
		return nil, fmt.Errorf("a PEM block %q where a PUBLIC KEY is wanted", block.Type)
	}
	if err != nil {
		return nil, fmt.Errorf("not a public key: %w", err)
	}
	return key, nil
}

var errPrivate = errors.New("a private key in it, give the public key alone")
