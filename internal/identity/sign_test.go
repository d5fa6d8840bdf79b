package identity_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/identity"
)

func TestSignRefusesWhatNoServerWouldAccept(t *testing.T) {
	t.Parallel()
	for want, c := range map[string]struct {
		secret, alg, subject string
		ttl                  time.Duration
	}{
		"only HS256":     {secret, "RS256", "s", time.Hour},
		"not supported":  {secret, "none", "s", time.Hour},
		"is unset":       {"", "HS256", "s", time.Hour},
		"at least 32":    {secret[:31], "", "s", time.Hour},
		"at least 64":    {secret[:63], "HS512", "s", time.Hour},
		"subject must":   {secret, "", "", time.Hour},
		"no control":     {secret, "", "a\tb", time.Hour},
		"1 to 255":       {secret, "", strings.Repeat("s", 256), time.Hour},
		"at least 1s":    {secret, "", "s", time.Millisecond},
		"must be at lea": {secret, "", "s", -time.Hour},
	} {
		token, err := identity.Sign(c.secret, c.alg, c.subject, c.ttl, "", "", noon)
		require.Empty(t, token)
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "\n")
	}
}

func TestWhatIsSignedVerifies(t *testing.T) {
	t.Parallel()
	for _, alg := range []string{"", "HS256", "HS384", "HS512"} {
		token, err := identity.Sign(secret, alg, "Zoë <z>", time.Second, "iss", "aud", noon)
		require.NoError(t, err)
		c := identity.JWTConfig{Secret: secret, Algorithm: alg, Issuer: "iss", Audience: "aud"}
		got, err := newVerifier(t, c).Verify(token)
		require.NoError(t, err)
		require.Equal(t, identity.Claims{Subject: "Zoë <z>", Issuer: "iss", ExpiresAt: noon.Add(time.Second)}, got)
		c.Audience = "other"
		refused(t, newVerifier(t, c), token, "aud")
	}
	token, err := identity.Sign(identity.DefaultSecret, "", "s", time.Hour, "", "", noon)
	require.NoError(t, err)
	_, err = newVerifier(t, identity.JWTConfig{Secret: identity.DefaultSecret, AllowDefaultSecret: true}).Verify(token)
	require.NoError(t, err)
}
