package transport

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/legivellum/metagate/internal/identity"
)

// trusted are the files of whose client certificates are believed.
type trusted struct {
	caFile  string // may be empty
	domains []string
	bundles []string // of domains
}

const (
	settingCA      = "TLS_CLIENT_CA_FILE"
	settingBundles = "TLS_CLIENT_SPIFFE_BUNDLES"
)

func newTrusted(o Options) (*trusted, error) {
	t := &trusted{caFile: o.ClientCAFile}
	for _, one := range o.SPIFFEBundles {
		domain, file, ok := strings.Cut(one, "=")
		domain = strings.TrimPrefix(domain, "spiffe://")
		if !ok || file == "" || !isTrustDomain(domain) {
			return nil, fmt.Errorf("%s: %q is not TRUST_DOMAIN=FILE, such as example.org=/run/spiffe/bundle.json", settingBundles, one)
		}
		if slices.Contains(t.domains, domain) {
			return nil, fmt.Errorf("%s: trust domain %s is there twice", settingBundles, domain)
		}
		t.domains, t.bundles = append(t.domains, domain), append(t.bundles, file)
	}
	return t, nil
}

func (t *trusted) paths() []string {
	if t.caFile == "" {
		return t.bundles
	}
	return append([]string{t.caFile}, t.bundles...)
}

func (t *trusted) setting() string {
	switch {
	case t.caFile == "":
		return settingBundles
	case len(t.bundles) == 0:
		return settingCA
	}
	return settingCA + ", " + settingBundles
}

// trust is who may sign client certificates. It never changes.
type trust struct {
	cas     *x509.CertPool            // nil for none
	domains map[string]*x509.CertPool // of each trust domain that has a bundle
	all     *x509.CertPool
}

// takeTrust puts new roots in force, for new connections and for kept ones.
func (t *TLS) takeTrust(of *trusted, texts [][]byte) error {
	trusts := &trust{domains: map[string]*x509.CertPool{}, all: x509.NewCertPool()}
	pool := func(all []*x509.Certificate) *x509.CertPool {
		p := x509.NewCertPool()
		for _, c := range all {
			p.AddCert(c)
			trusts.all.AddCert(c)
		}
		return p
	}
	if of.caFile != "" {
		all, err := parsePEM(texts[0])
		if err != nil {
			return fmt.Errorf("%q: %w", of.caFile, err)
		}
		trusts.cas, texts = pool(all), texts[1:]
	}
	for i, domain := range of.domains {
		all, err := parseBundle(texts[i])
		if err != nil {
			return fmt.Errorf("%q: %w", of.bundles[i], err)
		}
		trusts.domains[domain] = pool(all)
	}
	t.trust.Store(trusts)
	t.config.Store(t.configured(trusts))
	return nil
}

// verify tells who a chain of certificates, the client's own first, names. A trust
// domain that has a bundle is vouched for by that alone.
func (t *trust) verify(chain []*x509.Certificate, now time.Time) (*identity.Certificate, error) {
	leaf := chain[0]
	subject, domain, err := nameOf(leaf)
	if err != nil {
		return nil, err
	}
	roots := t.cas
	if own, ok := t.domains[domain]; ok {
		roots = own
	}
	if roots == nil {
		if domain == "" {
			return nil, errors.New("the client certificate has no SPIFFE id, and TLS_CLIENT_CA_FILE is not set")
		}
		return nil, fmt.Errorf("the client certificate is of trust domain %s, which is not in TLS_CLIENT_SPIFFE_BUNDLES", domain)
	}
	o := x509.VerifyOptions{Roots: roots, Intermediates: x509.NewCertPool(), CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	for _, c := range chain[1:] {
		o.Intermediates.AddCert(c)
	}
	if _, err := leaf.Verify(o); err != nil {
		return nil, fmt.Errorf("the client certificate of %q: %w", subject, err)
	}
	sum := sha256.Sum256(leaf.Raw)
	return &identity.Certificate{Subject: subject, SHA256: hex.EncodeToString(sum[:]), NotAfter: leaf.NotAfter}, nil
}

// parsePEM reads all certificates of a PEM file (RFC 7468), at least one.
func parsePEM(data []byte) (all []*x509.Certificate, err error) {
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("a PEM block %q in it, give certificates alone", block.Type)
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate %d: %w", len(all)+1, err)
		}
		all = append(all, c)
	}
	if len(all) == 0 {
		return nil, errors.New("no certificate in PEM in it")
	}
	return all, nil
}
