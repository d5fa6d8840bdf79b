package mcp_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/app"
	"github.com/legivellum/metagate/internal/test/apptest"
)

const curation = `{
	"problemata":{"id":"demo-curation","version":"0.1.0","tenant_id":"default","owner_principal":"principal-demo","labels":{"mode":"blueprint"},
		"defaults":{"trust_domain":"lab","receiptgate_ref":"receiptgate-main"}},
	"primitives":{
		"receiptgate-main":{"type":"receiptgate","endpoint":"http://receiptgate:8000/mcp?a=1&b=<2>","config":{"receipt_schema_version":1.10}},
		"memorygate-main":{"type":"memorygate","endpoint":"http://memorygate:8000/mcp","config":null},
		"asyncgate-main":{"type":"asyncgate","endpoint":"http://asyncgate:8080/mcp"},
		"mystery":{"endpoint":null}},
	"topology":[{"from":"asyncgate-main","to":"receiptgate-main","purpose":"receipts"}],
	"policies":{"rate_limits":{"global_requests_per_minute":300}},
	"comment":"unknown members are ignored"}`

func instantiates(spec string, more ...string) string {
	return `{"spec":` + spec + `,"validation":{"status":"Passed","errors":[]}` + strings.Join(more, "") + `}`
}

func TestAProblemataIsRefusedForWhatItIsBeforeForHowItIsWritten(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		admin := wire{a, apptest.AdminKey}
		refused := func(arguments string, code int, kind string) refusal {
			t.Helper()
			return admin.tool(t, "metagate.instantiate_problemata", arguments).refused(t, 200, code, kind)
		}
		edge := refused(instantiates(strings.Replace(curation, `"purpose"`, `"execute":{"cmd":"x"},"purpose"`, 1)), -32000, "FORBIDDEN_KEYS")
		require.Equal(t, "the spec carries forbidden keys: topology[0].execute", edge.Message)
		require.Equal(t, []string{"/spec/topology/0/execute"}, pointers(edge))
		deep := refused(`{"spec":`+strings.Replace(curation, `"receipt_schema_version":1.10`, `"tasks":[{"id":1}]`, 1)[:len(curation)-20]+`","deploy":{}},"validation":{}}`, -32000, "FORBIDDEN_KEYS")
		require.Equal(t, "the spec carries forbidden keys: primitives.receiptgate-main.config.tasks, deploy", deep.Message)
		refused(`{"spec":{"deploy":{"replicas":3}}}`, -32000, "FORBIDDEN_KEYS")

		for _, validation := range []string{`{"status":"failed"}`, `{"errors":[]}`, `null`, `"passed"`, `[]`, `{"status":true}`, `{"status":"passed "}`} {
			got := refused(`{"spec":`+curation+`,"validation":`+validation+`}`, -32000, "PROBLEMATA_UNVALIDATED")
			require.Equal(t, []string{"/validation/status"}, pointers(got))
		}
		refused(`{"spec":`+curation+`}`, -32000, "PROBLEMATA_UNVALIDATED")

		for spec, at := range map[string]string{
			`{"primitives":{"a":{}}}`: "/spec/problemata", `{"problemata":{"id":"i","owner_principal":"o"}}`: "/spec/primitives",
			`{"problemata":{"id":"i","owner_principal":"o"},"primitives":{}}`:                        "/spec/primitives",
			`{"problemata":{"id":"i","owner_principal":"o"},"primitives":{"a":1}}`:                   "/spec/primitives/a",
			`{"problemata":{"id":"i","owner_principal":"o"},"primitives":[]}`:                        "/spec/primitives",
			`{"problemata":{"owner_principal":"o"},"primitives":{"a":{}}}`:                           "/spec/problemata/id",
			`{"problemata":{"id":"","owner_principal":"o"},"primitives":{"a":{}}}`:                   "/spec/problemata/id",
			`{"problemata":{"id":"i"},"primitives":{"a":{}}}`:                                        "/spec/problemata/owner_principal",
			`{"problemata":{"id":"i","owner_principal":"o","version":2},"primitives":{"a":{}}}`:      "/spec/problemata/version",
			`{"problemata":{"id":"i","owner_principal":"o"},"primitives":{"a":{}},"policies":"all"}`: "/spec/policies",
			`"spec"`: "/spec",
		} {
			require.Equal(t, []string{at}, pointers(refused(instantiates(spec), -32602, "INVALID_REQUEST")), spec)
		}
		refused(`{}`, -32000, "PROBLEMATA_UNVALIDATED")
		refused(`{"validation":{"status":"passed"}}`, -32602, "INVALID_REQUEST")
		refused(instantiates(curation, `,"deployment_key":7`), -32602, "INVALID_REQUEST")
		refused(instantiates(curation, `,"tenant_key":"theirs"`), -32000, "FORBIDDEN")
		log := *apptest.Got(a.AdminClient(t).ListAuditLogWithResponse(t.Context(), nil)).Is(t, 200).JSON200
		require.Len(t, log, 2, "the first admin and its key: nothing was written")
	})
}

