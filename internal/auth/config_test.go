package auth_test

import (
	"crypto/elliptic"
	"crypto/x509"
	"encoding/pem"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/auth"
)

func TestBadConfigurationNamesTheSetting(t *testing.T) {
	t.Parallel()
	rsaFile, jwksFile := file(t, publicPEM(rsa2048())), file(t, jwks(publicJWK(rsa2048())))
	private := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: must(x509.MarshalPKCS8PrivateKey(rsa2048()))})
	pemOf := func(s string) auth.JWTConfig { return auth.JWTConfig{Algorithm: "RS256", PublicKeyFile: file(t, s)} }

	for name, c := range map[string]struct {
		config auth.JWTConfig
		want   []string
	}{
		"alg none":             {auth.JWTConfig{Algorithm: "none", Secret: secret}, []string{"JWT_ALGORITHM", "none", "HS256"}},
		"alg in lower case":    {auth.JWTConfig{Algorithm: "hs256", Secret: secret}, []string{"JWT_ALGORITHM"}},
		"alg ES256K":           {auth.JWTConfig{Algorithm: "ES256K", JWKSFile: jwksFile}, []string{"JWT_ALGORITHM"}},
		"HS256, 31 bytes":      {auth.JWTConfig{Secret: secret[:31]}, []string{"JWT_SECRET", "31", "32"}},
		"HS384, 47 bytes":      {auth.JWTConfig{Algorithm: "HS384", Secret: secret[:47]}, []string{"JWT_SECRET", "48"}},
		"HS512, 63 bytes":      {auth.JWTConfig{Algorithm: "HS512", Secret: secret[:63]}, []string{"JWT_SECRET", "64"}},
		"short in DEBUG too":   {auth.JWTConfig{Secret: "x", AllowDefaultSecret: true}, []string{"JWT_SECRET"}},
		"a default with more":  {auth.JWTConfig{Secret: auth.DefaultSecret + "!", AllowDefaultSecret: true}, []string{"JWT_SECRET"}},
		"both files":           {auth.JWTConfig{Algorithm: "RS256", PublicKeyFile: rsaFile, JWKSFile: jwksFile}, []string{"JWT_PUBLIC_KEY_FILE", "JWT_JWKS_FILE"}},
		"both files, HS":       {auth.JWTConfig{PublicKeyFile: rsaFile, JWKSFile: jwksFile}, []string{"JWT_PUBLIC_KEY_FILE", "JWT_JWKS_FILE"}},
		"PEM with HS":          {auth.JWTConfig{Secret: secret, PublicKeyFile: rsaFile}, []string{"JWT_PUBLIC_KEY_FILE", "JWT_ALGORITHM"}},
		"JWKS with HS":         {auth.JWTConfig{Secret: secret, JWKSFile: jwksFile}, []string{"JWT_JWKS_FILE", "JWT_ALGORITHM"}},
		"RS256 without a file": {auth.JWTConfig{Algorithm: "RS256", Secret: secret}, []string{"RS256", "JWT_PUBLIC_KEY_FILE", "JWT_JWKS_FILE"}},
		"no such file":         {auth.JWTConfig{Algorithm: "RS256", PublicKeyFile: "/no/such"}, []string{"JWT_PUBLIC_KEY_FILE", "/no/such", "no such file"}},
		"a directory":          {auth.JWTConfig{Algorithm: "RS256", JWKSFile: t.TempDir()}, []string{"JWT_JWKS_FILE", "regular"}},
		"a device":             {auth.JWTConfig{Algorithm: "RS256", JWKSFile: os.DevNull}, []string{"JWT_JWKS_FILE", "regular"}},
		"a huge file":          {pemOf(strings.Repeat(" ", 1<<20+1)), []string{"JWT_PUBLIC_KEY_FILE", "1 MiB"}},
		"not PEM":              {pemOf("ssh-rsa AAAA"), []string{"JWT_PUBLIC_KEY_FILE", "PEM"}},
		"PEM of nonsense":      {pemOf("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"), []string{"JWT_PUBLIC_KEY_FILE"}},
		"PEM of parameters":    {pemOf("-----BEGIN EC PARAMETERS-----\nAAAA\n-----END EC PARAMETERS-----\n"), []string{"EC PARAMETERS"}},
		"PEM private":          {pemOf(string(private)), []string{"JWT_PUBLIC_KEY_FILE", "private"}},
		"PEM twice":            {pemOf(publicPEM(rsa2048()) + publicPEM(rsa2048())), []string{"JWT_PUBLIC_KEY_FILE", "JWT_JWKS_FILE"}},
		"RSA of 1024 bits":     {pemOf(weakKey()), []string{"JWT_PUBLIC_KEY_FILE", "1024", "2048"}},
		"EC for RS256":         {pemOf(publicPEM(p256())), []string{"JWT_PUBLIC_KEY_FILE", "RS256"}},
		"Ed25519 for RS256":    {pemOf(publicPEM(ed())), []string{"JWT_PUBLIC_KEY_FILE", "RS256"}},
		"P-384 for ES256":      {auth.JWTConfig{Algorithm: "ES256", PublicKeyFile: file(t, publicPEM(p384()))}, []string{"ES256"}},
		"P-224 for ES256":      {auth.JWTConfig{Algorithm: "ES256", PublicKeyFile: file(t, publicPEM(ecKey(elliptic.P224())))}, []string{"JWT_PUBLIC_KEY_FILE"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v, err := auth.NewVerifier(c.config)
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
	token := hs256(hsHeader, claims(nil), auth.DefaultSecret)
	for _, c := range []auth.JWTConfig{{}, {Secret: auth.DefaultSecret}, {AllowDefaultSecret: true}} {
		v := newVerifier(t, c)
		require.False(t, v.Enabled())
		refused(t, v, token, "JWT_SECRET")
		refused(t, v, hs256(hsHeader, claims(nil), ""), "JWT_SECRET")
		v.Watch(t.Context()) // returns
	}
	var none *auth.Verifier
	require.False(t, none.Enabled())
	refused(t, none, token, "JWT_SECRET")
	none.Watch(t.Context())

	for _, alg := range []string{"", "HS512"} {
		debug := newVerifier(t, auth.JWTConfig{Secret: auth.DefaultSecret, Algorithm: alg, AllowDefaultSecret: true})
		require.True(t, debug.Enabled())
	}
	_, err := newVerifier(t, auth.JWTConfig{Secret: auth.DefaultSecret, AllowDefaultSecret: true}).Verify(token)
	require.NoError(t, err)
}

func TestASecretAsLongAsTheHashIsAccepted(t *testing.T) {
	t.Parallel()
	for alg, n := range map[string]int{"HS256": 32, "HS384": 48, "HS512": 64} {
		require.True(t, newVerifier(t, auth.JWTConfig{Algorithm: alg, Secret: secret[:n]}).Enabled())
	}
}
