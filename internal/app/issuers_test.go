package app_test

import (
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/app"
	"github.com/legivellum/metagate/internal/test/apptest"
	"github.com/legivellum/metagate/internal/test/idp"
	"github.com/legivellum/metagate/internal/test/testdb"
)

// trusted is an issuer as a file names it.
type trusted struct {
	*idp.Issuer
	members string         // of the file; CA, URL, KEYS and TOKEN are filled in
	claims  map[string]any // of a good token, beside exp and aud
	subject string         // auth_subject of a good token
}

// kindsOfIssuers are all that docs/identity.md has a recipe for, served over https.
func kindsOfIssuers(t *testing.T) []*trusted {
	t.Helper()
	all := []*trusted{
		{
			Issuer: idp.New("RS256"), members: "name: idp, issuer: URL, ca_file: CA", subject: "idp:indexer",
			claims: map[string]any{"sub": "indexer"},
		},
		{
			Issuer: idp.New("RS256"), subject: "system:serviceaccount:mesh:indexer",
			members: "name: prod-cluster, issuer: URL, jwks_uri: URL/keys, ca_file: CA, token_file: TOKEN, required_claims: {/kubernetes.io/namespace: [mesh]}, subject: '${sub}'",
			claims: map[string]any{"sub": "system:serviceaccount:mesh:indexer", "jti": "4b6b3a3e", "kubernetes.io": map[string]any{
				"namespace": "mesh", "serviceaccount": map[string]any{"name": "indexer", "uid": "5c7b"},
				"pod": map[string]any{"name": "indexer-0", "uid": "49ad"}, "node": map[string]any{"name": "n1", "uid": "4ed1"}, "warnafter": 1,
			}},
		},
		{
			Issuer: idp.New("RS256"), subject: "github:74:refs/heads/main",
			members: "name: github, issuer: URL, ca_file: CA, subject: 'github:${repository_id}:${ref}', required_claims: {repository_id: 74, repository_owner_id: ['65'], ref: refs/heads/main}",
			claims: map[string]any{
				"sub": "repo:octo@65/octo@74:ref:refs/heads/main", "repository_id": "74", "repository_owner_id": "65", "ref": "refs/heads/main", "repository": "octo/octo",
			},
		},
		{
			Issuer: idp.New("ES256"), members: "name: mesh, spiffe_trust_domain: example.org, spiffe_bundle: KEYS", subject: "spiffe://example.org/ns/mesh/sa/indexer",
			claims: map[string]any{"iss": nil, "sub": "spiffe://example.org/ns/mesh/sa/indexer"},
		},
		{
			Issuer: idp.New("EdDSA"), members: "name: vault, issuer: URL, jwks_file: KEYS, algorithms: [EdDSA]", subject: "vault:indexer",
			claims: map[string]any{"sub": "indexer"},
		},
	}
	all[3].Use = "jwt-svid"
	return all
}

// issuersFile serves the issuers and writes the file that trusts them.
func issuersFile(t *testing.T, all ...*trusted) string {
	t.Helper()
	dir, text := t.TempDir(), "issuers:\n"
	write := func(name string, content []byte) string {
		file := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(file, content, 0o600))
		return file
	}
	for n, i := range all {
		server := httptest.NewTLSServer(i)
		t.Cleanup(server.Close)
		i.URL = server.URL
		fill := strings.NewReplacer("URL", i.URL, "TOKEN", write("token", []byte("x")),
			"CA", write("ca.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})),
			"KEYS", write("keys"+string(rune('a'+n))+".json", i.KeySet()))
		text += "- {audience: metagate, " + fill.Replace(i.members) + "}\n"
	}
	return write("issuers.yaml", []byte(text))
}

func (i *trusted) good(change map[string]any) map[string]any {
	claims := idp.With(map[string]any{"iss": i.URL, "aud": []string{"metagate"}, "exp": time.Now().Add(time.Hour).Unix(), "iat": time.Now().Unix()}, i.claims)
	return idp.With(claims, change)
}

// settled is a knock once the keys of the token's issuer are as new as can be.
func (w wire) settled(t *testing.T) (got wired) {
	t.Helper()
	until(t, func() bool {
		got = w.knock(t)
		return got.Status != http.StatusServiceUnavailable
	})
	return got
}

