package mcp_test

import (
	"crypto/rand"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/app"
	"github.com/legivellum/metagate/internal/identity"
	"github.com/legivellum/metagate/internal/test/apptest"
)

func TestEveryCredentialOpensInEveryPlaceThatTheOriginalLooksIn(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		m, nobody := newMesh(t, a, "gate"), wire{a, ""}
		jwt, key := token(t, "gate@mesh"), m.key.APIKey
		wrong := identity.KeyPrefix + rand.Text() + rand.Text()
		boots := func(arguments string, header ...string) {
			t.Helper()
			require.Equal(t, "gate", nobody.does(t, "metagate.bootstrap", `{"component_key":"gate"`+arguments+`}`, header...)["packet"].(object)["principal_key"])
		}
		for _, good := range []string{jwt, key} {
			boots(`,"auth_token":"` + good + `"`)
			boots("", "Authorization", "Bearer "+good)
			boots("", "Authorization", "bearer   "+good)
			boots(`,"auth_token":"`+good+`"`, "Authorization", "Bearer "+wrong, "X-API-Key", wrong)
			boots(`,"auth_token":""`, "Authorization", "Bearer "+wrong, "X-API-Key", key)
			boots(`,"auth_token":null`, "Authorization", "Basic "+good, "X-API-Key", key)
		}
		for _, arguments := range []string{`,"auth_token":"` + wrong + `"`, `,"auth_token":"a.b.c"`, `,"auth_token":" "`, `,"auth_token":"Bearer ` + key + `"`} {
			nobody.tool(t, "metagate.bootstrap", `{"component_key":"gate"`+arguments+`}`).refused(t, 200, -32000, "UNAUTHENTICATED")
		}
		nobody.tool(t, "metagate.bootstrap", `{"component_key":"gate"}`, "X-API-Key", jwt).refused(t, 200, -32000, "UNAUTHENTICATED")
		stranger := nobody.tool(t, "metagate.bootstrap", `{"component_key":"gate"}`, "Authorization", "Bearer "+token(t, "stranger"))
		stranger.refused(t, 200, -32000, "FORBIDDEN")
	})
}

func TestWhatAsksForNoCredentialIsOpenToBadOnesToo(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		for _, key := range []string{"", "mgk_wrong"} {
			w := wire{a, key}
			w.does(t, "metagate.health", `null`)
			w.does(t, "metagate.discovery", `{"auth_token":"wrong"}`)
			require.Len(t, w.post(t, `{"id":1,"method":"tools/list"}`).result(t)["tools"], 13)
			require.Empty(t, w.post(t, `{"id":1,"method":"ping"}`).result(t))
		}
	})
}

// adminTools are called with what would succeed.
var adminTools = map[string]string{
	"metagate.admin_principals": `{}`, "metagate.admin_profiles": `{"action":"create","profile_key":"p"}`, "metagate.admin_manifests": `{"action":"list"}`,
	"metagate.admin_bindings": `{}`, "metagate.admin_secret_refs": `{}`, "metagate.admin_validators": `{}`, "metagate.admin_api_keys": `{"action":"list"}`,
	"metagate.instantiate_problemata": `{"spec":{"problemata":{"id":"i","owner_principal":"o"},"primitives":{"a":{"type":"asyncgate"}}},"validation":{"status":"passed"}}`,
}

func TestOnlyAdminsUseAdminsTools(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		m := newMesh(t, a, "gate")
		before := *apptest.Got(a.AdminClient(t).ListAuditLogWithResponse(t.Context(), nil)).Is(t, 200).JSON200
		for tool, arguments := range adminTools {
			m.component.tool(t, tool, arguments).refused(t, 200, -32000, "FORBIDDEN")
			wire{a, ""}.tool(t, tool, arguments).refused(t, 200, -32000, "UNAUTHENTICATED")
			wire{a, ""}.tool(t, tool, arguments, "Authorization", "Bearer mgk_wrong").refused(t, 200, -32000, "UNAUTHENTICATED")
		}
		after := *apptest.Got(a.AdminClient(t).ListAuditLogWithResponse(t.Context(), nil)).Is(t, 200).JSON200
		require.Equal(t, before, after, "nothing is written")
		for tool, arguments := range adminTools {
			m.admin.does(t, tool, arguments)
		}
	})
}

func TestARevokedKeyClosesThisDoorAtOnce(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		m := newMesh(t, a, "gate")
		m.component.does(t, "metagate.bootstrap", `{"component_key":"gate"}`) // remembered from now on
		m.admin.does(t, "metagate.admin_api_keys", `{"action":"revoke","api_key_id":"`+m.key.ID.String()+`"}`)
		m.component.tool(t, "metagate.bootstrap", `{"component_key":"gate"}`).refused(t, 200, -32000, "UNAUTHENTICATED")
		m.component.tool(t, "metagate.admin_principals", `{}`).refused(t, 200, -32000, "UNAUTHENTICATED")
	})
}

func TestWhoGuessesAtThisDoorIsToldToWaitAtBoth(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		m := newMesh(t, a, "gate")
		for i := range 20 {
			guess := strings.ToLower(rand.Text())
			header := []string{"Authorization", "Bearer " + guess}
			if i%2 == 0 {
				header = []string{"X-API-Key", guess}
			}
			wire{a, ""}.tool(t, "metagate.bootstrap", `{"component_key":"gate"}`, header...).refused(t, 200, -32000, "UNAUTHENTICATED")
		}
		limited := 0
		for range 10 {
			got := wire{a, rand.Text()}.tool(t, "metagate.startup_ready", `{}`)
			if strings.Contains(got.body, "TOO_MANY_REQUESTS") {
				limited++
			}
		}
		require.Greater(t, limited, 7)
		m.component.does(t, "metagate.bootstrap", `{"component_key":"gate"}`) // good ones never feel it
		wire{a, ""}.tool(t, "metagate.bootstrap", `{"component_key":"gate"}`).refused(t, 200, -32000, "UNAUTHENTICATED")
	}, func(c *app.Config) { c.AuthFailureBurst = 20 })
}
