package app_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/app"
	"github.com/legivellum/metagate/internal/test/apptest"
)

// keySet puts a set of one public key into a file at once.
func keySet(t *testing.T, file string, key *ecdsa.PrivateKey) {
	t.Helper()
	point, err := key.PublicKey.Bytes()
	require.NoError(t, err)
	b64 := base64.RawURLEncoding.EncodeToString
	set := fmt.Sprintf(`{"keys":[{"kty":"EC","crv":"P-256","x":%q,"y":%q}]}`, b64(point[1:33]), b64(point[33:]))
	require.NoError(t, os.WriteFile(file+".new", []byte(set), 0o600))
	require.NoError(t, os.Rename(file+".new", file))
}

// docs/operations.md: a key set is read again within half a minute. The server
// goes by its own clock, so this test takes as long; others run meanwhile.
func TestARunningServerTakesUpANewKeySetAndForgetsWhatTheOldOneOpened(t *testing.T) {
	t.Parallel()
	before, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	after, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		newWireWorld(t, wire{a, apptest.AdminKey}, "1")
		token := func(key *ecdsa.PrivateKey) string { return forge(t, "ES256", key, claimSet("s1", nil)) }
		bootstrap := func(token string) wired {
			return wire{a, token}.send(t, http.MethodPost, "/v1/bootstrap", `{"component_key":"c"}`)
		}
		remembered := token(before)
		require.Equal(t, http.StatusOK, bootstrap(remembered).Status)
		bootstrap(token(after)).anonymous(t)

		keySet(t, a.Config.JWTJWKSFile, after)
		for end := time.Now().Add(time.Minute); bootstrap(remembered).Status == http.StatusOK; time.Sleep(100 * time.Millisecond) {
			require.True(t, time.Now().Before(end), "the key is still good")
		}
		bootstrap(remembered).anonymous(t)
		bootstrap(token(before)).anonymous(t)
		require.Equal(t, http.StatusOK, bootstrap(token(after)).Status)
	}, func(c *app.Config) {
		c.JWTAlgorithm, c.JWTJWKSFile = "ES256", filepath.Join(t.TempDir(), "jwks.json")
		keySet(t, c.JWTJWKSFile, before)
	})
}
