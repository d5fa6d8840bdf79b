package mcp_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/app"
	"github.com/legivellum/metagate/internal/test/apptest"
)

func TestTheAuditLogKnowsToolsAsItKnowsREST(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		m := newMesh(t, a, "gate")
		m.admin.does(t, "metagate.admin_profiles", `{"action":"create","profile_key":"byMCP"}`, "X-Request-ID", "the-request")
		m.admin.does(t, "metagate.admin_profiles", `{"action":"delete","profile_key":"byMCP"}`, "X-API-Key", "", "Authorization", "Bearer "+token(t, "admin"))
		log := *apptest.Got(a.AdminClient(t).ListAuditLogWithResponse(t.Context(), nil)).Is(t, 200).JSON200
		deleted, created := log[0], log[1]
		require.Equal(t, []string{"create", "profile", "byMCP", "admin", "api_key", "the-request", "127.0.0.1", "default"}, []string{
			string(created.Action), string(created.ResourceType), created.ResourceKey, created.Actor, string(created.AuthMethod),
			created.RequestID, created.RemoteAddr, created.TenantKey,
		})
		require.Equal(t, "jwt", string(deleted.AuthMethod))
		var after object
		require.NoError(t, json.Unmarshal(created.After.MustGet(), &after))
		require.Equal(t, "byMCP", after["profile_key"])
		rest := log[slices.IndexFunc(log, func(e entry) bool { return e.ResourceKey == "gate" && e.ResourceType == "profile" })]
		require.Equal(t, rest.AuthMethod, created.AuthMethod)
		require.Equal(t, rest.Actor, created.Actor)
	})
}

func TestAToolTakesTheReasonThatTheAuditLogKeeps(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		admin := wire{a, apptest.AdminKey}
		latest := func() string {
			return (*apptest.Got(a.AdminClient(t).ListAuditLogWithResponse(t.Context(), nil)).Is(t, 200).JSON200)[0].Reason.MustGet()
		}
		create := `{"action":"create","secret_key":"s","ref_name":"S"`
		for tool, arguments := range map[string]string{
			"metagate.admin_secret_refs": create + "}", "metagate.instantiate_problemata": instantiates(curation),
		} {
			require.Contains(t, admin.tool(t, tool, arguments).refused(t, 200, -32602, "INVALID_REQUEST").Message, "REQUIRE_REASON")
		}
		for _, bad := range []string{`""`, `7`, `"a\nb"`, `"` + strings.Repeat("x", 1001) + `"`} {
			got := admin.tool(t, "metagate.admin_secret_refs", create+`,"reason":`+bad+`}`).refused(t, 200, -32602, "INVALID_REQUEST")
			require.Equal(t, []string{"/reason"}, pointers(got))
		}
		for _, bad := range []string{"a\tb", "\xff", strings.Repeat("x", 1001)} {
			admin.tool(t, "metagate.admin_secret_refs", create+"}", "Metagate-Reason", bad).refused(t, 200, -32602, "INVALID_REQUEST")
		}
		admin.does(t, "metagate.admin_secret_refs", `{}`) // reading needs none

		admin.does(t, "metagate.admin_secret_refs", create+`,"reason":"its argument"}`, "Metagate-Reason", "the header")
		require.Equal(t, "its argument", latest())
		admin.does(t, "metagate.admin_secret_refs", `{"action":"delete","secret_ref_id":"s"}`, "Metagate-Reason", "the header é")
		require.Equal(t, "the header é", latest())
		admin.does(t, "metagate.instantiate_problemata", instantiates(curation, `,"reason":"a new mesh"`))
		require.Equal(t, "a new mesh", latest())
		key := admin.does(t, "metagate.admin_api_keys", `{"action":"issue","principal_key":"principal-demo","reason":"its first"}`)
		require.Equal(t, "its first", latest())
		admin.does(t, "metagate.admin_api_keys", fmt.Sprintf(`{"action":"revoke","api_key_id":%q,"reason":"leaked"}`, key["api_key_id"]))
		require.Equal(t, "leaked", latest())
	}, func(c *app.Config) { c.RequireReason = true })
}

func TestBootstrapsAndReportsAreCountedAndLogged(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		m := newMesh(t, a, "gate")
		id := m.component.does(t, "metagate.bootstrap", `{"component_key":"gate"}`)["packet"].(object)["startup"].(object)["startup_id"]
		m.component.tool(t, "metagate.bootstrap", `{"component_key":"other"}`).refused(t, 200, -32000, "COMPONENT_NOT_PERMITTED")
		m.component.tool(t, "metagate.bootstrap", `{}`).refused(t, 200, -32602, "INVALID_REQUEST")
		wire{a, ""}.tool(t, "metagate.bootstrap", `{"component_key":"gate"}`).refused(t, 200, -32000, "UNAUTHENTICATED")
		m.component.does(t, "metagate.startup_ready", fmt.Sprintf(`{"startup_id":%q,"build_version":"1"}`, id))
		metrics := string(apptest.Got(a.Client(t, "").GetMetricsWithResponse(t.Context())).Is(t, 200).Body)
		for _, sample := range []string{
			`metagate_bootstraps_total{code="OK"} 1`, `metagate_bootstraps_total{code="COMPONENT_NOT_PERMITTED"} 1`,
			`metagate_bootstraps_total{code="INVALID_REQUEST"} 1`, `metagate_bootstraps_total{code="UNAUTHENTICATED"} 1`,
			`metagate_startup_reports_total{state="READY"} 1`, `metagate_http_request_duration_seconds_count{operation="mcp",status="200"} 5`,
		} {
			require.Contains(t, metrics, sample)
		}
		require.NoError(t, a.Close())
		for _, line := range []string{
			`"operation":"mcp","status":200`, `"tool":"metagate.bootstrap","tenant":"default","principal":"gate","code":"COMPONENT_NOT_PERMITTED"`,
		} {
			require.Contains(t, a.Log.String(), line)
		}
		require.NotContains(t, strings.ReplaceAll(a.Log.String(), m.key.ID.String(), ""), m.key.APIKey)
	})
}
