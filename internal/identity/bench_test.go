package identity_test

import (
	"testing"

	"github.com/legivellum/metagate/internal/identity"
)

func BenchmarkVerify(b *testing.B) {
	for _, alg := range []string{"HS256", "RS256", "ES256", "EdDSA"} {
		b.Run(alg, func(b *testing.B) {
			c, key := identity.JWTConfig{Algorithm: alg, Secret: secret}, any([]byte(secret))
			if alg != "HS256" {
				c.JWKSFile, key = file(b, jwks(publicJWK(keyFor(alg), "kid", "a"))), keyFor(alg)
			}
			v, token := newVerifier(b, c), sign(b, alg, key, "kid", "a")
			b.ReportAllocs()
			for b.Loop() {
				if _, err := v.Verify(token); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkHashAPIKey(b *testing.B) {
	key, _ := identity.NewAPIKey()
	b.ReportAllocs()
	for b.Loop() {
		_, _ = identity.HashAPIKey(key)
	}
}
