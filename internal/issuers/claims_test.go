package issuers

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/errs"
	"github.com/legivellum/metagate/internal/test/idp"
)

// one is a file of one issuer whose keys are in a file, and more members.
func one(t *testing.T, i *idp.Issuer, more string) *Set {
	t.Helper()
	return newSet(t, "issuers:\n- name: ci\n  issuer: https://idp.example\n  audience: metagate\n  algorithms: ["+i.Alg+"]\n  jwks_file: "+
		write(t, "keys.json", string(i.KeySet()))+"\n"+more, nil)
}

func TestASubjectIsMadeOfClaims(t *testing.T) {
	t.Parallel()
	i := idp.New("EdDSA")
	token := i.Token(good(map[string]any{
		"repository_id": "123", "run": 10, "ok": true, "list": []any{"x", "y"}, "none": nil, "null": (*int)(nil), "empty": "",
		"kubernetes.io": map[string]any{"namespace": "mesh", "serviceaccount": map[string]any{"name": "indexer"}}, "a/b": "slash", "c~d": "tilde",
	}))
	for template, want := range map[string]string{
		"": "ci:indexer", "${sub}": "indexer", "gh:${repository_id}": "gh:123", "${run}-${ok}": "10-true", "$$${sub}$$": "$indexer$",
		"${/kubernetes.io/namespace}/${/kubernetes.io/serviceaccount/name}": "mesh/indexer", "${/list/1}": "y", "${/a~1b}${/c~0d}": "slashtilde",
	} {
		more := ""
		if template != "" {
			more = "  subject: '" + template + "'\n"
		}
		claims := accepted(t, one(t, i, more), token)
		require.Equal(t, want, claims.AuthSubject, template)
		require.Equal(t, "indexer", claims.Subject, "what the receipt keeps")
		require.Equal(t, "https://idp.example", claims.Issuer)
	}
	for _, template := range []string{"${nothing}", "x${null}", "${empty}", "${list}", "${kubernetes.io}", "${/kubernetes.io/nothing}", "${/list/2}", "${/list/01}", "${/sub/x}"} {
		refused(t, one(t, i, "  subject: '"+template+"'\n"), token, errs.Unauthenticated, "is missing or no text")
	}
}

func TestAClaimMustBeWhatIsRequired(t *testing.T) {
	t.Parallel()
	i := idp.New("EdDSA")
	token := i.Token(good(map[string]any{
		"repository_id": "123", "run": 10, "ok": true, "groups": []any{"dev", "ops", 7}, "null": (*int)(nil),
		"kubernetes.io": map[string]any{"namespace": "mesh", "pod": map[string]any{"uid": "u"}},
	}))
	for _, want := range []string{
		"repository_id: '123'", "repository_id: 123", "repository_id: ['9', '123']", "run: 10", "run: '10'", "ok: true", "groups: ops", "groups: [a, dev]", "groups: 7",
		"/kubernetes.io/namespace: mesh", "/kubernetes.io/pod: {present: true}", "kubernetes.io: {present: true}", "repository_id: 123, run: 10", "/groups/0: dev",
	} {
		accepted(t, one(t, i, "  required_claims: {"+want+"}\n"), token)
	}
	for _, want := range []string{
		"repository_id: '1234'", "repository_id: '12'", "repository_id: ['9']", "Repository_ID: '123'", "run: 10.0", "ok: false", "groups: op", "groups: [a, b]", "/kubernetes.io/namespace: mes",
		"null: {present: true}", "nothing: {present: true}", "nothing: ''", "null: 'null'", "kubernetes.io: mesh", "repository_id: 123, run: 11", "/kubernetes.io/node: {present: true}",
	} {
		refused(t, one(t, i, "  required_claims: {"+want+"}\n"), token, errs.Unauthenticated, "issuer ci: jwt: the claim ")
	}
}

