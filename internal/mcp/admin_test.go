package mcp_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/app"
	"github.com/legivellum/metagate/internal/test/apptest"
)

func TestAdminsToolsRefuseWhatRESTRefuses(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		m := newMesh(t, a, "gate")
		for _, bad := range []struct {
			tool, arguments string
			code            int
			kind            string
			at              []string
		}{
			{"metagate.admin_principals", `{"action":"update"}`, -32602, "INVALID_REQUEST", []string{"/action"}},
			{"metagate.admin_principals", `{"action":"create"}`, -32602, "INVALID_REQUEST", []string{"/auth_subject", "/principal_key"}},
			{"metagate.admin_principals", `{"action":"create","principal_key":"a b","auth_subject":"s"}`, -32602, "INVALID_REQUEST", []string{"/principal_key"}},
			{"metagate.admin_principals", `{"action":"create","data":{"principal_key":"a","auth_subject":"s","typo":1}}`, -32602, "INVALID_REQUEST", []string{"/data/typo"}},
			{"metagate.admin_principals", `{"action":"create","principal_key":"a","auth_subject":"s","typo":1}`, -32602, "INVALID_REQUEST", []string{"/typo"}},
			{"metagate.admin_principals", `{"action":"create","principal_key":"gate","auth_subject":"s"}`, -32000, "ALREADY_EXISTS", nil},
			{"metagate.admin_principals", `{"action":"create","principal_key":"a","auth_subject":"s","tenant_key":"theirs"}`, -32000, "FORBIDDEN", nil},
			{"metagate.admin_principals", `{"action":"get"}`, -32602, "INVALID_REQUEST", []string{"/principal_id"}},
			{"metagate.admin_principals", `{"action":"get","principal_id":"nobody"}`, -32000, "NOT_FOUND", nil},
			{"metagate.admin_principals", `{"action":"delete","principal_id":"` + uuid.NewString() + `"}`, -32000, "NOT_FOUND", nil},
			{"metagate.admin_principals", `{"action":"delete","principal_key":"admin"}`, -32000, "LAST_ADMIN", nil},
			{"metagate.admin_principals", `{"limit":0}`, -32602, "INVALID_REQUEST", []string{"/limit"}},
			{"metagate.admin_principals", `{"limit":1001}`, -32602, "INVALID_REQUEST", []string{"/limit"}},
			{"metagate.admin_principals", `{"cursor":"x"}`, -32602, "INVALID_REQUEST", []string{"/cursor"}},
			{"metagate.admin_principals", `{"tenant_key":"theirs"}`, -32000, "FORBIDDEN", nil},
			{"metagate.admin_profiles", `{"action":"create","profile_key":"p","capabilities":{"a":[{" Jobs ":1}]}}`, -32000, "FORBIDDEN_KEYS", []string{"/capabilities/a/0/ Jobs "}},
			{"metagate.admin_profiles", `{"action":"delete","profile_key":"gate"}`, -32000, "IN_USE", nil},
			{"metagate.admin_manifests", `{"action":"create","data":{"manifest_key":"m","services":{"deploy":{}}}}`, -32000, "FORBIDDEN_KEYS", []string{"/services/deploy"}},
			{"metagate.admin_bindings", `{"action":"create","principal_id":"` + uuid.NewString() + `","profile_id":"` + uuid.NewString() + `","manifest_id":"` + uuid.NewString() + `"}`, -32000, "INVALID_REFERENCE", []string{"/principal_id", "/profile_id", "/manifest_id"}},
			{"metagate.admin_bindings", `{"action":"get","binding_id":"gate"}`, -32000, "NOT_FOUND", nil},
			{"metagate.admin_secret_refs", `{"action":"create","secret_key":"s","ref_name":"S","ref_kind":"keygate"}`, -32602, "INVALID_REQUEST", []string{"/ref_kind"}},
			{"metagate.admin_secret_refs", `{"action":"create","data":{"secret_key":"s","ref_name":"S","value":"secret"}}`, -32602, "INVALID_REQUEST", []string{"/value"}},
			{"metagate.admin_api_keys", `{"action":"issue"}`, -32602, "INVALID_REQUEST", []string{"/principal_key"}},
			{"metagate.admin_api_keys", `{"action":"issue","principal_key":"nobody"}`, -32000, "INVALID_REFERENCE", []string{"/principal_key"}},
			{"metagate.admin_api_keys", `{"action":"issue","principal_key":"gate","expires_in_days":0}`, -32602, "INVALID_REQUEST", []string{"/expires_in_days"}},
			{"metagate.admin_api_keys", `{"action":"issue","principal_key":"gate","tenant_key":"theirs"}`, -32000, "FORBIDDEN", nil},
			{"metagate.admin_api_keys", `{"action":"revoke"}`, -32000, "NOT_FOUND", nil},
			{"metagate.admin_api_keys", `{"action":"revoke","api_key_id":"` + uuid.NewString() + `"}`, -32000, "NOT_FOUND", nil},
			{"metagate.admin_api_keys", `{"action":"delete"}`, -32602, "INVALID_REQUEST", []string{"/action"}},
		} {
			got := m.admin.tool(t, bad.tool, bad.arguments).refused(t, 200, bad.code, bad.kind)
			require.ElementsMatch(t, bad.at, pointers(got), bad.arguments)
		}
	})
}

