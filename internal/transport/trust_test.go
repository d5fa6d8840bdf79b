package transport

import (
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"log/slog"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/test/pki"
)

// trusting is what these roots make of client certificates.
func trusting(t *testing.T, cas []byte, bundles map[string][]byte) *trust {
	t.Helper()
	server := pki.NewCA(t, "server").Server(t, "localhost")
	o := Options{Now: time.Now, Log: slog.New(slog.DiscardHandler)}
	o.CertFile, o.KeyFile = server.Files(t)
	if cas != nil {
		o.ClientCAFile = pki.File(t, cas)
	}
	for domain, text := range bundles {
		o.SPIFFEBundles = append(o.SPIFFEBundles, domain+"="+pki.File(t, text))
	}
	made, err := New(o)
	require.NoError(t, err)
	return made.trust.Load()
}

func chain(t *testing.T, p pki.Pair) (out []*x509.Certificate) {
	t.Helper()
	out, err := parsePEM(p.Cert)
	require.NoError(t, err)
	return out
}

func TestACertificateThatProvesNobodyIsRefused(t *testing.T) {
	t.Parallel()
	ca, own, other := pki.NewCA(t, "ca"), pki.NewCA(t, "example.org"), pki.NewCA(t, "other.example")
	trusts := trusting(t, ca.PEM(), map[string][]byte{"example.org": pki.Bundle(t, own), "other.example": pki.Bundle(t, other)})
	uris := func(all ...string) pki.Edit {
		return func(c *x509.Certificate) {
			c.URIs = nil
			for _, one := range all {
				u, err := url.Parse(one)
				require.NoError(t, err)
				c.URIs = append(c.URIs, u)
			}
		}
	}
	name := pkix.Name{CommonName: "indexer"}
	for what, bad := range map[string]struct {
		pair pki.Pair
		says string
	}{
		"of a CA that nobody trusts":            {pki.NewCA(t, "ca").Client(t, name), "signed by unknown authority"},
		"expired":                               {ca.Client(t, name, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }), "expired"},
		"not yet valid":                         {ca.Client(t, name, func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Minute) }), "not yet valid"},
		"a server's":                            {ca.Client(t, name, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }), "usage"},
		"of nobody":                             {ca.Client(t, pkix.Name{}), "neither a SPIFFE id nor a subject"},
		"an SVID of the CA that isn't its own":  {ca.SVID(t, "spiffe://example.org/indexer"), "signed by unknown authority"},
		"an SVID of another trust domain's CA":  {other.SVID(t, "spiffe://example.org/indexer"), "signed by unknown authority"},
		"a subject of a trust domain's CA":      {own.Client(t, name), "signed by unknown authority"},
		"an SVID that may sign":                 {own.SVID(t, "spiffe://example.org/indexer", func(c *x509.Certificate) { c.IsCA, c.KeyUsage = true, x509.KeyUsageCertSign }), "may sign"},
		"an SVID without a key usage":           {own.SVID(t, "spiffe://example.org/indexer", func(c *x509.Certificate) { c.KeyUsage = 0 }), "digitalSignature"},
		"an SVID with two ids":                  {own.SVID(t, "spiffe://x/y", uris("spiffe://example.org/a", "spiffe://example.org/b")), "other URIs"},
		"an SVID with another URI":              {own.SVID(t, "spiffe://x/y", uris("https://example.org/a", "spiffe://example.org/b")), "other URIs"},
		"a trust domain's own id":               {own.SVID(t, "spiffe://example.org"), "is none"},
		"an empty path":                         {own.SVID(t, "spiffe://example.org/"), "is none"},
		"an empty segment":                      {own.SVID(t, "spiffe://example.org/a//b"), "is none"},
		"a segment of dots":                     {own.SVID(t, "spiffe://example.org/a/../b"), "is none"},
		"a query":                               {own.SVID(t, "spiffe://example.org/a?b"), "is none"},
		"a fragment":                            {own.SVID(t, "spiffe://example.org/a#b"), "is none"},
		"an escape":                             {own.SVID(t, "spiffe://example.org/a%20b"), "is none"},
		"a trust domain in capitals":            {own.SVID(t, "spiffe://Example.org/a"), "is none"},
		"an id that is too long":                {own.SVID(t, "spiffe://example.org/"+strings.Repeat("a", 2048)), "is none"},
		"an intermediate that was left out":     {own.Intermediate(t, "below").SVID(t, "spiffe://example.org/indexer"), "signed by unknown authority"},
		"an intermediate of another one's root": {withChain(other.Intermediate(t, "below"), func(ca *pki.CA) pki.Pair { return ca.SVID(t, "spiffe://example.org/indexer") }), "signed by unknown authority"},
	} {
		_, err := trusts.verify(chain(t, bad.pair), time.Now())
		require.ErrorContains(t, err, bad.says, what)
		require.NotContains(t, err.Error(), "\n")
	}
	_, err := trusting(t, nil, map[string][]byte{"example.org": pki.Bundle(t, own)}).verify(chain(t, other.SVID(t, "spiffe://other.example/a")), time.Now())
	require.ErrorContains(t, err, "TLS_CLIENT_SPIFFE_BUNDLES")
	_, err = trusting(t, nil, map[string][]byte{"example.org": pki.Bundle(t, own)}).verify(chain(t, own.Client(t, name)), time.Now())
	require.ErrorContains(t, err, "TLS_CLIENT_CA_FILE")
}