func TestTokensOfEveryKindOfIssuerOpenTheirPrincipalsDoorAndNoForgedOneDoes(t *testing.T) {
	t.Parallel()
	all := kindsOfIssuers(t)
	file := issuersFile(t, all...)
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		require.Equal(t, []any{"api_key", "jwt"}, wire{App: a}.authMethods(t))
		for _, i := range all {
			w := newWireWorld(t, wire{a, apptest.AdminKey}, strings.NewReplacer(":", "-", "/", "-").Replace(i.subject))
			require.Equal(t, 200, w.admin.send(t, "PATCH", "/v1/admin/principals/"+w.principal, `{"auth_subject":"`+i.subject+`"}`).Status)
			token := i.Token(i.good(nil))
			wire{a, token}.settled(t).opened(t)
			got := wire{a, token}.send(t, http.MethodPost, "/v1/bootstrap", `{"component_key":"c"}`)
			require.Equal(t, 200, got.Status, got.Body)
			listed := w.admin.send(t, http.MethodGet, "/v1/admin/startups?limit=1", "").Body
			require.Contains(t, listed, `"subject":"`+i.claims["sub"].(string)+`"`, "the receipt keeps what the issuer calls it")
			for what, forged := range i.Attacks(i.good(nil), time.Now()) {
				require.NotEmpty(t, wire{a, forged}.settled(t).anonymous(t), what)
			}
			for _, other := range all {
				if other != i {
					require.NotEmpty(t, wire{a, other.Token(i.good(nil))}.settled(t).anonymous(t), "a key of another issuer")
				}
			}
			wire{a, i.Token(i.good(map[string]any{"sub": "spiffe://example.org/stranger", "repository_id": "75"}))}.settled(t).closed(t)
			wire{a, token}.settled(t).opened(t)
		}
		// JWT_SECRET goes on as it did, and speaks for none of them.
		wire{a, forge(t, "HS256", apptest.JWTSecret, claimSet("admin", nil))}.knock(t).opened(t)
		wire{a, forge(t, "HS256", apptest.JWTSecret, claimSet("admin", map[string]any{"iss": "https://elsewhere.example"}))}.knock(t).opened(t)
		for _, i := range all {
			wire{a, forge(t, "HS256", apptest.JWTSecret, i.good(nil))}.settled(t).anonymous(t)
		}
	}, func(c *app.Config) { c.IssuersFile = file })
}

// closed demands a refusal of either kind: an unknown principal, or no credential.
func (g wired) closed(t *testing.T) {
	t.Helper()
	require.Contains(t, []int{401, 403}, g.Status, g.Body)
}

func TestAnIssuerThatIsAwayKeepsNobodyElseOut(t *testing.T) {
	t.Parallel()
	testdb.Each(t, apptest.Migrate, func(t *testing.T, url string) {
		all := kindsOfIssuers(t)[:2]
		away, other := all[0], all[1]
		away.Away.Store(true)
		a := apptest.Start(t, url, func(c *app.Config) { c.IssuersFile = issuersFile(t, all...) })
		w := wire{a, apptest.AdminKey}
		w.create(t, "/v1/admin/principals", `{"principal_key":"a","auth_subject":"idp:indexer"}`)
		w.create(t, "/v1/admin/principals", `{"principal_key":"b","auth_subject":"system:serviceaccount:mesh:indexer"}`)
		keys := func() string { return w.send(t, http.MethodGet, "/ready", "").Body }
		token := away.Token(away.good(nil))
		until(t, func() bool { return strings.Contains(keys(), `{"keys":"fresh","name":"prod-cluster"}`) })
		require.Contains(t, keys(), `{"keys":"none","name":"idp"}`)
		isReady(t, a)
		wire{a, other.Token(other.good(nil))}.knock(t).opened(t)
		got := wire{a, token}.knock(t)
		got.refused(t, 503, "UNAVAILABLE")
		require.NotEmpty(t, got.Header.Get("Retry-After"))
		require.Contains(t, w.send(t, http.MethodGet, "/metrics", "").Body, `metagate_issuer_keys{issuer="idp"} 0`)

		away.Away.Store(false)
		wire{a, token}.settled(t).opened(t)
		require.Contains(t, keys(), `{"keys":"fresh","name":"idp"}`)
		require.Contains(t, w.send(t, http.MethodGet, "/metrics", "").Body, `metagate_issuer_keys{issuer="idp"} 1`)

		away.Away.Store(true) // and again, with keys that are others since
		away.Rotate()
		wire{a, token}.knock(t).opened(t)
		away.Away.Store(false)
		renewed := wire{a, away.Token(away.good(nil))}
		until(t, func() bool { return renewed.knock(t).Status == 404 })
		wire{a, token}.knock(t).opened(t)
	})
}

func TestWithoutASecretIssuersAreEnough(t *testing.T) {
	t.Parallel()
	all := kindsOfIssuers(t)[4:]
	file := issuersFile(t, all...)
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		require.Equal(t, []any{"api_key", "jwt"}, wire{App: a}.authMethods(t))
		wire{a, apptest.AdminKey}.create(t, "/v1/admin/principals", `{"principal_key":"a","auth_subject":"vault:indexer"}`)
		wire{a, all[0].Token(all[0].good(nil))}.knock(t).opened(t)
		wire{a, forge(t, "HS256", apptest.JWTSecret, claimSet("admin", nil))}.knock(t).anonymous(t)
		require.NoError(t, a.Close())
		require.NotContains(t, a.Log.String(), "no JWT is accepted")
	}, func(c *app.Config) { c.IssuersFile, c.JWTSecret = file, "" })
}
