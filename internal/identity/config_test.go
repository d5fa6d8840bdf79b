package identity_test

import (
	"crypto/elliptic"
	"crypto/x509"
	"encoding/pem"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/identity"
)

func TestBadConfigurationNamesTheSetting(t *testing.T) {
	t.Parallel()
	rsaFile, jwksFile := file(t, publicPEM(rsa2048())), file(t, jwks(publicJWK(rsa2048())))
	private := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: must(x509.MarshalPKCS8PrivateKey(rsa2048()))})
	pemOf := func(s string) identity.JWTConfig {
		return identity.JWTConfig{Algorithm: "RS256", PublicKeyFile: file(t, s)}
	}

	for name, c := range map[string]struct {
		config identity.JWTConfig
		want   []string
	}{
		"alg none":             {identity.JWTConfig{Algorithm: "none", Secret: secret}, []string{"JWT_ALGORITHM", "none", "HS256"}},
		"alg in lower case":    {identity.JWTConfig{Algorithm: "hs256", Secret: secret}, []string{"JWT_ALGORITHM"}},
		"alg ES256K":           {identity.JWTConfig{Algorithm: "ES256K", JWKSFile: jwksFile}, []string{"JWT_ALGORITHM"}},
		"HS256, 31 bytes":      {identity.JWTConfig{Secret: secret[:31]}, []string{"JWT_SECRET", "31", "32"}},
		"HS384, 47 bytes":      {identity.JWTConfig{Algorithm: "HS384", Secret: secret[:47]}, []string{"JWT_SECRET", "48"}},
		"HS512, 63 bytes":      {identity.JWTConfig{Algorithm: "HS512", Secret: secret[:63]}, []string{"JWT_SECRET", "64"}},
		"short in DEBUG too":   {identity.JWTConfig{Secret: "x", AllowDefaultSecret: true}, []string{"JWT_SECRET"}},
		"a default with more":  {identity.JWTConfig{Secret: identity.DefaultSecret + "!", AllowDefaultSecret: true}, []string{"JWT_SECRET"}},
		"both files":           {identity.JWTConfig{Algorithm: "RS256", PublicKeyFile: rsaFile, JWKSFile: jwksFile}, []string{"JWT_PUBLIC_KEY_FILE", "JWT_JWKS_FILE"}},
		"both files, HS":       {identity.JWTConfig{PublicKeyFile: rsaFile, JWKSFile: jwksFile}, []string{"JWT_PUBLIC_KEY_FILE", "JWT_JWKS_FILE"}},
		"PEM with HS":          {identity.JWTConfig{Secret: secret, PublicKeyFile: rsaFile}, []string{"JWT_PUBLIC_KEY_FILE", "JWT_ALGORITHM"}},
		"JWKS with HS":         {identity.JWTConfig{Secret: secret, JWKSFile: jwksFile}, []string{"JWT_JWKS_FILE", "JWT_ALGORITHM"}},
		"RS256 without a file": {identity.JWTConfig{Algorithm: "RS256", Secret: secret}, []string{"RS256", "JWT_PUBLIC_KEY_FILE", "JWT_JWKS_FILE"}},
		"no such file":         {identity.JWTConfig{Algorithm: "RS256", PublicKeyFile: "/no/such"}, []string{"JWT_PUBLIC_KEY_FILE", "/no/such", "no such file"}},
		"a directory":          {identity.JWTConfig{Algorithm: "RS256", JWKSFile: t.TempDir()}, []string{"JWT_JWKS_FILE", "regular"}},
		"a device":             {identity.JWTConfig{Algorithm: "RS256", JWKSFile: os.DevNull}, []string{"JWT_JWKS_FILE", "regular"}},
		"a huge file":          {pemOf(strings.Repeat(" ", 1<<20+1)), []string{"JWT_PUBLIC_KEY_FILE", "1 MiB"}},
		"not PEM":              {pemOf("ssh-rsa AAAA"), []string{"JWT_PUBLIC_KEY_FILE", "PEM"}},
		"PEM of nonsense":      {pemOf("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"), []string{"JWT_PUBLIC_KEY_FILE"}},
		"PEM of parameters":    {pemOf("-----BEGIN EC PARAMETERS-----\nAAAA\n-----END EC PARAMETERS-----\n"), []string{"EC PARAMETERS"}},
		"PEM private":          {pemOf(string(private)), []string{"JWT_PUBLIC_KEY_FILE", "private"}},
		"PEM twice":            {pemOf(publicPEM(rsa2048()) + publicPEM(rsa2048())), []string{"JWT_PUBLIC_KEY_FILE", "JWT_JWKS_FILE"}},
		"RSA of 1024 bits":     {pemOf(weakKey()), []string{"JWT_PUBLIC_KEY_FILE", "1024", "2048"}},
		"EC for RS256":         {pemOf(publicPEM(p256())), []string{"JWT_PUBLIC_KEY_FILE", "RS256"}},
		"Ed25519 for RS256":    {pemOf(publicPEM(ed())), []string{"JWT_PUBLIC_KEY_FILE", "RS256"}},
		"P-384 for ES256":      {identity.JWTConfig{Algorithm: "ES256", PublicKeyFile: file(t, publicPEM(p384()))}, []string{"ES256"}},
		"P-224 for ES256":      {identity.JWTConfig{Algorithm: "ES256", PublicKeyFile: file(t, publicPEM(ecKey(elliptic.P224())))}, []string{"JWT_PUBLIC_KEY_FILE"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v, err := identity.NewVerifier(c.config)
			require.Nil(t, v)
			require.Error(t, err)
			for _, want := range c.want {
				require.ErrorContains(t, err, want)
			}
			require.NotContains(t, err.Error(), "\n")
			require.NotContains(t, err.Error(), secret[:31])
		})
	}
}

func TestAPublishedSecretOpensNothing(t *testing.T) {
	t.Parallel()
	token := hs256(hsHeader, claims(nil), identity.DefaultSecret)
	for _, c := range []identity.JWTConfig{{}, {Secret: identity.DefaultSecret}, {AllowDefaultSecret: true}} {
		v := newVerifier(t, c)
		require.False(t, v.Enabled())
		refused(t, v, token, "JWT_SECRET")
		refused(t, v, hs256(hsHeader, claims(nil), ""), "JWT_SECRET")
		v.Watch(t.Context()) // returns
	}
	var none *identity.Verifier
	require.False(t, none.Enabled())
	refused(t, none, token, "JWT_SECRET")
	none.Watch(t.Context())

	for _, alg := range []string{"", "HS512"} {
		debug := newVerifier(t, identity.JWTConfig{Secret: identity.DefaultSecret, Algorithm: alg, AllowDefaultSecret: true})
		require.True(t, debug.Enabled())
	}
	_, err := newVerifier(t, identity.JWTConfig{Secret: identity.DefaultSecret, AllowDefaultSecret: true}).Verify(token)
	require.NoError(t, err)
}

func TestASecretAsLongAsTheHashIsAccepted(t *testing.T) {
	t.Parallel()
	for alg, n := range map[string]int{"HS256": 32, "HS384": 48, "HS512": 64} {
		require.True(t, newVerifier(t, identity.JWTConfig{Algorithm: alg, Secret: secret[:n]}).Enabled())
	}
}