func TestEveryResourceIsCreatedListedGotAndDeleted(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		admin := wire{a, apptest.AdminKey}
		p := admin.does(t, "metagate.admin_principals", `{"action":"create","principal_key":"p","auth_subject":"p@mesh","principal_type":null}`)
		require.Equal(t, "component", p["principal_type"])
		f := admin.does(t, "metagate.admin_profiles", `{"action":"create","data":{"profile_key":"f","policy":{"a":12345678901234567890,"b":"<&>"}}}`)
		require.Contains(t, admin.tool(t, "metagate.admin_profiles", `{"action":"get","profile_key":"f"}`).body, `"policy":{"a":12345678901234567890,"b":"<&>"}`)
		n := admin.does(t, "metagate.admin_manifests", `{"action":"create","manifest_key":"m","services":{}}`)
		b := admin.does(t, "metagate.admin_bindings", fmt.Sprintf(`{"action":"create","principal_id":%q,"profile_id":%q,"manifest_id":%q,"overrides":null}`, p["id"], f["id"], n["id"]))
		require.Equal(t, true, b["active"])
		s := admin.does(t, "metagate.admin_secret_refs", `{"action":"create","secret_key":"s","ref_name":"S"}`)
		require.Equal(t, "env", s["ref_kind"])

		v := admin.does(t, "metagate.admin_validators", `{"action":"create","validator_key":"v","on":"manifest","schema":{"properties":{"polling":{"maxProperties":0}}}}`)
		refused := admin.tool(t, "metagate.admin_manifests", `{"action":"create","manifest_key":"n","polling":{"a":1}}`)
		require.Contains(t, refused.body, `"VALIDATOR_DENIED"`)
		require.Contains(t, refused.body, `"/polling"`)

		for _, kind := range []struct {
			one, many string
			row       object
			keyed     bool
		}{
			{"binding", "bindings", b, false},
			{"secret_ref", "secret_refs", s, false},
			{"validator", "validators", v, true},
			{"principal", "principals", p, true},
			{"profile", "profiles", f, true},
			{"manifest", "manifests", n, true},
		} {
			tool, id := "metagate.admin_"+kind.many, kind.row["id"].(string)
			list := admin.does(t, tool, `{}`)[kind.many].([]any)
			require.Contains(t, list, any(kind.row), kind.one)
			require.Equal(t, list, admin.does(t, tool, `{"action":"list","tenant_key":"default"}`)[kind.many])
			require.Equal(t, kind.row, admin.does(t, tool, fmt.Sprintf(`{"action":"get","%s_id":%q}`, kind.one, id)))
			if kind.keyed {
				key := kind.row[kind.one+"_key"].(string)
				require.Equal(t, kind.row, admin.does(t, tool, fmt.Sprintf(`{"action":"get","%s_key":%q}`, kind.one, key)))
				// InterroGate sends the key as both, with its own tenant.
				require.Equal(t, kind.row, admin.does(t, tool, fmt.Sprintf(`{"action":"get","%s_id":%q,"%[1]s_key":%[2]q,"tenant_key":"default"}`, kind.one, key)))
			}
			require.Equal(t, object{"deleted": true}, admin.does(t, tool, fmt.Sprintf(`{"action":"delete","%s_id":%q}`, kind.one, id)))
			admin.tool(t, tool, fmt.Sprintf(`{"action":"get","%s_id":%q}`, kind.one, id)).refused(t, 200, -32000, "NOT_FOUND")
		}
	})
}

