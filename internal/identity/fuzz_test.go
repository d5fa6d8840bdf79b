package identity_test

import (
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/errs"
	"github.com/legivellum/metagate/internal/identity"
)

// FuzzVerify holds that only what was signed is accepted, byte for byte.
func FuzzVerify(f *testing.F) {
	good := map[string]bool{
		hs256(hsHeader, claims(nil), secret):                                          true,
		hs256(`{"alg":"HS256","typ":"JWT","kid":"k"}`, claims(set{"iat": 1}), secret): true,
	}
	for token := range good {
		f.Add(token)
		f.Add(token + ".e30.e30")
		f.Add(token[:len(token)-1] + "=")
	}
	f.Add(hs256(`{"alg":"none"}`, claims(nil), ""))
	f.Add(hs256(`{"alg":"HS256","crit":["b64"],"b64":false}`, "{}", secret))
	f.Add("..")
	v := newVerifier(f, identity.JWTConfig{Secret: secret})
	f.Fuzz(func(t *testing.T, token string) {
		_, err := v.Verify(token)
		require.Equal(t, good[token], err == nil)
		require.True(t, err == nil || errs.Is(err, errs.Unauthenticated))
	})
}

// FuzzVerifySigned reaches the claims: header and payload are signed as they are.
func FuzzVerifySigned(f *testing.F) {
	f.Add(hsHeader, claims(nil))
	f.Add(`{"alg":"HS256","kid":"\ud800"}`, claims(set{"nbf": 1.5, "aud": []string{"a"}}))
	f.Add(`{"alg":"HS256","alg":"none"}`, `{"sub":"a","sub":"b","exp":1e99}`)
	v := newVerifier(f, identity.JWTConfig{Secret: secret})
	f.Fuzz(func(t *testing.T, header, payload string) {
		got, err := v.Verify(hs256(header, payload, secret))
		if err != nil {
			require.True(t, errs.Is(err, errs.Unauthenticated))
			return
		}
		n := utf8.RuneCountInString(got.Subject)
		require.True(t, n >= 1 && n <= 255 && utf8.ValidString(got.Subject))
		require.True(t, got.ExpiresAt.After(noon))
	})
}

// FuzzKeySet holds that no key set, however odd, makes loading or verifying panic.
func FuzzKeySet(f *testing.F) {
	tokens := make(map[string]string)
	for _, alg := range []string{"RS256", "ES256", "EdDSA"} {
		tokens[alg] = sign(f, alg, keyFor(alg))
		f.Add(alg, jwks(publicJWK(keyFor(alg), "kid", "a", "use", "sig")))
	}
	f.Add("EdDSA", `{"keys":[{"kty":"OKP","crv":"Ed25519","x":"AAAA"}]}`)
	f.Fuzz(func(t *testing.T, alg, set string) {
		v, err := identity.NewVerifierOfSet(identity.JWTConfig{Algorithm: alg, Now: atNoon}, set)
		if err == nil {
			_, _ = v.Verify(tokens[alg])
		}
	})
}
