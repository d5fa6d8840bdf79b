package signing

import (
	"context"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
)

var noon = time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)

func write(t *testing.T, path string, text []byte) {
	t.Helper()
	require.NoError(t, WriteFile(path, text))
}

func newFile(t *testing.T, now time.Time) (path, kid string) {
	t.Helper()
	text, made, err := Rotated(nil, now, time.Hour, time.Hour)
	require.NoError(t, err)
	path = filepath.Join(t.TempDir(), "signing.pem")
	write(t, path, text)
	return path, made.Kid
}

func open(t *testing.T, path string, now *time.Time) *Ring {
	t.Helper()
	r, err := Open(path, func() time.Time { return *now }, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	return r
}

func kids(keys []model.JWK) (out []string) {
	for _, k := range keys {
		out = append(out, k.Kid)
	}
	return out
}

// verified is the header of a signature that holds, by the words of RFC 7515 and
// RFC 8037 alone; empty if it doesn't.
func verified(t *testing.T, keys []model.JWK, signature string, content []byte) map[string]any {
	t.Helper()
	parts := strings.Split(signature, ".")
	require.Len(t, parts, 3)
	require.Empty(t, parts[1])
	header, err := base64.RawURLEncoding.DecodeString(parts[0])
	require.NoError(t, err)
	sig, err := base64.RawURLEncoding.DecodeString(parts[2])
	require.NoError(t, err)
	var h map[string]any
	require.NoError(t, json.Unmarshal(header, &h))
	for _, k := range keys {
		x, err := base64.RawURLEncoding.DecodeString(k.X)
		require.NoError(t, err)
		if k.Kid == h["kid"] && ed25519.Verify(x, []byte(parts[0]+"."+base64.RawURLEncoding.EncodeToString(content)), sig) {
			return h
		}
	}
	return nil
}

func TestAKeyFileThatCannotSignIsRefusedInOneLine(t *testing.T) {
	t.Parallel()
	der := func(key any) []byte {
		b, err := x509.MarshalPKCS8PrivateKey(key)
		require.NoError(t, err)
		return b
	}
	public, private, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	ours := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der(private)})
	pub, err := x509.MarshalPKIXPublicKey(public)
	require.NoError(t, err)
	foreign, err := rsa.GenerateKey(nil, 2048)
	require.NoError(t, err)
	now := noon
	for name, c := range map[string]struct{ text, says string }{
		"empty":             {"", "no private key"},
		"no PEM":            {"hello", "no private key"},
		"public alone":      {string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: pub})), "no private key"},
		"RSA":               {string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der(foreign)})), "not an Ed25519 key"},
		"another block":     {string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pub})), "CERTIFICATE"},
		"broken":            {string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("x")})), "block 1"},
		"a key twice":       {string(ours) + string(ours), "twice"},
		"cut off":           {string(ours) + string(ours[:len(ours)/2]), "1 of its 2 PEM blocks"},
		"a broken letter":   {string(ours) + strings.Replace(string(ours), "\nM", "\n!", 1), "1 of its 2 PEM blocks"},
		"a misspelt header": {string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der(private), Headers: map[string]string{"Sign-From": "2026-11-27T12:00:00Z"}})), "Signs-From"},
		"a time that isn't": {string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der(private), Headers: map[string]string{"Expires": "soon"}})), "Expires"},
	} {
		path := filepath.Join(t.TempDir(), "key.pem")
		write(t, path, []byte(c.text))
		_, err := Open(path, func() time.Time { return now }, slog.Default())
		require.ErrorContains(t, err, c.says, name)
		require.ErrorContains(t, err, "SIGNING_KEY_FILE", name)
		require.NotContains(t, err.Error(), "\n", name)
	}
	for _, path := range []string{filepath.Join(t.TempDir(), "none"), t.TempDir()} {
		_, err := Open(path, func() time.Time { return now }, slog.Default())
		require.ErrorContains(t, err, "SIGNING_KEY_FILE")
	}
}

func TestASignatureHoldsForItsBytesAndClaimsAlone(t *testing.T) {
	t.Parallel()
	now := noon
	path, kid := newFile(t, now)
	r, other := open(t, path, &now), open(t, first(newFile(t, now)), &now)
	content := []byte(`{"a":1}`)
	signature := r.Sign(content, Claims{Tenant: "default", Revision: 7})
	require.Equal(t, map[string]any{
		"alg": "EdDSA", "typ": "metagate-packet+jws", "kid": kid, "iat": float64(noon.Unix()), "rev": 7.0, "tenant": "default",
	}, verified(t, r.Published(), signature, content))
	require.Empty(t, verified(t, r.Published(), signature, []byte(`{"a":2}`)))
	require.Empty(t, verified(t, other.Published(), signature, content))
	require.Equal(t, signature, r.Sign(content, Claims{Tenant: "default", Revision: 7}), "Ed25519 is deterministic")
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.EqualValues(t, 0o600, info.Mode().Perm())
}

