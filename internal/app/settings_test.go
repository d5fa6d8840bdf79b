package app_test

import (
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/app"
	"github.com/legivellum/metagate/internal/test/apptest"
	"github.com/legivellum/metagate/internal/test/testdb"
)

func TestTheDefaultTenantAndDeploymentAreThoseOfTheConfiguration(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := wire{a, apptest.AdminKey}
		admin := rowsOf(t, w.send(t, "GET", "/v1/admin/principals", ""))
		require.Len(t, admin, 1)
		require.JSONEq(t, `"t0"`, string(admin[0]["tenant_key"]))
		w.send(t, "POST", "/v1/admin/profiles", `{"tenant_key":"default","profile_key":"p"}`).refused(t, 403, "FORBIDDEN")

		w.create(t, "/v1/admin/manifests", `{"manifest_key":"none"}`)
		require.Equal(t, 200, w.send(t, "POST", "/v1/admin/apply", `{"manifests":[{"manifest_key":"applied"},{"manifest_key":"own","deployment_key":"own"}]}`).Status)
		_, err := a.Demo(t.Context(), app.Demo{})
		require.NoError(t, err)
		deployments := map[string]string{}
		for _, m := range rowsOf(t, w.send(t, "GET", "/v1/admin/manifests", "")) {
			require.JSONEq(t, `"t0"`, string(m["tenant_key"]))
			deployments[string(m["manifest_key"])] = string(m["deployment_key"])
		}
		require.Equal(t, map[string]string{`"none"`: `"d0"`, `"applied"`: `"d0"`, `"own"`: `"own"`, `"default-manifest"`: `"local"`}, deployments)
	}, func(c *app.Config) { c.DefaultTenantKey, c.DefaultDeploymentKey = "t0", "d0" })
}

func TestAnotherDefaultTenantHasAnAdminOfItsOwn(t *testing.T) {
	t.Parallel()
	testdb.Each(t, apptest.Migrate, func(t *testing.T, url string) {
		first := apptest.Start(t, url)
		require.NoError(t, first.Close())

		c := apptest.Config(t, url)
		c.DefaultTenantKey = "another"
		_, err := app.Start(t.Context(), c, app.Build{}, slog.New(slog.DiscardHandler))
		require.ErrorContains(t, err, `this key opens another principal already, of tenant "default"`)

		const key = "mgk_another-admin-key-of-the-tests-0123456789"
		for range 2 {
			a := apptest.Start(t, url, func(c *app.Config) { c.DefaultTenantKey, c.AdminAPIKey = "another", key })
			admin := rowsOf(t, wire{a, key}.send(t, "GET", "/v1/admin/principals", ""))
			require.Len(t, admin, 1)
			require.JSONEq(t, `"another"`, string(admin[0]["tenant_key"]))
			require.JSONEq(t, `"admin@another"`, string(admin[0]["auth_subject"]))
			require.Equal(t, 200, wire{a, apptest.AdminKey}.send(t, "GET", "/v1/admin/principals", "").Status, "the other tenant's admin stays")
			require.NoError(t, a.Close())
		}
	})
}

func TestAdminPrincipalTypesSayWhoIsAnAdmin(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := wire{a, apptest.AdminKey}
		first := rowsOf(t, w.send(t, "GET", "/v1/admin/principals", ""))[0]
		require.JSONEq(t, `"boss"`, string(first["principal_type"]), "that of the first admin")
		w.create(t, "/v1/admin/principals", `{"principal_key":"one","auth_subject":"one","principal_type":"admin"}`)
		two := w.create(t, "/v1/admin/principals", `{"principal_key":"two","auth_subject":"two","principal_type":"ops"}`)
		wire{a, token(t, "one")}.send(t, "GET", "/v1/admin/principals", "").refused(t, 403, "FORBIDDEN")
		require.Equal(t, 200, wire{a, token(t, "two")}.send(t, "GET", "/v1/admin/principals", "").Status)

		boss := "/v1/admin/principals/" + string(first["id"][1:37])
		require.Equal(t, 200, w.send(t, "PATCH", "/v1/admin/principals/"+two, `{"principal_type":"admin"}`).Status, "boss is left")
		w.send(t, "PATCH", boss, `{"principal_type":"admin"}`).refused(t, 409, "LAST_ADMIN")
		require.Equal(t, 200, w.send(t, "PATCH", "/v1/admin/principals/"+two, `{"principal_type":"ops"}`).Status)
		require.Equal(t, 200, w.send(t, "POST", "/v1/admin/apply?prune=true", `{"principals":[]}`).Status)
		var left []string
		for _, p := range rowsOf(t, w.send(t, "GET", "/v1/admin/principals", "")) {
			left = append(left, string(p["principal_key"]))
		}
		require.ElementsMatch(t, []string{`"admin"`, `"two"`}, left, "prune leaves the admins")
		require.Equal(t, 200, w.send(t, "PATCH", boss, `{"principal_type":"ops"}`).Status)
	}, func(c *app.Config) { c.AdminPrincipalTypes = app.List{"boss", "ops"} })
}

func TestAShortJWTSecretOpensUnderDEBUGAlone(t *testing.T) {
	t.Parallel()
	c := apptest.Config(t, testdb.SQLite(t))
	c.JWTSecret = "dev-secret"
	_, err := app.Start(t.Context(), c, app.Build{}, slog.New(slog.DiscardHandler))
	require.ErrorContains(t, err, "JWT_SECRET is 10 bytes long")

	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		jwt, err := app.Token(a.Config.Tokens, "admin", 1e12, true)
		require.NoError(t, err)
		require.Equal(t, 200, wire{a, jwt}.send(t, "GET", "/v1/admin/principals", "").Status)
		_, err = app.Token(a.Config.Tokens, "admin", 1e12, false)
		require.ErrorContains(t, err, "JWT_SECRET")
		require.NoError(t, a.Close())
		require.Contains(t, a.Log.String(), "accepted under DEBUG alone: JWT_SECRET is 10 bytes long")
	}, func(c *app.Config) { c.JWTSecret, c.Debug = "dev-secret", true })
}
