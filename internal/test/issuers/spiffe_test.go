package issuers_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"os"
	"path/filepath"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/spiffe/go-spiffe/v2/bundle/spiffebundle"
	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"github.com/spiffe/go-spiffe/v2/svid/jwtsvid"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/app"
	"github.com/legivellum/metagate/internal/test/apptest"
	"github.com/legivellum/metagate/internal/test/testdb"
)

// authority signs JWT-SVIDs, as SPIRE does: ES256, kid, typ JWT, no iss.
type authority struct {
	bundle *spiffebundle.Bundle
	key    *ecdsa.PrivateKey
}

func newAuthority(t *testing.T, domain string) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	bundle := spiffebundle.New(spiffeid.RequireTrustDomainFromString(domain))
	require.NoError(t, bundle.AddJWTAuthority("authority-1", key.Public()))
	return &authority{bundle, key}
}

func (a *authority) svid(t *testing.T, id string, change func(*jwt.Claims, *jose.SignerOptions)) string {
	t.Helper()
	claims := jwt.Claims{Subject: id, Audience: jwt.Audience{"metagate"}, Expiry: jwt.NewNumericDate(time.Now().Add(time.Hour)), IssuedAt: jwt.NewNumericDate(time.Now())}
	options := new(jose.SignerOptions).WithType("JWT").WithHeader("kid", "authority-1")
	if change != nil {
		change(&claims, options)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: a.key}, options)
	require.NoError(t, err)
	token, err := jwt.Signed(signer).Claims(claims).Serialize()
	require.NoError(t, err)
	return token
}

// What go-spiffe, which workloads validate with, takes for an SVID, is one here, and nothing else.
func TestWhatTheReferenceTakesForASVIDIsOneHere(t *testing.T) {
	t.Parallel()
	own := newAuthority(t, "example.org")
	other := newAuthority(t, "example.com")
	const id = "spiffe://example.org/ns/mesh/sa/indexer"
	tokens := map[string]string{
		"a good one":             own.svid(t, id, nil),
		"of JOSE":                own.svid(t, id, func(_ *jwt.Claims, o *jose.SignerOptions) { o.WithType("JOSE") }),
		"of another type":        own.svid(t, id, func(_ *jwt.Claims, o *jose.SignerOptions) { o.WithType("at+jwt") }),
		"for several":            own.svid(t, id, func(c *jwt.Claims, _ *jose.SignerOptions) { c.Audience = append(c.Audience, "another") }),
		"for others":             own.svid(t, id, func(c *jwt.Claims, _ *jose.SignerOptions) { c.Audience = jwt.Audience{"another"} }),
		"for nobody":             own.svid(t, id, func(c *jwt.Claims, _ *jose.SignerOptions) { c.Audience = nil }),
		"without an end":         own.svid(t, id, func(c *jwt.Claims, _ *jose.SignerOptions) { c.Expiry = nil }),
		"long expired":           own.svid(t, id, func(c *jwt.Claims, _ *jose.SignerOptions) { c.Expiry = jwt.NewNumericDate(time.Unix(1, 0)) }),
		"of another kid":         own.svid(t, id, func(_ *jwt.Claims, o *jose.SignerOptions) { o.WithHeader("kid", "authority-2") }),
		"of another authority":   other.svid(t, id, nil),
		"of another domain":      own.svid(t, "spiffe://example.com/indexer", nil),
		"of the other domain":    other.svid(t, "spiffe://example.com/indexer", nil),
		"of no SPIFFE ID":        own.svid(t, "indexer", nil),
		"of a web address":       own.svid(t, "https://example.org/indexer", nil),
		"of nobody":              own.svid(t, "", nil),
		"of a path that goes up": own.svid(t, "spiffe://example.org/../x", nil),
		"of a query":             own.svid(t, id+"?x", nil),
	}
	text, err := own.bundle.Marshal()
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "bundle.json"), text, 0o600))
	file := filepath.Join(dir, "issuers.yaml")
	require.NoError(t, os.WriteFile(file, []byte("issuers:\n  - {name: mesh, spiffe_trust_domain: example.org, spiffe_bundle: bundle.json, audience: metagate}\n"), 0o600))
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		add(t, a, id)
		good := 0
		for what, token := range tokens {
			want := 401
			if svid, err := jwtsvid.ParseAndValidate(token, own.bundle, []string{"metagate"}); err == nil {
				require.Equal(t, id, svid.ID.String())
				want, good = 200, good+1
			}
			require.Eventually(t, func() bool { return status(t, a, token) == want }, patience, 50*time.Millisecond, what)
		}
		require.Equal(t, 3, good)
	}, func(c *app.Config) { c.IssuersFile = file })
}

func TestABundleIsReadAgainWhenItIsRotated(t *testing.T) {
	t.Parallel()
	testdb.Each(t, apptest.Migrate, func(t *testing.T, url string) {
		own, next := newAuthority(t, "example.org"), newAuthority(t, "example.org")
		const id = "spiffe://example.org/indexer"
		dir := t.TempDir()
		publish := func(a *authority) {
			text, err := a.bundle.Marshal()
			require.NoError(t, err)
			file := filepath.Join(dir, "bundle.json")
			require.NoError(t, os.WriteFile(file+".new", text, 0o600))
			require.NoError(t, os.Rename(file+".new", file))
		}
		publish(own)
		file := filepath.Join(dir, "issuers.yaml")
		require.NoError(t, os.WriteFile(file, []byte("issuers:\n  - {name: mesh, spiffe_trust_domain: example.org, spiffe_bundle: bundle.json, audience: metagate}\n"), 0o600))
		a := apptest.Start(t, url, func(c *app.Config) { c.IssuersFile = file })
		add(t, a, id)
		require.Equal(t, 200, status(t, a, own.svid(t, id, nil)))
		publish(next)
		becomes(t, a, next.svid(t, id, nil), 200)
		require.Equal(t, 401, status(t, a, own.svid(t, id, nil)))
	})
}
