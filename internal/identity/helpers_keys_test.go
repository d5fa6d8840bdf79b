package identity_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/lestrrat-go/jwx/v2/jwk"
	"github.com/stretchr/testify/require"
)

// keyFor makes a private key for an algorithm, once.
func keyFor(alg string) crypto.Signer {
	switch alg {
	case "ES256":
		return p256()
	case "ES384":
		return p384()
	case "ES512":
		return p521()
	case "EdDSA":
		return ed()
	}
	return rsa2048()
}

var (
	rsa2048 = sync.OnceValue(func() crypto.Signer { return rsaKey() })
	p256    = sync.OnceValue(func() crypto.Signer { return ecKey(elliptic.P256()) })
	p384    = sync.OnceValue(func() crypto.Signer { return ecKey(elliptic.P384()) })
	p521    = sync.OnceValue(func() crypto.Signer { return ecKey(elliptic.P521()) })
	ed      = sync.OnceValue(func() crypto.Signer { return must(edKey()) })
)

func edKey() (crypto.Signer, error) { _, k, err := ed25519.GenerateKey(rand.Reader); return k, err }
func rsaKey() *rsa.PrivateKey       { return must(rsa.GenerateKey(rand.Reader, 2048)) }
func ecKey(c elliptic.Curve) crypto.Signer {
	return must(ecdsa.GenerateKey(c, rand.Reader))
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func publicPEM(key crypto.Signer) string {
	der := must(x509.MarshalPKIXPublicKey(key.Public()))
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

// publicJWK is the public half as a JWK, members in name-value pairs.
func publicJWK(key crypto.Signer, members ...any) string {
	k := must(jwk.FromRaw(key.Public()))
	object := make(map[string]any)
	if err := json.Unmarshal(must(json.Marshal(k)), &object); err != nil {
		panic(err)
	}
	for i := 0; i < len(members); i += 2 {
		name, _ := members[i].(string)
		object[name] = members[i+1]
	}
	return string(must(json.Marshal(object)))
}

func jwks(keys ...string) string { return `{"keys":[` + strings.Join(keys, ",") + `]}` }

func file(tb testing.TB, content string) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "keys")
	require.NoError(tb, os.WriteFile(path, []byte(content), 0o600))
	return path
}
