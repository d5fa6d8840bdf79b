package identity_test

import (
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/identity"
)

type set map[string]any

func TestBadClaimsAreRefused(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, identity.JWTConfig{Secret: secret, Issuer: "https://issuer", Audience: "metagate"})
	for name, c := range map[string]struct {
		change set
		reason string
	}{
		"exp missing":                {set{"exp": nil}, "exp"},
		"exp true":                   {set{"exp": true}, "exp"},
		"exp in milliseconds":        {set{"exp": noon.UnixMilli()}, "exp"},
		"exp beyond a float":         {set{"exp": 1e300}, "exp"},
		"exp negative":               {set{"exp": -1}, "exp"},
		"exp 0":                      {set{"exp": 0}, "expired"},
		"exp of no date":             {set{"exp": "never"}, "exp"},
		"expired now":                {set{"exp": noon.Unix()}, "expired"},
		"expired by a blink":         {set{"exp": float64(noon.Unix()) - 0.5}, "expired"},
		"expired, no leeway":         {set{"exp": noon.Unix() - 10}, "expired"},
		"sub missing":                {set{"sub": nil}, "sub"},
		"sub empty":                  {set{"sub": ""}, "sub"},
		"sub as a number":            {set{"sub": 7}, "sub"},
		"sub a list":                 {set{"sub": []string{"component"}}, "sub"},
		"sub of 256":                 {set{"sub": strings.Repeat("é", 256)}, "sub"},
		"sub with NUL":               {set{"sub": "a\x00b"}, "sub"},
		"sub with a line break":      {set{"sub": "a\nb"}, "sub"},
		"sub with a C1 control":      {set{"sub": "a\u0085b"}, "sub"},
		"SUB for sub":                {set{"sub": nil, "SUB": "component"}, "sub"},
		"nbf beyond leeway":          {set{"nbf": noon.Unix() + 31}, "nbf"},
		"nbf of no date":             {set{"nbf": "soon"}, "nbf"},
		"iat beyond leeway":          {set{"iat": noon.Unix() + 31}, "iat"},
		"iat an object":              {set{"iat": set{}}, "iat"},
		"iss missing":                {set{"iss": nil}, "iss"},
		"iss another":                {set{"iss": "https://issuer/"}, "iss"},
		"iss a list":                 {set{"iss": []string{"https://issuer"}}, "iss"},
		"aud missing":                {set{"aud": nil}, "aud"},
		"aud another":                {set{"aud": "metagate2"}, "aud"},
		"aud a list without us":      {set{"aud": []string{"a", "b"}}, "aud"},
		"aud an empty list":          {set{"aud": []string{}}, "aud"},
		"aud a list with a stranger": {set{"aud": []any{"metagate", 1}}, "aud"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			all := set{"iss": "https://issuer", "aud": "metagate"}
			maps.Copy(all, c.change)
			refused(t, v, hs256(hsHeader, claims(all), secret), c.reason)
		})
	}
}

func TestClaimsThatJSONWouldForgiveAreRefused(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, identity.JWTConfig{Secret: secret})
	for payload, reason := range map[string]string{
		`{"sub":"a","sub":"admin","exp":9999999999}`: "duplicate",
		`{"sub":"a\ud800","exp":9999999999}`:         "sub",
		`{"sub":null,"exp":9999999999}`:              "sub",
		`{"sub":"a","exp":null}`:                     "exp",
		`{"sub":"a","exp":0x7fffffff}`:               "object",
		`{"sub":"a","exp":9999999999,"nbf":null}`:    "nbf",
		`{"sub":"a","exp":9999999999`:                "object",
		`null`:                                       "object",
		`"sub"`:                                      "object",
	} {
		refused(t, v, hs256(hsHeader, payload, secret), reason)
	}
}

func TestGoodClaimsAreAccepted(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, identity.JWTConfig{Secret: secret, Issuer: "https://issuer", Audience: "metagate"})
	for name, change := range map[string]set{
		"plain":               {},
		"aud a list with us":  {"aud": []string{"other", "metagate"}},
		"nbf within leeway":   {"nbf": noon.Unix() + 30},
		"iat within leeway":   {"iat": noon.Unix() + 30},
		"sub of 255":          {"sub": strings.Repeat("é", 255)},
		"exp with a fraction": {"exp": float64(noon.Unix()) + 1.5},
		"claims unheard of":   {"scope": []any{1, nil, set{"sub": "x"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			all := set{"iss": "https://issuer", "aud": "metagate", "sub": "component"}
			maps.Copy(all, change)
			got, err := v.Verify(hs256(`{ "typ":"JWT", "alg" : "HS256" , "kid":"any"}`, claims(all), secret))
			require.NoError(t, err)
			require.Equal(t, all["sub"], got.Subject)
			require.True(t, got.ExpiresAt.After(noon))
			require.Equal(t, time.UTC, got.ExpiresAt.Location())
		})
	}
}

func TestIssuerAndAudienceAreFreeWhereNoneIsConfigured(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, identity.JWTConfig{Secret: secret})
	got, err := v.Verify(hs256(hsHeader, claims(set{"iss": "x", "aud": "y"}), secret))
	require.NoError(t, err)
	require.Equal(t, identity.Claims{Subject: "component", Issuer: "x", ExpiresAt: noon.Add(time.Hour)}, got)
	got, err = v.Verify(hs256(hsHeader, claims(set{"iss": "x\n"}), secret))
	require.NoError(t, err)
	require.Empty(t, got.Issuer, "it could not be written down")
}
