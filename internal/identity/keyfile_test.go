package identity_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"

	"github.com/lestrrat-go/jwx/v2/jwk"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/identity"
)

// weakKey is an RSA key of 1024 bits, which crypto/rsa no longer makes: its
// modulus need not be one, since nothing is verified with it.
func weakKey() string {
	n := new(big.Int).SetBit(big.NewInt(1), 1023, 1)
	der := must(x509.MarshalPKIXPublicKey(&rsa.PublicKey{N: n, E: 65537}))
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

func TestBadKeySetsAreRefused(t *testing.T) {
	t.Parallel()
	private := string(must(json.Marshal(must(jwk.FromRaw(p256())))))
	point := publicJWK(p256(), "x", b64(strings.Repeat("\x01", 32)))
	one := publicJWK(p256(), "kid", "one")
	for name, c := range map[string]struct{ set, reason string }{
		"empty":                 {"", "JWK Set"},
		"not JSON":              {"keys", "JWK Set"},
		"a key, not a set":      {one, "JWK Set"},
		"keys not a list":       {`{"keys":{}}`, "JWK Set"},
		"keys null":             {`{"keys":null}`, "no key"},
		"no keys":               {jwks(), "no key"},
		"cut short":             {jwks(one)[:40], "JWK Set"},
		"a key not an object":   {jwks("1"), "key 1"},
		"none that fits":        {jwks(publicJWK(rsa2048()), publicJWK(ed()), publicJWK(p384())), "no key"},
		"for another alg":       {jwks(publicJWK(p256(), "alg", "ES256K")), "no key"},
		"for encryption":        {jwks(publicJWK(p256(), "use", "enc")), "no key"},
		"for signing alone":     {jwks(publicJWK(p256(), "key_ops", []string{"sign"})), "no key"},
		"symmetric":             {jwks(one, `{"kty":"oct","k":"AAAA"}`), "key 2: a symmetric key"},
		"private":               {jwks(private), "private"},
		"private, of no use":    {jwks(one, strings.Replace(private, "{", `{"use":"enc",`, 1)), "key 2: a private key"},
		"a kid twice":           {jwks(one, one), "kid"},
		"a kid that is no text": {jwks(publicJWK(p256(), "kid", 1)), "kid"},
		"not on the curve":      {jwks(point), "curve"},
		"no x":                  {jwks(`{"kty":"EC","crv":"P-256"}`), "key 1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := identity.NewVerifier(identity.JWTConfig{Algorithm: "ES256", JWKSFile: file(t, c.set)})
			require.ErrorContains(t, err, "JWT_JWKS_FILE")
			require.ErrorContains(t, err, c.reason)
			require.NotContains(t, err.Error(), "\n")
		})
	}
	for alg, key := range map[string]string{
		"EdDSA": `{"kty":"OKP","crv":"Ed25519","x":"AAAA"}`,
		"RS256": `{"kty":"RSA","n":"AAAA","e":"AQAB"}`,
		"PS256": publicJWK(rsa2048(), "e", b64(string(big.NewInt(65536).Bytes()))),
	} {
		_, err := identity.NewVerifier(identity.JWTConfig{Algorithm: alg, JWKSFile: file(t, jwks(key))})
		require.ErrorContains(t, err, "key 1: an")
	}
}

func TestAKeyIsChosenByKid(t *testing.T) {
	t.Parallel()
	two, nameless := rsaKey(), rsaKey()
	v := newVerifier(t, identity.JWTConfig{Algorithm: "RS256", JWKSFile: file(t, jwks(
		publicJWK(rsa2048(), "kid", "one", "key_ops", []string{"verify"}),
		publicJWK(two, "kid", "two", "alg", "RS256", "use", "sig", "x5c", []string{"no certificate"}),
		publicJWK(nameless),
		publicJWK(two, "kid", "pss", "alg", "PS256"),
		publicJWK(p256(), "kid", "ec"),
		`{"kty":"later","kid":"later"}`,
	))})
	for kid, key := range map[string]any{"one": rsa2048(), "two": two} {
		_, err := v.Verify(sign(t, "RS256", key, "kid", kid))
		require.NoError(t, err)
	}
	refused(t, v, sign(t, "RS256", two, "kid", "one"), "signature")
	for _, kid := range []string{"pss", "ec", "later", "three", "ONE"} {
		refused(t, v, sign(t, "RS256", two, "kid", kid), "unknown kid")
	}
	refused(t, v, hs256(`{"alg":"RS256","kid":""}`, claims(nil), secret), "unknown kid")
	refused(t, v, sign(t, "RS256", nameless), "no kid")
}

func TestATokenWithoutKidNeedsASingleKey(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, identity.JWTConfig{Algorithm: "ES256", JWKSFile: file(t, jwks(
		publicJWK(rsa2048(), "kid", "rsa"), publicJWK(p256(), "kid", "ec")))})
	_, err := v.Verify(sign(t, "ES256", p256()))
	require.NoError(t, err)
	refused(t, v, sign(t, "ES256", p256(), "kid", "rsa"), "unknown kid")
}

func TestEveryPEMFormOfAPublicKeyIsRead(t *testing.T) {
	t.Parallel()
	key := rsaKey()
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	for form, der := range map[string][]byte{
		"PUBLIC KEY":     must(x509.MarshalPKIXPublicKey(&key.PublicKey)),
		"RSA PUBLIC KEY": x509.MarshalPKCS1PublicKey(&key.PublicKey),
		"CERTIFICATE":    must(x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)),
	} {
		text := "a comment\n" + string(pem.EncodeToMemory(&pem.Block{Type: form, Bytes: der}))
		v := newVerifier(t, identity.JWTConfig{Algorithm: "PS384", PublicKeyFile: file(t, text)})
		_, err := v.Verify(sign(t, "PS384", key, "kid", "ignored"))
		require.NoError(t, err, form)
	}
}