func withChain(ca *pki.CA, sign func(*pki.CA) pki.Pair) pki.Pair {
	p := sign(ca)
	p.Cert = append(p.Cert, ca.PEM()...)
	return p
}

func TestACertificateNamesItsSPIFFEIDElseItsSubject(t *testing.T) {
	t.Parallel()
	ca, own, next := pki.NewCA(t, "ca"), pki.NewCA(t, "example.org"), pki.NewCA(t, "example.org")
	trusts := trusting(t, append(pki.NewCA(t, "before").PEM(), ca.PEM()...), map[string][]byte{
		"example.org": pki.Bundle(t, own, next), "pem.example": own.PEM(),
	})
	for want, p := range map[string]pki.Pair{
		"spiffe://example.org/ns/prod/sa/indexer": own.SVID(t, "spiffe://example.org/ns/prod/sa/indexer"),
		"spiffe://example.org/next":               next.SVID(t, "spiffe://example.org/next", func(c *x509.Certificate) { c.Subject = pkix.Name{CommonName: "x"} }),
		"spiffe://pem.example/a":                  own.SVID(t, "spiffe://pem.example/a"),
		"spiffe://unknown.example/a":              ca.SVID(t, "spiffe://unknown.example/a"), // which the CA vouches for
		"spiffe://example.org/below":              withChain(own.Intermediate(t, "below"), func(ca *pki.CA) pki.Pair { return ca.SVID(t, "spiffe://example.org/below") }),
		"CN=indexer":                              ca.Client(t, pkix.Name{CommonName: "indexer"}),
		`CN=a\,b,OU=ones+OU=two,O=Ex\+ample`:      ca.Client(t, pkix.Name{CommonName: "a,b", OrganizationalUnit: []string{"ones", "two"}, Organization: []string{"Ex+ample"}}),
	} {
		all := chain(t, p)
		who, err := trusts.verify(all, time.Now())
		require.NoError(t, err, want)
		sum := sha256.Sum256(all[0].Raw)
		require.Equal(t, []any{want, all[0].NotAfter, hex.EncodeToString(sum[:])}, []any{who.Subject, who.NotAfter, who.SHA256})
	}
}

func TestABundleThatHoldsNoAuthorityIsRefused(t *testing.T) {
	t.Parallel()
	ca := pki.NewCA(t, "ca")
	key := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte{1}})
	der := func(b string) []byte {
		text, err := json.Marshal(map[string]any{"keys": []any{map[string]any{"use": "x509-svid", "x5c": []string{b}}}})
		require.NoError(t, err)
		return text
	}
	for what, text := range map[string]string{
		"nothing": "", "a text": "example.org", "half a bundle": `{"keys":[`, "no keys": `{}`, "an array": `[]`,
		"no X.509 key": `{"keys":[{"use":"jwt-svid","x5c":["AAAA"]}]}`, "no certificate": `{"keys":[{"use":"x509-svid"}]}`,
		"a chain":     strings.Replace(string(pki.Bundle(t, ca)), `"x5c":[`, `"x5c":["AAAA",`, 1),
		"no base64":   string(der("*")),
		"no DER":      string(der("AAAA")),
		"a key":       string(ca.PEM()) + string(key),
		"no DER, PEM": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte{1}})),
	} {
		_, err := parseBundle([]byte(text))
		require.Error(t, err, what)
		require.NotContains(t, err.Error(), "\n", what)
	}
	all, err := parseBundle(pki.Bundle(t, ca, ca))
	require.NoError(t, err)
	require.Len(t, all, 2)
}
