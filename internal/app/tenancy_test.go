package app_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/admin"
	"github.com/legivellum/metagate/internal/app"
	"github.com/legivellum/metagate/internal/identity"
	"github.com/legivellum/metagate/internal/test/apptest"
)

// tenantAdmin makes a tenant by making its first admin.
func tenantAdmin(t *testing.T, a *apptest.App, tenant string) wire {
	t.Helper()
	anywhere := admin.CLI()
	anywhere.AnyTenant = true
	p, _, err := admin.Principals.Create(t.Context(), a.Admin, anywhere, tenant,
		model.PrincipalCreate{PrincipalKey: "admin", AuthSubject: "admin@" + tenant, PrincipalType: identity.TypeAdmin})
	require.NoError(t, err)
	issued, _, err := a.Admin.IssueKey(t.Context(), anywhere, model.APIKeyCreate{PrincipalID: p.ID.String(), Name: "k"})
	require.NoError(t, err)
	return wire{a, issued.APIKey}
}

// reach tries what an operation could do to a tenant that isn't the caller's.
// Where cross is true, ADMIN_ALLOW_CROSS_TENANT, it must succeed.
type reach func(t *testing.T, ours, theirs wireWorld, cross bool)

// reaches says of every operation of openapi.yaml how it is tried; public are
// the ones that know no tenant. Destruction comes last, in tenancyOrder.
var reaches = map[string]reach{
	"bootstrap":          reachBootstrap,
	"backfillStartups":   reachBackfill,
	"reportReady":        reachReport("ready", `"build_version":"1"`),
	"reportFailed":       reachReport("failed", `"error":"e"`),
	"getStartup":         reachStartup,
	"getStartupPacket":   reachPacket,
	"acknowledgeStartup": reachAcknowledge,
	"listPrincipals":     reachList("principals", "principal_key=p-theirs"),
	"listProfiles":       reachList("profiles", "profile_key=p-theirs"),
	"listManifests":      reachList("manifests", "manifest_key=m-theirs"),
	"listBindings":       reachList("bindings", "principal_id=PRINCIPAL"),
	"listSecretRefs":     reachList("secret-refs", "secret_key=s-theirs"),
	"listValidators":     reachList("validators", "validator_key=v-theirs"),
	"listAPIKeys":        reachList("api-keys", "principal_id=PRINCIPAL"),
	"listStartups":       reachList("startups", "principal_key=p-theirs"),
	"listAuditLog":       reachList("audit-log", "resource_id=PRINCIPAL"),
	"createPrincipal":    reachCreate("principals", `"principal_key":"n","auth_subject":"n"`),
	"createProfile":      reachCreate("profiles", `"profile_key":"n"`),
	"createManifest":     reachCreate("manifests", `"manifest_key":"n"`),
	"createSecretRef":    reachCreate("secret-refs", `"secret_key":"n","ref_kind":"env","ref_name":"N"`),
	"createValidator":    reachCreate("validators", `"validator_key":"n","on":"profile","schema":{"type":"object"}`),
	"createBinding":      reachCreateBinding,
	"createAPIKey":       reachCreateAPIKey,
	"getPrincipal":       reachRow("GET", "principals", rowPrincipal, "", 200),
	"getProfile":         reachRow("GET", "profiles", rowProfile, "", 200),
	"getManifest":        reachRow("GET", "manifests", rowManifest, "", 200),
	"getBinding":         reachRow("GET", "bindings", rowBinding, "", 200),
	"getSecretRef":       reachRow("GET", "secret-refs", rowRef, "", 200),
	"getValidator":       reachRow("GET", "validators", rowValidator, "", 200),
	"getAPIKey":          reachRow("GET", "api-keys", rowAPIKey, "", 200),
	"updatePrincipal":    reachRow("PATCH", "principals", rowPrincipal, `{"principal_type":"admin"}`, 200),
	"updateProfile":      reachRow("PATCH", "profiles", rowProfile, `{"policy":{"a":1}}`, 200),
	"updateManifest":     reachRow("PATCH", "manifests", rowManifest, `{"polling":{"a":1}}`, 200),
	"updateBinding":      reachUpdateBinding,
	"updateSecretRef":    reachRow("PATCH", "secret-refs", rowRef, `{"ref_name":"T"}`, 200),
	"updateValidator":    reachRow("PATCH", "validators", rowValidator, `{"mode":"warn"}`, 200),
	"updateAPIKey":       reachRow("PATCH", "api-keys", rowAPIKey, `{"name":"m"}`, 200),
	"revokeAPIKey":       reachRow("DELETE", "api-keys", rowAPIKey, "", 204),
	"deleteSecretRef":    reachRow("DELETE", "secret-refs", rowRef, "", 204),
	"deleteValidator":    reachRow("DELETE", "validators", rowValidator, "", 204),
	"deleteBinding":      reachRow("DELETE", "bindings", rowBinding, "", 204),
	"deletePrincipal":    reachRow("DELETE", "principals", rowPrincipal, "", 204),
	"deleteProfile":      reachRow("DELETE", "profiles", rowProfile, "", 204),
	"deleteManifest":     reachRow("DELETE", "manifests", rowManifest, "", 204),

	"mcp":           reachMCP,
	"applyWorld":    reachApply,
	"exportWorld":   reachExport,
	"explainPacket": reachExplain,
	"listRevisions": reachHistory("GET", "revisions?tenant_key=theirs", ""),
	"diffRevisions": reachHistory("GET", "diff?from=0&tenant_key=theirs", ""),
	"rollbackWorld": reachHistory("POST", "rollback", `{"revision":0,"dry_run":true,"tenant_key":"theirs"}`),

	"listSinks":       ofNoTenant,
	"listRoster":      reachList("roster", "principal_key=p-theirs"),
	"listOutcomes":    reachTenant("outcomes?by=profile"),
	"compareOutcomes": reachTenant("outcomes/compare?manifest=m-theirs&version=1&against=1"),
	"listRefusals":    reachTenant("refusals?limit=1000"),

	"getInfo": public, "getHealth": public, "getReady": public, "getDiscovery": public, "getJWKS": public, "getMetrics": public,
	"getOpenapiYaml": public, "getOpenapiJson": public, "getDocs": public, "getDocsAsset": public,
}