func TestWhatStandsBesideDataIsCreatedTooOrRefused(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		admin := wire{a, apptest.AdminKey}
		const tool = "metagate.admin_principals"
		p := admin.does(t, tool, `{"action":"create","status":"disabled","data":{"principal_key":"p","auth_subject":"p@mesh"},"principal_key":"p"}`)
		require.Equal(t, "disabled", p["status"])
		for arguments, at := range map[string]string{
			`{"action":"create","data":{"principal_key":"q","auth_subject":"q@mesh"},"stauts":"disabled"}`:                   "/stauts",
			`{"action":"create","data":{"principal_key":"q","auth_subject":"q@mesh","status":"active"},"status":"disabled"}`: "/status",
		} {
			require.Equal(t, []string{at}, pointers(admin.tool(t, tool, arguments).refused(t, 200, -32602, "INVALID_REQUEST")))
		}
		only := admin.does(t, tool, `{"action":"list","principal_key":"p"}`)["principals"].([]any)
		require.Equal(t, []any{p}, only)
		require.Len(t, admin.does(t, tool, `{"limit":2e1}`)["principals"], 2, "and the admin")
		f := admin.does(t, "metagate.admin_profiles", `{"action":"create","profile_key":"f","startup_sla_seconds":60.0}`)
		require.EqualValues(t, 60, f["startup_sla_seconds"])
	})
}

func TestListsGoOnWhereThePageEnded(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		admin := wire{a, apptest.AdminKey}
		var want, got []string
		for i := range 5 {
			want = append(want, fmt.Sprint("p", i))
			admin.does(t, "metagate.admin_profiles", `{"action":"create","profile_key":"`+want[i]+`"}`)
		}
		for arguments := `{"limit":2}`; arguments != ""; {
			page := admin.does(t, "metagate.admin_profiles", arguments)
			require.LessOrEqual(t, len(page["profiles"].([]any)), 2)
			for _, row := range page["profiles"].([]any) {
				got = append(got, row.(object)["profile_key"].(string))
			}
			arguments = ""
			if next, more := page["next_cursor"]; more {
				arguments = fmt.Sprintf(`{"limit":2,"cursor":%q}`, next)
			}
		}
		require.Equal(t, want, got)
	})
}

func TestAPIKeysAreIssuedListedAndRevoked(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		m := newMesh(t, a, "gate")
		issued := m.admin.does(t, "metagate.admin_api_keys", `{"action":"issue","principal_key":"gate","name":"blue","expires_in_days":30}`)
		require.Equal(t, "gate", issued["principal_key"])
		require.Equal(t, "admin", issued["created_by"])
		expires, err := time.Parse(time.RFC3339Nano, issued["expires_at"].(string))
		require.NoError(t, err)
		require.InDelta(t, 30*24, time.Until(expires).Hours(), 1)
		key := wire{a, issued["api_key"].(string)}
		key.does(t, "metagate.bootstrap", `{"component_key":"gate"}`)
		unnamed := m.admin.does(t, "metagate.admin_api_keys", `{"action":"issue","principal_id":"`+m.principal.ID.String()+`"}`)
		require.Nil(t, unnamed["expires_at"])

		list := m.admin.tool(t, "metagate.admin_api_keys", `{"principal_key":"gate"}`)
		require.NotContains(t, list.body, issued["api_key"])
		require.EqualValues(t, 3, list.result(t)["count"])
		require.EqualValues(t, 4, m.admin.does(t, "metagate.admin_api_keys", `{"action":"list"}`)["count"], "with the admin's")

		revoke := fmt.Sprintf(`{"action":"revoke","api_key_id":%q}`, issued["api_key_id"])
		for _, already := range []bool{false, true} {
			got := m.admin.does(t, "metagate.admin_api_keys", revoke)
			require.Equal(t, "revoked", got["status"])
			require.Equal(t, already, got["already_revoked"])
			require.NotContains(t, got, "api_key")
		}
		key.tool(t, "metagate.bootstrap", `{"component_key":"gate"}`).refused(t, 200, -32000, "UNAUTHENTICATED")
		require.EqualValues(t, 2, m.admin.does(t, "metagate.admin_api_keys", `{"principal_key":"gate"}`)["count"])
		require.EqualValues(t, 3, m.admin.does(t, "metagate.admin_api_keys", `{"principal_key":"gate","include_revoked":true}`)["count"])
		one := m.admin.does(t, "metagate.admin_api_keys", `{"limit":1,"tenant_key":"default"}`)
		require.EqualValues(t, 1, one["count"])
		require.NotEqual(t, one["api_keys"], m.admin.does(t, "metagate.admin_api_keys", fmt.Sprintf(`{"limit":1,"cursor":%q}`, one["next_cursor"]))["api_keys"])
	})
}

