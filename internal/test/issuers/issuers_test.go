// Package issuers_test drives the whole program with tokens of others' making, in a
// module of its own: whoever issues them brings dependencies that MetaGate has no use for.
package issuers_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/app"
	"github.com/legivellum/metagate/internal/test/apptest"
	"github.com/legivellum/metagate/internal/test/testdb"
)

func TestMain(m *testing.M) { testdb.Main(m) }

const patience = time.Minute

// askJSON wants 200 and a document.
func askJSON(t *testing.T, client *http.Client, r *http.Request, into any) {
	t.Helper()
	resp, err := client.Do(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	require.Equal(t, http.StatusOK, resp.StatusCode)
	require.NoError(t, json.NewDecoder(resp.Body).Decode(into))
}

// add makes a principal that can start.
func add(t *testing.T, a *apptest.App, subject string) {
	t.Helper()
	c, key := a.AdminClient(t), strings.NewReplacer("/", "-", "spiffe:", "").Replace(subject)
	world := `{"profiles":[{"profile_key":"p"}],"manifests":[{"manifest_key":"m"}],"principals":[{"principal_key":"` + key + `","auth_subject":"` + subject +
		`"}],"bindings":[{"principal":"` + key + `","profile":"p","manifest":"m"}]}`
	apptest.Got(c.ApplyWorldWithBodyWithResponse(t.Context(), nil, "application/json", strings.NewReader(world))).Is(t, 200)
}

// status is what a bootstrap with the token is answered.
func status(t *testing.T, a *apptest.App, token string) int {
	t.Helper()
	got, err := a.Client(t, token).BootstrapWithResponse(t.Context(), nil, model.BootstrapRequest{ComponentKey: "c"})
	require.NoError(t, err)
	return got.StatusCode()
}

func becomes(t *testing.T, a *apptest.App, token string, want int) {
	t.Helper()
	require.Eventually(t, func() bool { return status(t, a, token) == want }, patience, 50*time.Millisecond)
}

func TestACertifiedProvidersTokensOpenTheirPrincipalsDoor(t *testing.T) {
	t.Parallel()
	testdb.Each(t, apptest.Migrate, func(t *testing.T, url string) {
		p := newProvider(t)
		a := apptest.Start(t, url, func(c *app.Config) { c.IssuersFile = p.file(t) })
		add(t, a, "sso:sid1")
		token := p.token(t)
		becomes(t, a, token, 200)
		require.Equal(t, 401, status(t, a, token[:strings.LastIndexByte(token, '.')]+".AAAA"))
		require.Equal(t, 401, status(t, a, newProvider(t).token(t)), "another provider's")
	})
}

func TestAProviderMayBeDownAtTheStartAndRotateItsKeys(t *testing.T) {
	t.Parallel()
	testdb.Each(t, apptest.Migrate, func(t *testing.T, url string) {
		p := newProvider(t)
		token := p.token(t)
		p.away.Store(true)
		a := apptest.Start(t, url, func(c *app.Config) { c.IssuersFile = p.file(t) })
		add(t, a, "sso:sid1")
		require.Equal(t, 503, status(t, a, token))
		p.away.Store(false)
		becomes(t, a, token, 200)

		p.away.Store(true)
		require.Equal(t, 200, status(t, a, token))
		p.keys.rotate()
		require.Equal(t, 200, status(t, a, token))
		p.away.Store(false)
		becomes(t, a, p.token(t), 200)
		becomes(t, a, token, 401) // its key is withdrawn
	})
}
