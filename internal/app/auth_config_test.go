package app_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/app"
	"github.com/legivellum/metagate/internal/identity"
	"github.com/legivellum/metagate/internal/test/apptest"
	"github.com/legivellum/metagate/internal/test/testdb"
)

func (w wire) authMethods(t *testing.T) any {
	t.Helper()
	return w.send(t, "GET", "/.well-known/metagate.json", "").member(t, "auth_methods")
}

func TestThePublishedSecretOpensNothingUnlessInDebug(t *testing.T) {
	t.Parallel()
	for _, secret := range []string{identity.DefaultSecret, ""} {
		apptest.Each(t, func(t *testing.T, a *apptest.App) {
			require.Equal(t, []any{"api_key"}, wire{App: a}.authMethods(t))
			for _, key := range []string{identity.DefaultSecret, "", apptest.JWTSecret} {
				wire{a, forge(t, "HS256", key, claimSet("admin", nil))}.knock(t).anonymous(t)
			}
			wire{a, apptest.AdminKey}.knock(t).opened(t)
			require.NoError(t, a.Close())
			require.Equal(t, 1, strings.Count(a.Log.String(), `"level":"WARN","msg":"no JWT is accepted`))
		}, func(c *app.Config) { c.JWTSecret = secret })
	}
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		require.Equal(t, []any{"api_key", "jwt"}, wire{App: a}.authMethods(t))
		wire{a, forge(t, "HS256", identity.DefaultSecret, claimSet("admin", nil))}.knock(t).opened(t)
		wire{a, forge(t, "HS256", "", claimSet("admin", nil))}.knock(t).anonymous(t)
	}, func(c *app.Config) { c.JWTSecret, c.Debug = identity.DefaultSecret, true })
}

func TestIssuerAndAudienceAreCheckedWhenTheyAreConfigured(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		try := func(change map[string]any) wired {
			return wire{a, forge(t, "HS256", apptest.JWTSecret, claimSet("admin", change))}.knock(t)
		}
		try(map[string]any{"iss": "us", "aud": "metagate"}).opened(t)
		try(map[string]any{"iss": "us", "aud": []string{"other", "metagate"}}).opened(t)
		for _, bad := range []map[string]any{
			{},
			{"iss": "us"},
			{"aud": "metagate"},
			{"iss": "US", "aud": "metagate"},
			{"iss": []string{"us"}, "aud": "metagate"},
			{"iss": "us", "aud": "other"},
			{"iss": "us", "aud": []string{}},
			{"iss": "us", "aud": "metagate2"},
			{"Iss": "us", "aud": "metagate"},
		} {
			try(bad).anonymous(t)
		}
	}, func(c *app.Config) { c.JWTIssuer, c.JWTAudience = "us", "metagate" })
}

func TestTheAPIKeyHeaderCanHaveAnotherName(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := wire{App: a}
		w.knock(t, "X-Metagate-Key", apptest.AdminKey).opened(t)
		got := w.knock(t, "X-API-Key", apptest.AdminKey)
		got.anonymous(t)
		require.Contains(t, got.Header.Get("WWW-Authenticate"), `header="X-Metagate-Key"`)
		require.Equal(t, "X-Metagate-Key", w.send(t, "GET", "/.well-known/metagate.json", "").member(t, "api_key_header"))
		require.Contains(t, w.send(t, "GET", "/openapi.yaml", "").Body, "name: X-Metagate-Key\n")
		require.Contains(t, w.send(t, "GET", "/openapi.json", "").Body, `"name":"X-Metagate-Key"`)
	}, func(c *app.Config) { c.APIKeyHeader = "X-Metagate-Key" })
}

func TestAnotherAdminAPIKeyRevokesTheOneBeforeIt(t *testing.T) {
	t.Parallel()
	testdb.Each(t, apptest.Migrate, func(t *testing.T, url string) {
		const first, second = "mgk_first-0123456789-0123456789-0123456789", "mgk_second-0123456789-0123456789-012345678"
		start := func(key string) *apptest.App {
			return apptest.Start(t, url, func(c *app.Config) { c.AdminAPIKey = key })
		}
		one := start(first)
		issued := wire{one, first}.send(t, "POST", "/v1/admin/api-keys", fmt.Sprintf(`{"name":"mine","principal_id":%q}`, wire{one, first}.adminID(t)))
		require.Equal(t, 201, issued.Status, issued.Body)
		require.NoError(t, one.Close())

		two := start(second)
		wire{two, second}.knock(t).opened(t)
		wire{two, first}.knock(t).anonymous(t)
		wire{two, fmt.Sprint(issued.member(t, "api_key"))}.knock(t).opened(t) // not ours to revoke
		rows := wire{two, second}.census(t)
		require.Len(t, rows["api-keys"], 3)
		require.Len(t, rows["principals"], 1)
		require.NoError(t, two.Close())

		again := start(second) // the same key once more changes nothing
		require.Equal(t, rows, wire{again, second}.census(t))
		require.NoError(t, again.Close())

		without := start("") // nobody asked to revoke it
		wire{without, second}.knock(t).opened(t)
		require.NoError(t, without.Close())

		back := start(first)
		wire{back, first}.knock(t).opened(t)
		wire{back, second}.knock(t).anonymous(t)
	})
}