func public(*testing.T, wireWorld, wireWorld, bool) {}

// ofNoTenant is of what the whole server does: numbers, and the words of a ledger.
func ofNoTenant(t *testing.T, _, theirs wireWorld, _ bool) {
	require.Equal(t, 200, theirs.admin.send(t, "GET", "/v1/admin/sinks", "").Status)
}

func rowPrincipal(w wireWorld) string { return w.principal }
func rowProfile(w wireWorld) string   { return w.profile }
func rowManifest(w wireWorld) string  { return w.manifest }
func rowBinding(w wireWorld) string   { return w.binding }
func rowRef(w wireWorld) string       { return w.ref }
func rowValidator(w wireWorld) string { return w.validator }
func rowAPIKey(w wireWorld) string    { return w.id }

func TestEveryOperationIsInTheTableOfTenancy(t *testing.T) {
	t.Parallel()
	require.Equal(t, slices.Sorted(maps.Keys(apptest.Operations())), slices.Sorted(maps.Keys(reaches)))
	for name, op := range apptest.Operations() {
		if strings.HasPrefix(op.Path, "/v1/") {
			require.NotEqual(t, fmt.Sprintf("%p", public), fmt.Sprintf("%p", reaches[name]), name)
		}
	}
}

func TestNoOperationReachesAcrossTenants(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		ours := newWireWorld(t, wire{a, apptest.AdminKey}, "-ours")
		theirs := newWireWorld(t, tenantAdmin(t, a, "theirs"), "-theirs")
		before := theirs.admin.census(t)
		for name, try := range reaches {
			try(t, ours, theirs, false)
			after := theirs.admin.census(t)
			after["startups"] = slices.DeleteFunc(after["startups"], func(row map[string]json.RawMessage) bool {
				return string(row["startup_id"]) != quoted(theirs.startup) // they may bootstrap
			})
			require.Equal(t, before, after, name)
		}
	})
}

func TestWithCrossTenantAdminsEveryOperationReachesAcrossTenants(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		ours := newWireWorld(t, wire{a, apptest.AdminKey}, "-ours")
		theirs := newWireWorld(t, tenantAdmin(t, a, "theirs"), "-theirs")
		names := slices.SortedFunc(maps.Keys(reaches), func(a, b string) int { return slices.Index(tenancyOrder, a) - slices.Index(tenancyOrder, b) })
		for _, name := range names {
			reaches[name](t, ours, theirs, true)
		}
		for _, list := range []string{"principals", "profiles", "manifests", "bindings", "secret-refs", "validators"} {
			for _, row := range ours.admin.census(t)[list] {
				require.NotContains(t, []string{theirs.principal, theirs.profile, theirs.manifest, theirs.binding, theirs.ref, theirs.validator}, strings.Trim(string(row["id"]), `"`))
			}
		}
		var audited int
		for _, row := range ours.admin.census(t)["audit-log"] {
			if string(row["tenant_key"]) == `"theirs"` && string(row["actor"]) == `"admin"` && string(row["action"]) == `"delete"` {
				audited++
			}
		}
		require.Equal(t, 7, audited, "in the tenant of the row")
	}, func(c *app.Config) { c.AdminAllowCrossTenant = true })
}

// tenancyOrder is what has to come last, in this order.
var tenancyOrder = []string{"revokeAPIKey", "deleteSecretRef", "deleteValidator", "deleteBinding", "deletePrincipal", "deleteProfile", "deleteManifest"}

func TestKeysAreUniquePerTenantAndSubjectsOverAll(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		ours, theirs := wire{a, apptest.AdminKey}, tenantAdmin(t, a, "theirs")
		for path, body := range map[string]string{
			"profiles": `{"profile_key":"k"}`, "manifests": `{"manifest_key":"k"}`, "secret-refs": `{"secret_key":"k","ref_kind":"env","ref_name":"K"}`,
		} {
			ours.create(t, "/v1/admin/"+path, body)
			theirs.create(t, "/v1/admin/"+path, body)
			theirs.send(t, "POST", "/v1/admin/"+path, body).refused(t, 409, "ALREADY_EXISTS")
		}
		ours.create(t, "/v1/admin/principals", `{"principal_key":"k","auth_subject":"one"}`)
		theirs.send(t, "POST", "/v1/admin/principals", `{"principal_key":"k","auth_subject":"one"}`).refused(t, 409, "ALREADY_EXISTS")
		theirs.create(t, "/v1/admin/principals", `{"principal_key":"k","auth_subject":"two"}`)
	})
}

func rowsOf(t *testing.T, got wired) []map[string]json.RawMessage {
	t.Helper()
	require.Equal(t, 200, got.Status, got.Body)
	var rows []map[string]json.RawMessage
	require.NoError(t, json.Unmarshal([]byte(got.Body), &rows))
	return rows
}

func nobodysID() string { return uuid.NewString() }