func TestAProblemataIsDescribedOnceHoweverOftenItComes(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		admin := wire{a, apptest.AdminKey}
		first := admin.does(t, "metagate.instantiate_problemata", instantiates(curation, `,"deployment_key":"local"`))
		require.NoError(t, uuid.Validate(first["binding_id"].(string)))
		want := object{
			"problemata_id": "demo-curation", "version": "0.1.0", "tenant_key": "default", "deployment_key": "local",
			"principal_key": "principal-demo", "profile_key": "problemata:demo-curation:0.1.0:profile",
			"manifest_key": "problemata:demo-curation:0.1.0:manifest", "binding_id": first["binding_id"], "binding_created": true,
			"services":     []any{"asyncgate-main", "memorygate-main", "mystery", "receiptgate-main"},
			"capabilities": []any{"memory.read", "memory.write", "receipts.read", "receipts.submit", "tasks.complete", "tasks.lease"},
		}
		require.Equal(t, want, first)
		entries := len(*apptest.Got(a.AdminClient(t).ListAuditLogWithResponse(t.Context(), nil)).Is(t, 200).JSON200)
		require.Equal(t, 2+4, entries, "principal, profile, manifest and binding, each with its entry")
		for range 2 {
			again := admin.does(t, "metagate.instantiate_problemata", instantiates(curation, `,"deployment_key":"local","auth_subject":"another"`))
			want["binding_created"] = false
			require.Equal(t, want, again)
		}
		require.Len(t, *apptest.Got(a.AdminClient(t).ListAuditLogWithResponse(t.Context(), nil)).Is(t, 200).JSON200, entries, "nothing more is written")

		key := admin.does(t, "metagate.admin_api_keys", `{"action":"issue","principal_key":"principal-demo"}`)
		owner := wire{a, key["api_key"].(string)}
		text := owner.tool(t, "metagate.bootstrap", `{"component_key":"demo"}`)
		var booted struct {
			Result struct{ Packet model.WelcomePacket }
		}
		require.NoError(t, json.Unmarshal([]byte(text.body), &booted))
		packet := booted.Result.Packet
		require.JSONEq(t, `{"receiptgate-main":{"type":"receiptgate","endpoint":"http://receiptgate:8000/mcp?a=1&b=<2>","config":{"receipt_schema_version":1.10}},
			"memorygate-main":{"type":"memorygate","endpoint":"http://memorygate:8000/mcp","config":{}},
			"asyncgate-main":{"type":"asyncgate","endpoint":"http://asyncgate:8080/mcp","config":{}},
			"mystery":{"type":"unknown","endpoint":null,"config":{}}}`, string(packet.Services))
		require.Contains(t, string(packet.Services), "1.10")
		require.JSONEq(t, `{"problemata_id":"demo-curation","problemata_version":"0.1.0","trust_domain":"lab","labels":{"mode":"blueprint"},
			"defaults":{"trust_domain":"lab","receiptgate_ref":"receiptgate-main"},
			"topology":[{"from":"asyncgate-main","to":"receiptgate-main","purpose":"receipts"}]}`, string(packet.Environment))
		require.JSONEq(t, `{"memorygate-main":{"endpoint":"http://memorygate:8000/mcp"}}`, string(packet.MemoryMap))
		require.JSONEq(t, `{"bootstrap_interval_seconds":300}`, string(packet.Polling))
		require.JSONEq(t, `{"problemata_spec_version":"0.1.0"}`, string(packet.Schemas))
		require.JSONEq(t, `{"rate_limits":{"global_requests_per_minute":300}}`, string(packet.Policy))
		principal := admin.does(t, "metagate.admin_principals", `{"action":"get","principal_key":"principal-demo"}`)
		require.Equal(t, []any{"service", "principal-demo", "active"}, []any{principal["principal_type"], principal["auth_subject"], principal["status"]})

		bare := admin.does(t, "metagate.instantiate_problemata",
			instantiates(`{"problemata":{"id":"bare","version":null,"owner_principal":"bare"},"primitives":{"a":{"type":null}},"topology":null,"policies":null}`, `,"auth_subject":"bare@mesh"`))
		require.Equal(t, []any{"0.1.0", "default", []any{}}, []any{bare["version"], bare["deployment_key"], bare["capabilities"]})
		require.Equal(t, "bare@mesh", admin.does(t, "metagate.admin_principals", `{"action":"get","principal_key":"bare"}`)["auth_subject"])
	})
}

