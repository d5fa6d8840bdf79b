package transport

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// maxID is the longest SPIFFE ID in bytes (SPIFFE-ID, section 2.3).
const maxID = 2048

// nameOf is who a certificate names: its SPIFFE ID, and that one's trust domain, else
// its subject as RFC 4514 writes it.
func nameOf(leaf *x509.Certificate) (subject, domain string, err error) {
	for _, uri := range leaf.URIs {
		if uri.Scheme != "spiffe" {
			continue
		}
		if err := isSVID(leaf); err != nil {
			return "", "", err
		}
		if domain, err = trustDomain(uri); err != nil {
			return "", "", err
		}
		return uri.String(), domain, nil
	}
	if subject, err = subjectOf(leaf.RawSubject); err == nil && subject == "" {
		err = errors.New("the client certificate has neither a SPIFFE id nor a subject")
	}
	return subject, "", err
}

// isSVID refuses what X509-SVID does of a leaf (sections 2, 4.3 and 5.2).
func isSVID(leaf *x509.Certificate) error {
	switch {
	case len(leaf.URIs) > 1:
		return errors.New("the client certificate has a SPIFFE id and other URIs")
	case leaf.IsCA || leaf.KeyUsage&(x509.KeyUsageCertSign|x509.KeyUsageCRLSign) != 0:
		return errors.New("the client certificate has a SPIFFE id and may sign certificates")
	case leaf.KeyUsage&x509.KeyUsageDigitalSignature == 0:
		return errors.New("the client certificate has a SPIFFE id, but not the key usage digitalSignature")
	}
	return nil
}

// trustDomain reads the trust domain of a workload's SPIFFE ID (SPIFFE-ID, section 2).
func trustDomain(id *url.URL) (string, error) {
	text := id.String()
	rest, ok := strings.CutPrefix(text, "spiffe://")
	domain, path, _ := strings.Cut(rest, "/")
	ok = ok && len(text) <= maxID && isTrustDomain(domain)
	for segment := range strings.SplitSeq(path, "/") {
		ok = ok && segment != "" && segment != "." && segment != ".." && !strings.ContainsFunc(segment, func(r rune) bool {
			return !isLower(r) && (r < 'A' || r > 'Z')
		})
	}
	if !ok {
		return "", fmt.Errorf("the client certificate's SPIFFE id %q is none", text)
	}
	return domain, nil
}

func isTrustDomain(s string) bool {
	return s != "" && len(s) <= 255 && !strings.ContainsFunc(s, func(r rune) bool { return !isLower(r) })
}

// isLower are the characters of a trust domain.
func isLower(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '.' || r == '-' || r == '_'
}

// parseBundle reads the X.509 authorities of a trust domain: of a SPIFFE bundle, which
// is a JWK Set (SPIFFE Trust Domain and Bundle, section 4), or of a PEM file.
func parseBundle(data []byte) ([]*x509.Certificate, error) {
	if !bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")) {
		return parsePEM(data)
	}
	var bundle struct {
		Keys []struct {
			Use string   `json:"use"`
			X5C []string `json:"x5c"`
		} `json:"keys"`
	}
	if err := json.Unmarshal(data, &bundle); err != nil {
		return nil, fmt.Errorf("not a SPIFFE bundle: %w", err)
	}
	var all []*x509.Certificate
	for i, key := range bundle.Keys {
		if key.Use != "x509-svid" { // jwt-svid, and what is yet to come
			continue
		}
		if len(key.X5C) != 1 {
			return nil, fmt.Errorf("key %d: x5c must hold one certificate", i+1)
		}
		der, err := base64.StdEncoding.DecodeString(key.X5C[0])
		if err != nil {
			return nil, fmt.Errorf("key %d: x5c is not base64", i+1)
		}
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, fmt.Errorf("key %d: %w", i+1, err)
		}
		all = append(all, c)
	}
	if len(all) == 0 {
		return nil, errors.New("no key with use x509-svid in it")
	}
	return all, nil
}
