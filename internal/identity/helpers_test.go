package identity_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jws"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/errs"
	"github.com/legivellum/metagate/internal/identity"
)

var (
	noon   = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	secret = strings.Repeat("0123456789abcdef", 4)
)

func atNoon() time.Time { return noon }

// newVerifier stops the clock at noon.
func newVerifier(tb testing.TB, c identity.JWTConfig) *identity.Verifier {
	tb.Helper()
	c.Now = atNoon
	v, err := identity.NewVerifier(c)
	require.NoError(tb, err)
	return v
}

func b64(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

// hs256 signs by hand, so that any header and payload can be made.
func hs256(header, payload, secret string) string {
	return hsSegments(b64(header), b64(payload), secret)
}

func hsSegments(header, payload, secret string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	fmt.Fprint(mac, header, ".", payload)
	return header + "." + payload + "." + b64(string(mac.Sum(nil)))
}

// claims are good for an hour after noon, with members added or replaced; nil removes.
func claims(change map[string]any) string {
	all := map[string]any{"sub": "component", "exp": noon.Add(time.Hour).Unix()}
	for k, v := range change {
		if all[k] = v; v == nil {
			delete(all, k)
		}
	}
	b, err := json.Marshal(all)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// refused demands the one answer for all, and that the log learns nothing of the token.
func refused(t *testing.T, v *identity.Verifier, token, reason string) {
	t.Helper()
	got, err := v.Verify(token)
	require.Zero(t, got)
	e, ok := errors.AsType[*errs.Error](err)
	require.True(t, ok, "%v", err)
	require.Equal(t, errs.Unauthenticated, e.Code)
	require.Equal(t, "missing or invalid credentials", e.Message)
	require.ErrorContains(t, e.Cause, reason)
	require.NotContains(t, e.Error(), "\n")
	require.NotContains(t, e.Error(), secret)
	for segment := range strings.SplitSeq(token, ".") {
		if len(segment) > 8 {
			require.NotContains(t, e.Error(), segment)
		}
	}
}

// sign makes a good token with jwx, headers in name-value pairs.
func sign(tb testing.TB, alg string, key any, headers ...any) string {
	tb.Helper()
	h := jws.NewHeaders()
	for i := 0; i < len(headers); i += 2 {
		name, _ := headers[i].(string)
		require.NoError(tb, h.Set(name, headers[i+1]))
	}
	token, err := jws.Sign([]byte(claims(nil)), jws.WithKey(jwa.SignatureAlgorithm(alg), key, jws.WithProtectedHeaders(h)))
	require.NoError(tb, err)
	return string(token)
}
