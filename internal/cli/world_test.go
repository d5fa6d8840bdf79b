package cli

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/test/testdb"
)

// key runs a command that prints a key, alone on stdout so that $(...) works.
func key(t *testing.T, env []string, args ...string) string {
	t.Helper()
	out := done(t, env, args...)
	require.Regexp(t, `^mgk_[A-Za-z0-9_-]{43}\n$`, out)
	return strings.TrimSpace(out)
}

func TestSeedMakesTheDemoWorldOnceAndIssuesANewKeyEachTime(t *testing.T) {
	t.Parallel()
	testdb.Each(t, nil, func(t *testing.T, url string) {
		env := []string{"DATABASE_URL=" + url}
		first := key(t, env, "seed")
		boss := key(t, env, "admin-key")
		p := serve(t, env)
		before := world(t, p, boss)
		require.Equal(t, []string{"test-component-001", "admin", "default-profile", "default-manifest"}, before)
		require.Equal(t, 200, bootstrap(t, p, first))

		second := key(t, env, "seed") // while the server runs
		require.NotEqual(t, first, second)
		require.Equal(t, before, world(t, p, boss))
		require.Equal(t, 200, bootstrap(t, p, second))
		require.Equal(t, 401, bootstrap(t, p, first), "the key before")
	})
}

func TestSeedLeavesWhatAnAdminMadeOfTheDemoWorld(t *testing.T) {
	t.Parallel()
	testdb.Each(t, nil, func(t *testing.T, url string) {
		env := []string{"DATABASE_URL=" + url}
		key(t, env, "seed")
		p := serve(t, env)
		c := p.client(t, key(t, env, "admin-key"))
		manifests, err := c.ListManifestsWithResponse(t.Context(), nil)
		require.NoError(t, err)
		changed, err := c.UpdateManifestWithBodyWithResponse(t.Context(), (*manifests.JSON200)[0].ID.String(), nil,
			"application/merge-patch+json", strings.NewReader(`{"environment":{"stage":"mine"}}`))
		require.NoError(t, err)
		require.Equal(t, 200, changed.StatusCode(), string(changed.Body))

		r, err := p.client(t, key(t, env, "seed")).BootstrapWithResponse(t.Context(), nil, model.BootstrapRequest{ComponentKey: "c"})
		require.NoError(t, err)
		require.JSONEq(t, `{"stage":"mine"}`, string(r.JSON200.Environment))
	})
}

func TestAdminKeysOpenTheAdminsDoorAndStayValid(t *testing.T) {
	t.Parallel()
	testdb.Each(t, nil, func(t *testing.T, url string) {
		env := []string{"DATABASE_URL=" + url}
		one, two := key(t, env, "admin-key"), key(t, env, "admin-key", "--name=the second")
		p := serve(t, env)
		for _, k := range []string{one, two} {
			r, err := p.client(t, k).ListAPIKeysWithResponse(t.Context(), nil)
			require.NoError(t, err)
			require.Equal(t, 200, r.StatusCode(), string(r.Body))
			require.Len(t, *r.JSON200, 2)
			require.Equal(t, "command line", (*r.JSON200)[0].Name)
			require.Equal(t, "the second", (*r.JSON200)[1].Name)
		}
	})
}

func TestASeedComponentIsNoAdmin(t *testing.T) {
	t.Parallel()
	env := []string{"DATABASE_URL=" + testdb.SQLite(t)}
	k := key(t, env, "seed")
	r, err := serve(t, env).client(t, k).ListPrincipalsWithResponse(t.Context(), nil)
	require.NoError(t, err)
	require.Equal(t, 403, r.StatusCode(), string(r.Body))
}

// world is the keys of everything in the world, and that one binding holds it together.
func world(t *testing.T, p *process, credential string) (keys []string) {
	t.Helper()
	c := p.client(t, credential)
	principals, err := c.ListPrincipalsWithResponse(t.Context(), nil)
	require.NoError(t, err)
	require.Equal(t, 200, principals.StatusCode(), string(principals.Body))
	for _, p := range *principals.JSON200 {
		keys = append(keys, p.PrincipalKey)
	}
	profiles, err := c.ListProfilesWithResponse(t.Context(), nil)
	require.NoError(t, err)
	for _, p := range *profiles.JSON200 {
		keys = append(keys, p.ProfileKey)
	}
	manifests, err := c.ListManifestsWithResponse(t.Context(), nil)
	require.NoError(t, err)
	for _, m := range *manifests.JSON200 {
		keys = append(keys, m.ManifestKey)
	}
	bindings, err := c.ListBindingsWithResponse(t.Context(), nil)
	require.NoError(t, err)
	require.Len(t, *bindings.JSON200, 1)
	return keys
}

func bootstrap(t *testing.T, p *process, credential string) (status int) {
	t.Helper()
	r, err := p.client(t, credential).BootstrapWithResponse(t.Context(), nil, model.BootstrapRequest{ComponentKey: "memorygate_main"})
	require.NoError(t, err)
	return r.StatusCode()
}