func (w wire) adminID(t *testing.T) string {
	t.Helper()
	var id string
	for _, p := range w.census(t)["principals"] {
		if string(p["principal_key"]) == `"admin"` {
			id = strings.Trim(string(p["id"]), `"`)
		}
	}
	return id
}

func TestTokensOfAPublicKeyAreAcceptedFromAPEMFileAndFromAJWKSFile(t *testing.T) {
	t.Parallel()
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	otherRSA, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	otherEC, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	b64 := base64.RawURLEncoding.EncodeToString
	point, err := ecKey.PublicKey.Bytes()
	require.NoError(t, err)
	for _, c := range []struct {
		alg                string
		key, other, public any
		jwk                string
	}{
		{"RS256", rsaKey, otherRSA, &rsaKey.PublicKey, fmt.Sprintf(`{"kty":"RSA","n":%q,"e":"AQAB"}`, b64(rsaKey.N.Bytes()))},
		{"ES256", ecKey, otherEC, &ecKey.PublicKey, fmt.Sprintf(`{"kty":"EC","crv":"P-256","x":%q,"y":%q}`, b64(point[1:33]), b64(point[33:]))},
	} {
		der, err := x509.MarshalPKIXPublicKey(c.public)
		require.NoError(t, err)
		text := string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
		pemFile, jwksFile := filepath.Join(t.TempDir(), "key.pem"), filepath.Join(t.TempDir(), "jwks.json")
		require.NoError(t, os.WriteFile(pemFile, []byte(text), 0o600))
		require.NoError(t, os.WriteFile(jwksFile, []byte(`{"keys":[`+c.jwk+`]}`), 0o600))
		check := func(t *testing.T, a *apptest.App) {
			require.Equal(t, []any{"api_key", "jwt"}, wire{App: a}.authMethods(t))
			good := forge(t, c.alg, c.key, claimSet("admin", nil))
			others := forge(t, c.alg, c.key, claimSet("other", nil))
			wire{a, good}.knock(t).opened(t)
			for what, bad := range map[string]string{
				"another key":               forge(t, c.alg, c.other, claimSet("admin", nil)),
				"the public key as secret":  forge(t, "HS256", text, claimSet("admin", nil)),
				"the same, in DER":          forge(t, "HS256", string(der), claimSet("admin", nil)),
				"the JWK as secret":         forge(t, "HS256", c.jwk, claimSet("admin", nil)),
				"JWT_SECRET":                forge(t, "HS256", apptest.JWTSecret, claimSet("admin", nil)),
				"HMAC under the right name": forge(t, c.alg, text, claimSet("admin", nil)),
				"none":                      forge(t, "none", nil, claimSet("admin", nil)),
				"an expired one":            forge(t, c.alg, c.key, claimSet("admin", map[string]any{"exp": 1})),
				"no exp":                    forge(t, c.alg, c.key, claimSet("admin", map[string]any{"exp": nil})),
				"the other's signature":     good[:strings.LastIndex(good, ".")] + others[strings.LastIndex(others, "."):],
			} {
				require.NotEmpty(t, wire{a, bad}.knock(t).anonymous(t), what)
			}
		}
		apptest.Each(t, check, func(g *app.Config) { g.JWTAlgorithm, g.JWTPublicKeyFile = c.alg, pemFile })
		apptest.Each(t, check, func(g *app.Config) { g.JWTAlgorithm, g.JWTJWKSFile = c.alg, jwksFile })
	}
}

func TestCredentialsAreNeitherLoggedNorListedNorAudited(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := newWireWorld(t, wire{a, apptest.AdminKey}, "1")
		good := forge(t, "HS256", apptest.JWTSecret, claimSet("s1", nil))
		bad := forge(t, "HS256", "another secret", claimSet("s1", nil))
		unknown := identity.KeyPrefix + strings.Repeat("Z", 43)
		for _, credential := range []string{good, bad, unknown, w.component.credential} {
			wire{a, credential}.knock(t)
			wire{a, credential}.send(t, "POST", "/v1/bootstrap", `{"component_key":"c"}`)
			wire{a, credential}.send(t, "POST", "/v1/bootstrap", `{"component_key":7}`)
		}
		w.admin.send(t, "PATCH", "/v1/admin/api-keys/"+w.id, `{"name":"renamed"}`)
		w.admin.send(t, "DELETE", "/v1/admin/api-keys/"+w.id, "")
		listed := fmt.Sprintf("%s", w.admin.census(t))
		metrics := w.admin.send(t, "GET", "/metrics", "").Body
		require.NoError(t, a.Close())
		require.Contains(t, a.Log.String(), "UNAUTHENTICATED")
		for _, credential := range []string{good, bad, unknown, w.component.credential, apptest.AdminKey, apptest.JWTSecret} {
			sum := sha256.Sum256([]byte(credential))
			for _, trace := range []string{credential, credential[len(credential)-20:], hex.EncodeToString(sum[:])} {
				require.NotContains(t, a.Log.String(), trace)
				require.NotContains(t, listed, trace)
				require.NotContains(t, metrics, trace)
			}
		}
	})
}
