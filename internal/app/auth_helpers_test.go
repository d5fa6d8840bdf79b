package app_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// claimSet is good for an hour, with members replaced; nil takes one out.
func claimSet(subject string, change map[string]any) map[string]any {
	all := map[string]any{"sub": subject, "exp": time.Now().Add(time.Hour).Unix()}
	for name, value := range change {
		if all[name] = value; value == nil {
			delete(all, name)
		}
	}
	return all
}

// forge signs by hand, so that any token can be made: bad ones too.
func forge(t *testing.T, alg string, key any, claims map[string]any) string {
	t.Helper()
	segment := func(v any) string {
		b, err := json.Marshal(v)
		require.NoError(t, err)
		return base64.RawURLEncoding.EncodeToString(b)
	}
	signed := segment(map[string]any{"alg": alg, "typ": "JWT"}) + "." + segment(claims)
	digest := sha256.Sum256([]byte(signed))
	var signature []byte
	switch k := key.(type) {
	case string:
		mac := hmac.New(sha256.New, []byte(k))
		mac.Write([]byte(signed))
		signature = mac.Sum(nil)
	case *rsa.PrivateKey:
		var err error
		signature, err = rsa.SignPKCS1v15(rand.Reader, k, crypto.SHA256, digest[:])
		require.NoError(t, err)
	case *ecdsa.PrivateKey:
		r, s, err := ecdsa.Sign(rand.Reader, k, digest[:])
		require.NoError(t, err)
		signature = append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	}
	return signed + "." + base64.RawURLEncoding.EncodeToString(signature)
}

// anonymous is what all 401 have in common: everything but the request's id.
func (g wired) anonymous(t *testing.T) string {
	t.Helper()
	p := g.refused(t, 401, "UNAUTHENTICATED")
	require.Contains(t, g.Header.Get("WWW-Authenticate"), "Bearer ")
	require.Contains(t, g.Header.Get("WWW-Authenticate"), "ApiKey ")
	g.Header.Del("X-Request-Id")
	g.Header.Del("Date")
	return strings.ReplaceAll(g.Body, p.RequestID, "")
}

// knock asks for something that any principal may: a startup that isn't there.
// 404 is an open door, 401 and 403 are closed ones.
func (w wire) knock(t *testing.T, header ...string) wired {
	t.Helper()
	return w.send(t, "GET", "/v1/startup/00000000-0000-7000-8000-000000000000", "", header...)
}

func (g wired) opened(t *testing.T) { t.Helper(); g.refused(t, 404, "SESSION_NOT_FOUND") }