type entry = model.AuditEntry

// rowsOfTheirs are arguments that ask for another tenant's rows.
func rowsOfTheirs(t *testing.T, theirs wire) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	for one, create := range map[string]string{
		"principal": `"principal_key":"theirs","auth_subject":"theirs"`, "profile": `"profile_key":"theirs"`, "manifest": `"manifest_key":"theirs"`,
		"secret_ref": `"secret_key":"theirs","ref_name":"T"`, "validator": `"validator_key":"theirs","on":"profile","schema":{}`,
	} {
		id := theirs.does(t, "metagate.admin_"+one+"s", `{"action":"create",`+create+`}`)["id"]
		for _, action := range []string{"get", "delete"} {
			out["metagate.admin_"+one+"s"] = append(out["metagate.admin_"+one+"s"], fmt.Sprintf(`{"action":%q,"%s_id":%q}`, action, one, id), fmt.Sprintf(`{"action":%q,"%s_id":"theirs"}`, action, one))
		}
	}
	return out
}

func TestNoToolReachesAcrossTenants(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		m, theirs := newMesh(t, a, "gate"), tenantAdmin(t, a, "theirs")
		for tool, all := range rowsOfTheirs(t, theirs) {
			for _, arguments := range all {
				m.admin.tool(t, tool, arguments).refused(t, 200, -32000, "NOT_FOUND")
			}
			require.NotContains(t, m.admin.tool(t, tool, `{}`).body, `"theirs"`, tool)
		}
		key := theirs.does(t, "metagate.admin_api_keys", `{"action":"issue","principal_key":"theirs"}`)
		m.admin.tool(t, "metagate.admin_api_keys", fmt.Sprintf(`{"action":"revoke","api_key_id":%q}`, key["api_key_id"])).refused(t, 200, -32000, "NOT_FOUND")
		m.admin.tool(t, "metagate.admin_api_keys", fmt.Sprintf(`{"action":"issue","principal_id":%q}`, key["principal_id"])).refused(t, 200, -32000, "INVALID_REFERENCE")
		require.NotContains(t, m.admin.tool(t, "metagate.admin_api_keys", `{"include_revoked":true}`).body, `"theirs"`)
		id := m.component.does(t, "metagate.bootstrap", `{"component_key":"gate"}`)["packet"].(object)["startup"].(object)["startup_id"]
		theirs.tool(t, "metagate.startup_ready", fmt.Sprintf(`{"startup_id":%q,"build_version":"1"}`, id)).refused(t, 200, -32000, "SESSION_NOT_FOUND")
	})
}

func TestWithCrossTenantAdminsToolsReachAcrossTenants(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		admin, theirs := wire{a, apptest.AdminKey}, tenantAdmin(t, a, "theirs")
		for tool, all := range rowsOfTheirs(t, theirs) {
			require.Equal(t, "theirs", admin.does(t, tool, all[0])["tenant_key"], "by id, as with REST")
			admin.tool(t, tool, all[1]).refused(t, 200, -32000, "NOT_FOUND")
			require.Equal(t, "theirs", admin.does(t, tool, all[1][:len(all[1])-1]+`,"tenant_key":"theirs"}`)["tenant_key"])
			require.Contains(t, admin.tool(t, tool, `{}`).body, `"theirs"`)
			require.NotContains(t, admin.tool(t, tool, `{"tenant_key":"default"}`).body, `"theirs"`)
			admin.does(t, tool, all[2])
		}
	}, func(c *app.Config) { c.AdminAllowCrossTenant = true })
}
