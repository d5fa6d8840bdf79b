package identity_test

import (
	"encoding/asn1"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/lestrrat-go/jwx/v2/jwk"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/identity"
)

var asymmetric = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}

// The classic attack: what is public becomes the secret of an HMAC.
func TestAPublicKeyIsNoSecret(t *testing.T) {
	t.Parallel()
	key := publicPEM(rsa2048())
	v := newVerifier(t, identity.JWTConfig{Algorithm: "RS256", PublicKeyFile: file(t, key)})
	set := newVerifier(t, identity.JWTConfig{Algorithm: "RS256", JWKSFile: file(t, jwks(publicJWK(rsa2048())))})
	for _, public := range []string{key, strings.TrimSpace(key), publicJWK(rsa2048())} {
		for _, header := range []string{`{"alg":"HS256"}`, `{"alg":"none"}`} {
			refused(t, v, hs256(header, claims(nil), public), "alg")
			refused(t, set, hs256(header, claims(nil), public), "alg")
		}
		refused(t, v, hs256(`{"alg":"RS256"}`, claims(nil), public), "signature")
	}
}

func TestOnlyThePinnedAlgorithmIsAccepted(t *testing.T) {
	t.Parallel()
	for _, pinned := range asymmetric {
		v := newVerifier(t, identity.JWTConfig{Algorithm: pinned, PublicKeyFile: file(t, publicPEM(keyFor(pinned)))})
		for _, other := range asymmetric {
			if other != pinned {
				refused(t, v, sign(t, other, keyFor(other)), "alg")
			}
		}
	}
}

func TestKeysThatATokenBringsAlongAreIgnored(t *testing.T) {
	t.Parallel()
	evil := rsaKey()
	own, err := jwk.FromRaw(evil.Public())
	require.NoError(t, err)
	v := newVerifier(t, identity.JWTConfig{Algorithm: "RS256", JWKSFile: file(t, jwks(publicJWK(rsa2048(), "kid", "one")))})
	for _, header := range [][]any{
		{"jwk", own},
		{"jku", "https://evil.example/jwks.json", "kid", "one"},
		{"x5u", "https://evil.example/cert.pem"},
		{"kid", "one"},
		{},
	} {
		refused(t, v, sign(t, "RS256", evil, header...), "signature")
		_, err := v.Verify(sign(t, "RS256", rsa2048(), header...))
		require.NoError(t, err)
	}
	refused(t, v, sign(t, "RS256", rsa2048(), "kid", "../one"), "kid")
}

func TestEveryAlgorithmRoundTrips(t *testing.T) {
	t.Parallel()
	want := identity.Claims{Subject: "component", ExpiresAt: noon.Add(time.Hour)}
	for _, alg := range []string{"HS256", "HS384", "HS512"} {
		v := newVerifier(t, identity.JWTConfig{Algorithm: alg, Secret: secret})
		got, err := v.Verify(sign(t, alg, []byte(secret)))
		require.NoError(t, err, alg)
		require.Equal(t, want, got)
		refused(t, v, sign(t, alg, []byte(secret[1:])), "signature")
	}
	for _, alg := range asymmetric {
		key := keyFor(alg)
		for _, c := range []identity.JWTConfig{
			{Algorithm: alg, PublicKeyFile: file(t, publicPEM(key))},
			{Algorithm: alg, JWKSFile: file(t, jwks(publicJWK(key, "kid", "k", "alg", alg, "use", "sig")))},
		} {
			v := newVerifier(t, c)
			require.True(t, v.Enabled())
			good := sign(t, alg, key, "kid", "k")
			got, err := v.Verify(good)
			require.NoError(t, err, alg)
			require.Equal(t, want, got)
			refused(t, v, good[:len(good)-4], "jwt:")
			refused(t, v, good[:strings.LastIndexByte(good, '.')]+".AAAA", "signature")
		}
	}
}

func TestAnECSignatureHasOneForm(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, identity.JWTConfig{Algorithm: "ES256", PublicKeyFile: file(t, publicPEM(p256()))})
	signed := b64(`{"alg":"ES256"}`) + "." + b64(claims(nil)) + "."
	der, err := asn1.Marshal(struct{ R, S *big.Int }{big.NewInt(1), big.NewInt(1)})
	require.NoError(t, err)
	for _, signature := range []string{strings.Repeat("\x00", 64), strings.Repeat("\xff", 64), string(der), "\x00"} {
		refused(t, v, signed+b64(signature), "signature")
	}
}