func TestANewVersionOfAProblemataRetiresTheOldBinding(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		admin := wire{a, apptest.AdminKey}
		of := func(version string) object {
			return admin.does(t, "metagate.instantiate_problemata", instantiates(strings.Replace(curation, `"0.1.0"`, `"`+version+`"`, 1)))
		}
		one, two := of("1"), of("2")
		require.NotEqual(t, one["binding_id"], two["binding_id"])
		require.Equal(t, true, two["binding_created"])
		active := func(id any) any {
			return admin.does(t, "metagate.admin_bindings", fmt.Sprintf(`{"action":"get","binding_id":%q}`, id))["active"]
		}
		require.Equal(t, []any{false, true}, []any{active(one["binding_id"]), active(two["binding_id"])})

		// What operators said of the binding and its principal stands.
		admin.patch(t, "bindings/"+one["binding_id"].(string), `{"overrides":{"policy":{"mine":true}}}`)
		principal := admin.does(t, "metagate.admin_principals", `{"action":"get","principal_key":"principal-demo"}`)
		admin.patch(t, "principals/"+principal["id"].(string), `{"principal_type":"admin","auth_subject":"moved"}`)

		back := of("1")
		require.Equal(t, []any{one["binding_id"], false}, []any{back["binding_id"], back["binding_created"]})
		require.Equal(t, []any{true, false}, []any{active(one["binding_id"]), active(two["binding_id"])})
		binding := admin.does(t, "metagate.admin_bindings", fmt.Sprintf(`{"action":"get","binding_id":%q}`, one["binding_id"]))
		require.Equal(t, object{"policy": object{"mine": true}}, binding["overrides"])
		principal = admin.does(t, "metagate.admin_principals", `{"action":"get","principal_key":"principal-demo"}`)
		require.Equal(t, []any{"admin", "moved"}, []any{principal["principal_type"], principal["auth_subject"]})
	})
}

func TestAProblematasOwnerIsOfTheCallersTenant(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		admin, theirs := wire{a, apptest.AdminKey}, tenantAdmin(t, a, "theirs")
		ours := admin.does(t, "metagate.instantiate_problemata", instantiates(curation))
		got := theirs.tool(t, "metagate.instantiate_problemata", instantiates(curation)).refused(t, 200, -32000, "ALREADY_EXISTS")
		require.Contains(t, got.Data.Errors[0].Pointer, "auth_subject", "which is unique over all tenants")
		same := theirs.does(t, "metagate.instantiate_problemata", instantiates(curation, `,"auth_subject":"theirs@mesh"`))
		require.Equal(t, "theirs", same["tenant_key"])
		require.NotEqual(t, ours["binding_id"], same["binding_id"])
		require.Equal(t, ours["manifest_key"], same["manifest_key"])
		require.Equal(t, "d0", same["deployment_key"])
		manifest := theirs.does(t, "metagate.admin_manifests", fmt.Sprintf(`{"action":"get","manifest_key":%q}`, same["manifest_key"]))
		require.Equal(t, "d0", manifest["deployment_key"])
		anywhere := admin.does(t, "metagate.instantiate_problemata", instantiates(curation, `,"tenant_key":"theirs"`))
		require.Equal(t, []any{same["binding_id"], false, "theirs"}, []any{anywhere["binding_id"], anywhere["binding_created"], anywhere["tenant_key"]})
	}, func(c *app.Config) { c.AdminAllowCrossTenant, c.DefaultDeploymentKey = true, "d0" })
}

func TestAProblemataIsToldWhatValidatorsWarnOfAndDeny(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		admin := wire{a, apptest.AdminKey}
		https := `{"properties":{"services":{"additionalProperties":{"properties":{"endpoint":{"pattern":"^https://"}}}}}}`
		validator := func(key, on, mode string) {
			body := fmt.Sprintf(`{"validator_key":%q,"on":%q,"mode":%q,"accept_present":true,"schema":%s}`, key, on, mode, https)
			apptest.Got(a.AdminClient(t).CreateValidatorWithBodyWithResponse(t.Context(), nil, "application/json", strings.NewReader(body))).Is(t, 201)
		}
		validator("tls", "manifest", "warn")
		spec := `{"problemata":{"id":"p","owner_principal":"p"},"primitives":{"a":{"endpoint":"http://a"},"b":{"endpoint":"https://b"}}}`
		got := admin.does(t, "metagate.instantiate_problemata", instantiates(spec))
		require.Equal(t, []any{object{
			"validator_key": "tls", "resource_type": "manifest", "resource_key": "problemata:p:0.1.0:manifest", "pointer": "/services/a/endpoint",
			"detail": "'http://a' does not match pattern '^https://'",
		}}, got["warnings"])
		again := admin.does(t, "metagate.instantiate_problemata", instantiates(spec))
		require.NotContains(t, again, "warnings", "nothing is written, and nothing checked")

		validator("strict", "packet", "deny")
		refused := admin.tool(t, "metagate.instantiate_problemata", instantiates(strings.ReplaceAll(spec, `"p"`, `"q"`))).refused(t, 200, -32000, "VALIDATOR_DENIED")
		require.Equal(t, `validator "strict" denies it`, refused.Message)
		admin.tool(t, "metagate.admin_principals", `{"action":"get","principal_key":"q"}`).refused(t, 200, -32000, "NOT_FOUND")
	})
}
