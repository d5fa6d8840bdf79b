package issuers

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/errs"
	"github.com/legivellum/metagate/internal/test/idp"
)

// The whole list, for each kind of issuer, while its keys are known.
func TestEveryAttackOnATokenFailsWithEveryKindOfIssuer(t *testing.T) {
	t.Parallel()
	kubernetes := map[string]any{"sub": "system:serviceaccount:mesh:indexer", "kubernetes.io": map[string]any{
		"namespace": "mesh", "serviceaccount": map[string]any{"name": "indexer", "uid": "1"}, "pod": map[string]any{"name": "indexer-0", "uid": "2"},
	}}
	for name, c := range map[string]struct {
		alg, use, members string
		claims            map[string]any
	}{
		"OpenID":     {"RS256", "sig", "issuer: https://idp.example", nil},
		"JWKS":       {"ES256", "sig", "issuer: https://idp.example, jwks_uri: https://idp.example/keys", nil},
		"file":       {"EdDSA", "sig", "issuer: https://idp.example, jwks_file: FILE", nil},
		"Kubernetes": {"RS256", "sig", "issuer: https://idp.example, jwks_uri: https://idp.example/keys, required_claims: {/kubernetes.io/namespace: mesh}", kubernetes},
		"GitHub":     {"RS256", "sig", "issuer: https://idp.example, subject: 'gh:${repository_id}', required_claims: {repository_id: '7'}", map[string]any{"repository_id": "7"}},
		"SPIFFE":     {"ES256", "jwt-svid", "spiffe_trust_domain: example.org, spiffe_bundle: FILE", map[string]any{"iss": nil, "sub": "spiffe://example.org/indexer"}},
		"SPIFFE URL": {"RS256", "jwt-svid", "spiffe_trust_domain: example.org, spiffe_bundle: https://idp.example/keys", map[string]any{"iss": nil, "sub": "spiffe://example.org/indexer"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				i := idp.New(c.alg)
				i.URL, i.Use = "https://idp.example", c.use
				members := replaceFile(t, c.members, i)
				s := newSet(t, "issuers: [{name: it, audience: metagate, algorithms: ["+c.alg+"], "+members+"}]", i)
				ctx, cancel := context.WithCancel(t.Context())
				go s.Run(ctx)
				pass(time.Second)
				claims := good(c.claims)
				attacks := i.Attacks(claims, time.Now())
				require.Greater(t, len(attacks), 70)
				accepted(t, s, i.Token(claims))
				for what, token := range attacks {
					_, err := s.Verify(token)
					require.True(t, errs.Is(err, errs.Unauthenticated), "%s: %v", what, err)
				}
				accepted(t, s, i.Token(claims))
				cancel()
				synctest.Wait()
			})
		})
	}
}

// The published bundle of a trust domain has keys of certificates, too.
func TestNoKeyOfACertificateSignsAnSVID(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		i, ca := idp.New("ES256"), idp.New("ES256")
		i.Use, ca.Use = "jwt-svid", "x509-svid"
		ca.Rotate()
		both := string(i.KeySet())
		both = both[:len(both)-2] + "," + string(ca.KeySet())[len(`{"keys":[`):]
		s := newSet(t, "issuers: [{name: it, audience: metagate, spiffe_trust_domain: example.org, spiffe_bundle: https://idp.example/keys}]",
			http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(both)) }))
		ctx, cancel := context.WithCancel(t.Context())
		go s.Run(ctx)
		pass(time.Second)
		claims := good(map[string]any{"iss": nil, "sub": "spiffe://example.org/indexer"})
		accepted(t, s, i.Token(claims))
		refused(t, s, ca.Token(claims), errs.Unauthenticated, "kid")
		cancel()
		synctest.Wait()
	})
}