func first(path, _ string) string { return path }

func TestNothingSignsWithoutAKey(t *testing.T) {
	t.Parallel()
	var r *Ring
	require.Zero(t, r.Stamp(noon))
	require.Empty(t, r.Sign([]byte("x"), Claims{}))
	require.Empty(t, r.Published())
	r.Watch(t.Context())
}

func TestASignatureIsRenewedEachHour(t *testing.T) {
	t.Parallel()
	now := noon
	r := open(t, first(newFile(t, now)), &now)
	begin := r.Stamp(now)
	require.NotZero(t, begin)
	now = noon.Add(59 * time.Minute)
	require.Equal(t, begin, r.Stamp(now))
	now = noon.Add(time.Hour)
	require.NotEqual(t, begin, r.Stamp(now))
	now = noon // a clock that is put back takes none of the past's again
	require.NotEqual(t, begin, r.Stamp(now))
}

func TestARotatedKeyIsPublishedBeforeItSignsAndTheOldOneAfterwards(t *testing.T) {
	t.Parallel()
	now := noon.Add(10 * time.Minute)
	path, old := newFile(t, now)
	r := open(t, path, &now)
	begin := r.Stamp(now)
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	text, next, err := Rotated(text, now, 5*time.Minute, 24*time.Hour)
	require.NoError(t, err)
	write(t, path, text)
	r.Reload(context.Background())
	require.NotEqual(t, begin, r.Stamp(now))
	require.Equal(t, []string{old, next.Kid}, kids(r.Published()))
	signer := func() string {
		r.Stamp(now)
		return verified(t, r.Published(), r.Sign([]byte("x"), Claims{}), []byte("x"))["kid"].(string)
	}
	require.Equal(t, old, signer())
	before := r.Stamp(now)
	now = now.Add(5*time.Minute - time.Second)
	require.Equal(t, before, r.Stamp(now))
	require.Equal(t, old, signer())
	now = now.Add(time.Second)
	require.NotEqual(t, before, r.Stamp(now), "the new key signs from its time on")
	require.Equal(t, next.Kid, signer())
	require.Equal(t, []string{old, next.Kid}, kids(r.Published()))
	now = now.Add(24 * time.Hour)
	require.Equal(t, []string{next.Kid}, kids(r.Published()))
	require.Equal(t, next.Kid, signer())

	text, third, err := Rotated(text, now, time.Minute, time.Hour) // which leaves out what has expired
	require.NoError(t, err)
	write(t, path, text)
	r.Reload(context.Background())
	require.Equal(t, []string{next.Kid, third.Kid}, kids(r.Published()))
	require.Len(t, r.keys, 2)
}

func TestABrokenKeyFileLeavesTheLastKeysInForce(t *testing.T) {
	t.Parallel()
	now := noon
	path, kid := newFile(t, now)
	r := open(t, path, &now)
	for _, text := range []string{"", "broken"} {
		write(t, path, []byte(text))
		r.Reload(context.Background())
		require.Equal(t, []string{kid}, kids(r.Published()))
		require.NotEmpty(t, r.Sign([]byte("x"), Claims{}))
	}
	require.NoError(t, os.Remove(path))
	r.Reload(context.Background())
	require.NotEmpty(t, r.Sign([]byte("x"), Claims{}))
}

func TestAKeyThatHasExpiredSignsNothing(t *testing.T) {
	t.Parallel()
	now := noon
	path, _ := newFile(t, now)
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	block, _ := pem.Decode(text)
	block.Headers["Expires"] = noon.Add(time.Minute).Format(time.RFC3339)
	write(t, path, pem.EncodeToMemory(block))
	r := open(t, path, &now)
	require.NotEmpty(t, r.Sign([]byte("x"), Claims{}))
	before := r.Stamp(now)
	now = noon.Add(time.Minute)
	require.NotEqual(t, before, r.Stamp(now))
	require.Empty(t, r.Sign([]byte("x"), Claims{}))
	require.Empty(t, r.Published())
}

func BenchmarkSign(b *testing.B) {
	text, _, err := Rotated(nil, noon, 0, 0)
	require.NoError(b, err)
	path := filepath.Join(b.TempDir(), "key.pem")
	require.NoError(b, WriteFile(path, text))
	r, err := Open(path, func() time.Time { return noon }, slog.Default())
	require.NoError(b, err)
	content := make([]byte, 2000)
	for b.Loop() {
		r.Sign(content, Claims{Tenant: "default", Revision: 1})
	}
}