func TestNoIssuerSpeaksForAnothersPrincipals(t *testing.T) {
	t.Parallel()
	i, other := idp.New("EdDSA"), idp.New("EdDSA")
	s := one(t, i, "  subject: ${sub}\n- {name: prod, issuer: 'https://prod.example', audience: metagate, algorithms: [EdDSA], jwks_file: "+write(t, "keys.json", string(other.KeySet()))+"}\n")
	require.Equal(t, "prod:admin", accepted(t, s, other.Token(good(map[string]any{"iss": "https://prod.example", "sub": "admin"}))).AuthSubject)
	for _, sub := range []string{"prod:admin", "prod:", "spiffe://example.org/admin"} {
		refused(t, s, i.Token(good(map[string]any{"sub": sub})), errs.Unauthenticated, "which is another issuer's")
	}
	accepted(t, s, i.Token(good(map[string]any{"sub": "production"})))
	refused(t, s, i.Token(good(map[string]any{"iss": "https://prod.example"})), errs.Unauthenticated, "signature")
}

func TestASPIFFEIDMustBeOfItsTrustDomain(t *testing.T) {
	t.Parallel()
	i := idp.New("ES256")
	i.Use = "jwt-svid"
	s := newSet(t, "issuers:\n- name: mesh\n  spiffe_trust_domain: example.org\n  audience: metagate\n  spiffe_bundle: "+write(t, "bundle.json", string(i.KeySet()))+"\n", nil)
	svid := func(id string) string { return i.Token(good(map[string]any{"iss": nil, "sub": id})) }
	require.Equal(t, "spiffe://example.org/indexer", accepted(t, s, svid("spiffe://example.org/indexer")).AuthSubject)
	for _, id := range []string{
		"spiffe://example.com/indexer", "spiffe://example.org", "spiffe://example.org/", "spiffe://example.org//x", "spiffe://example.org/../x", "spiffe://example.org/a/.",
		"spiffe://EXAMPLE.org/indexer", "SPIFFE://example.org/indexer", "spiffe://example.org:80/x", "spiffe://u@example.org/x", "spiffe://example.org/x?y", "spiffe://example.org/x#y",
		"spiffe://example.org/%41", "https://example.org/indexer", "indexer", "spiffe://", "spiffe:///x", "",
	} {
		refused(t, s, svid(id), errs.Unauthenticated, "jwt: no issuer of ISSUERS_FILE")
	}
	named := newSet(t, "issuers:\n- name: mesh\n  issuer: https://spire.example\n  spiffe_trust_domain: example.org\n  audience: metagate\n  spiffe_bundle: "+write(t, "bundle.json", string(i.KeySet()))+"\n", nil)
	with := func(id string) string {
		return i.Token(good(map[string]any{"iss": "https://spire.example", "sub": id}))
	}
	accepted(t, named, with("spiffe://example.org/indexer"))
	refused(t, named, with("spiffe://example.com/indexer"), errs.Unauthenticated, "trust domain")
	refused(t, named, svid("spiffe://example.org/indexer"), errs.Unauthenticated, "no issuer")
	for _, typ := range []any{"at+jwt", "jwt", 7, ""} {
		refused(t, s, i.Token(good(map[string]any{"iss": nil, "sub": "spiffe://example.org/x"}), map[string]any{"typ": typ}), errs.Unauthenticated, "typ")
	}
	for _, typ := range []any{"JOSE", nil} {
		accepted(t, s, i.Token(good(map[string]any{"iss": nil, "sub": "spiffe://example.org/x"}), map[string]any{"typ": typ}))
	}
	i.Use = "sig" // a bundle's keys say what they are for
	_, err := New(Config{Fallback: nobody{}, File: write(t, "issuers.yaml", "issuers:\n- name: mesh\n  spiffe_trust_domain: example.org\n  audience: metagate\n  spiffe_bundle: "+write(t, "bundle.json", string(i.KeySet()))+"\n")})
	require.ErrorContains(t, err, "spiffe_bundle: no key in it goes with RS256")
}
