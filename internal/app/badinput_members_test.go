package app_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/test/apptest"
)

func quoted(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// Values that a member of that kind may not have, nor null nor another type.
var (
	anyBut    = map[string][]string{"text": {"null", "1", "true", "{}", `["a"]`}, "object": {"1", "true", `"{}"`, "[]", "[{}]"}}
	badKeys   = append([]string{`""`, `"a b"`, `" a"`, `"a\n"`, `"é"`, `"ａ"`, `"a\u0007"`, `"a\u007f"`, `"a*"`, `"a\\b"`, `"a'b"`, quoted(strings.Repeat("k", 256))}, anyBut["text"]...)
	badTexts  = append([]string{`""`, `"a\n"`, `"\ta"`, `"a\u0001b"`, `"\u001f"`, `"\u007f"`, `"\u0080"`, `"\u009f"`, quoted(strings.Repeat("t", 256)), quoted(strings.Repeat("é", 256)), quoted(strings.Repeat("😀", 256))}, anyBut["text"]...)
	badIDs    = append([]string{`""`, `"x"`, `"0192d6b06f3a7c118e7f0a1b2c3d4e5f"`, `"{0192d6b0-6f3a-7c11-8e7f-0a1b2c3d4e5f}"`, `"urn:uuid:0192d6b0-6f3a-7c11-8e7f-0a1b2c3d4e5f"`, `"0192d6b0-6f3a-7c11-8e7f-0a1b2c3d4e5g"`, `"0192d6b0-6f3a-7c11-8e7f-0a1b2c3d4e5"`}, anyBut["text"]...)
	badEnums  = append([]string{`""`, `"Active"`, `"active "`, `"x"`}, anyBut["text"]...)
	badCounts = []string{"0", "-1", "0.5", "120.5", "1e400", "-1e400", "31536001", "9223372036854775807", "9223372036854775808", "12345678901234567890", `"120"`, "true", "{}", "[1]"}
	badTimes  = []string{`""`, `"tomorrow"`, `"2099-01-01"`, `"2099-01-01 00:00:00Z"`, `"2099-13-01T00:00:00Z"`, `"2099-01-01T00:00:00"`, `"9999-12-31T23:59:59-12:00"`, "4102444800", "true", "{}"}
)

// badMembers are the members of every body with what they may not be.
var badMembers = map[string]map[string][]string{
	"bootstrap":       {"component_key": badKeys, "principal_key": append([]string{`""`, quoted(strings.Repeat("k", 256))}, anyBut["text"][1:]...), "last_packet_etag": anyBut["text"][1:], "instance_id": badTexts[:len(badTexts)-len(anyBut["text"])], "host": {"1", "[]"}, "source": {`"cache"`, "1"}, "labels": {"1", `"a"`, "[]"}},
	"reportReady":     {"startup_id": badIDs, "build_version": anyBut["text"]},
	"reportFailed":    {"startup_id": badIDs, "error": anyBut["text"]},
	"createPrincipal": {"principal_key": badKeys, "auth_subject": badTexts, "principal_type": badTexts, "status": badEnums, "tenant_key": badKeys},
	"createProfile":   {"profile_key": badKeys, "capabilities": append(anyBut["object"], "null"), "policy": append(anyBut["object"], "null"), "startup_sla_seconds": append(badCounts, "null"), "tenant_key": badKeys},
	"createManifest":  {"manifest_key": badKeys, "deployment_key": badKeys, "environment": anyBut["object"], "services": anyBut["object"], "memory_map": anyBut["object"], "polling": anyBut["object"], "schemas": anyBut["object"], "tenant_key": badKeys, "version": {"0", "-1", "1.5", `"1"`, "2147483648", "{}"}},
	"createBinding":   {"principal_id": badIDs, "profile_id": badIDs, "manifest_id": badIDs, "overrides": anyBut["object"], "active": {"null", "1", `"true"`, "{}"}, "tenant_key": badKeys},
	"createSecretRef": {"secret_key": badKeys, "ref_kind": badEnums, "ref_name": badTexts, "ref_meta": anyBut["object"], "status": badEnums, "tenant_key": badKeys},
	"createAPIKey": {
		"principal_id": badIDs, "name": badTexts, "expires_at": badTimes, "sha256": append([]string{`""`, quoted(strings.Repeat("a", 63)), quoted(strings.Repeat("a", 65)), quoted(strings.Repeat("g", 64)), quoted(strings.Repeat("a", 64) + "\n")}, anyBut["text"]...),
		"value": append([]string{`""`, quoted(strings.Repeat("v", 31)), quoted(strings.Repeat("v", 513)), quoted(strings.Repeat("v", 40) + " "), quoted(strings.Repeat("v", 40) + "\n"), quoted(strings.Repeat("é", 40)), quoted("\x7f" + strings.Repeat("v", 40))}, anyBut["text"]...),
	},
	"updatePrincipal": {"principal_key": badKeys, "auth_subject": badTexts, "principal_type": badTexts, "status": badEnums},
	"updateProfile":   {"profile_key": badKeys, "capabilities": anyBut["object"], "policy": anyBut["object"], "startup_sla_seconds": badCounts},
	"updateManifest":  {"manifest_key": badKeys, "deployment_key": badKeys, "environment": anyBut["object"], "services": anyBut["object"], "memory_map": anyBut["object"], "polling": anyBut["object"], "schemas": anyBut["object"]},
	"updateBinding":   {"profile_id": badIDs, "manifest_id": badIDs, "overrides": anyBut["object"], "active": {"null", "1", `"true"`}},
	"updateSecretRef": {"secret_key": badKeys, "ref_kind": badEnums, "ref_name": badTexts, "ref_meta": anyBut["object"], "status": badEnums},
	"updateAPIKey":    {"name": badTexts, "expires_at": badTimes},
}

// replaced is the object with one member's value changed.
func replaced(t *testing.T, object, name, value string) string {
	t.Helper()
	var all map[string]json.RawMessage
	require.NoError(t, json.Unmarshal([]byte(object), &all))
	all[name] = json.RawMessage(value)
	b, err := json.Marshal(all)
	require.NoError(t, err)
	return string(b)
}

func TestAMemberThatIsNotAsTheContractSaysIsRefusedAndNamed(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := newWireWorld(t, wire{a, apptest.AdminKey}, "1")
		operations := w.operations(1)
		require.Len(t, badMembers, len(operations))
		before := w.admin.census(t)
		for name, op := range operations {
			for member, values := range badMembers[name] {
				for _, value := range values {
					if value == "null" && op.method == http.MethodPost && !slices.Contains(requiredMembers[name], member) {
						continue // absent
					}
					if member == "ref_kind" && (value == `""` || value == "null" && op.method == http.MethodPatch) {
						continue // none is said: its default
					}
					p := op.send(t, op.method, op.path, replaced(t, op.good, member, value)).refused(t, 400, "INVALID_REQUEST")
					require.Contains(t, pointersOf(p), "/"+member, "%s %s", name, value)
				}
			}
			require.Equal(t, before, w.admin.census(t), name)
		}
	})
}

func TestAWholeNumberMayBeWrittenAsAFraction(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := newWireWorld(t, wire{a, apptest.AdminKey}, "1")
		for _, value := range []string{"60.5", `"60"`, "6e-1", "60.00000000000000000001", "1e999999999", "1e-999999999", "3153600e2", "0.0", "-6e1"} {
			before := w.admin.census(t)
			for at, got := range map[string]wired{
				"/startup_sla_seconds":            w.admin.send(t, "POST", "/v1/admin/profiles", `{"profile_key":"n","startup_sla_seconds":`+value+`}`),
				"patch /startup_sla_seconds":      w.admin.send(t, "PATCH", "/v1/admin/profiles/"+w.profile, `{"startup_sla_seconds":`+value+`}`),
				"/profiles/1/startup_sla_seconds": w.admin.send(t, "POST", "/v1/admin/apply", `{"profiles":[{"profile_key":"m"},{"profile_key":"n","startup_sla_seconds":`+value+`}]}`),
			} {
				require.Contains(t, pointersOf(got.refused(t, 400, "INVALID_REQUEST")), strings.TrimPrefix(at, "patch "), value)
			}
			require.Equal(t, before, w.admin.census(t))
		}
		for i, value := range []string{"60", "60.0", "6e1", "0.6E+2", "600e-1", "60.000"} {
			created := w.admin.send(t, "POST", "/v1/admin/profiles", fmt.Sprintf(`{"profile_key":"n%d","startup_sla_seconds":%s}`, i, value))
			require.EqualValues(t, 60, created.member(t, "startup_sla_seconds"), created.Body)
			w.admin.send(t, "PATCH", "/v1/admin/profiles/"+w.profile, `{"startup_sla_seconds":61}`)
			patched := w.admin.send(t, "PATCH", "/v1/admin/profiles/"+w.profile, `{"startup_sla_seconds":`+value+`}`)
			require.EqualValues(t, 60, patched.member(t, "startup_sla_seconds"), patched.Body)
			applied := w.admin.send(t, "POST", "/v1/admin/apply", fmt.Sprintf("profiles: [{profile_key: n%d, startup_sla_seconds: %s}]", i, value), "Content-Type", asYAML)
			require.Contains(t, applied.Body, `"unchanged":1`, value)
		}
	})
}

// requiredMembers are those that may neither be absent nor null.
var requiredMembers = map[string][]string{
	"bootstrap": {"component_key"}, "reportReady": {"startup_id", "build_version"}, "reportFailed": {"startup_id", "error"},
	"createPrincipal": {"principal_key", "auth_subject"}, "createProfile": {"profile_key"}, "createManifest": {"manifest_key"},
	"createBinding":   {"principal_id", "profile_id", "manifest_id"},
	"createSecretRef": {"secret_key", "ref_name"}, "createAPIKey": {"principal_id", "name"},
}

func TestAMissingMemberIsRefusedAndNamed(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := newWireWorld(t, wire{a, apptest.AdminKey}, "1")
		before := w.admin.census(t)
		for name, op := range w.operations(1) {
			for _, member := range requiredMembers[name] {
				// In another case it is another member: not taken for the real one.
				for _, instead := range []string{"", strings.ToUpper(member), strings.ToUpper(member[:1]) + member[1:], member + " "} {
					body := renamed(t, op.good, member, instead)
					p := op.send(t, op.method, op.path, body).refused(t, 400, "INVALID_REQUEST")
					require.Contains(t, pointersOf(p), "/"+member, "%s %s", name, body)
				}
			}
		}
		require.Equal(t, before, w.admin.census(t))
	})
}

// renamed gives a member another name, or takes it out.
func renamed(t *testing.T, object, name, other string) string {
	t.Helper()
	var all map[string]json.RawMessage
	require.NoError(t, json.Unmarshal([]byte(object), &all))
	if other != "" {
		all[other] = all[name]
	}
	delete(all, name)
	b, err := json.Marshal(all)
	require.NoError(t, err)
	return string(b)
}

func TestAnUnknownMemberIsRefusedAndNamedByAdminWrites(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := newWireWorld(t, wire{a, apptest.AdminKey}, "1")
		before := w.admin.census(t)
		for name, op := range w.operations(1) {
			if op.credential != w.admin.credential {
				continue
			}
			unknown := []string{"typo", "id", "created_at", "Status", "TENANT_KEY", "principal_Id", "Overrides", "a~b"}
			if op.method == http.MethodPatch {
				unknown = append(unknown, "tenant_key")
			}
			for _, member := range unknown {
				p := op.send(t, op.method, op.path, with(op.good, member, `"x"`)).refused(t, 400, "INVALID_REQUEST")
				require.Contains(t, pointersOf(p), "/"+strings.ReplaceAll(member, "~", "~0"), "%s %s", name, member)
			}
			require.Equal(t, before, w.admin.census(t), name)
		}
	})
}

func TestAnUnknownMemberIsIgnoredByBootstrapAndStartupReports(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := newWireWorld(t, wire{a, apptest.AdminKey}, "1")
		other := newWireWorld(t, w.admin, "2")
		got := w.component.send(t, "POST", "/v1/bootstrap", `{"component_key":"real","Component_Key":"fake!","COMPONENT_KEY":7,"Principal_Key":"p2","tasks":[{"jobs":1}],"new":{"a":null}}`)
		require.Equal(t, 200, got.Status, got.Body)
		require.Equal(t, "real", got.member(t, "component_key"))
		require.Equal(t, "p1", got.member(t, "principal_key"))

		got = w.component.send(t, "POST", "/v1/startup/ready", fmt.Sprintf(
			`{"startup_id":%q,"Startup_Id":%q,"build_version":"1","BUILD_VERSION":"\t","Health":{"jobs":1},"new":[1]}`, w.startup, other.startup))
		require.Equal(t, 200, got.Status, got.Body)
		receipt := w.component.send(t, "GET", "/v1/startup/"+w.startup, "")
		require.Equal(t, "1", receipt.member(t, "build_version"))
		require.Nil(t, receipt.member(t, "health"))
		require.Equal(t, "OPEN", other.component.send(t, "GET", "/v1/startup/"+other.startup, "").member(t, "status"))

		got = other.component.send(t, "POST", "/v1/startup/failed", fmt.Sprintf(`{"startup_id":%q,"error":"e","Error":"","Details":{"jobs":1}}`, other.startup))
		require.Equal(t, 200, got.Status, got.Body)
		receipt = other.component.send(t, "GET", "/v1/startup/"+other.startup, "")
		require.Equal(t, "e", receipt.member(t, "error"))
		require.Nil(t, receipt.member(t, "details"))
	})
}

func TestMalformedIDsAndParametersAreRefused(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := newWireWorld(t, wire{a, apptest.AdminKey}, "1")
		before := w.admin.census(t)
		for _, id := range []string{"x", "1", strings.ReplaceAll(w.profile, "-", ""), "%7B" + w.profile + "%7D", "urn:uuid:" + w.profile, w.profile + "0", w.profile[1:], "%00", "%FF", "'%20OR%201=1--", w.profile + "%00", "null"} {
			for _, kind := range []string{"principals", "profiles", "manifests", "bindings", "secret-refs", "api-keys"} {
				at := "/v1/admin/" + kind + "/" + id
				w.admin.send(t, "GET", at, "").refused(t, 400, "INVALID_REQUEST")
				w.admin.send(t, "DELETE", at, "").refused(t, 400, "INVALID_REQUEST")
				w.admin.send(t, "PATCH", at, `{"name":"x"}`).refused(t, 400, "INVALID_REQUEST")
			}
			w.component.send(t, "GET", "/v1/startup/"+id, "").refused(t, 400, "INVALID_REQUEST")
		}
		for _, query := range []string{
			"bindings?principal_id=x", "bindings?profile_id=%00", "bindings?manifest_id=", "bindings?active=maybe", "api-keys?principal_id=1",
			"api-keys?status=Active", "startups?status=open", "startups?since=yesterday", "startups?principal_key=%00", "startups?component_key=a%20b",
			"audit-log?resource_id=x", "audit-log?resource_type=x", "audit-log?since=2026-01-01", "audit-log?actor=" + strings.Repeat("a", 256),
			"principals?limit=0", "principals?limit=1001", "principals?limit=-1", "principals?limit=1e3", "principals?limit=99999999999999999999", "principals?limit=",
			"principals?cursor=", "principals?cursor=x", "principals?cursor=%00", "principals?cursor=" + strings.Repeat("A", 23), "principals?status=x",
			"principals?principal_key=" + url.QueryEscape("'; DROP TABLE principals--"), "principals?auth_subject=%00", "principals?auth_subject=%ff",
			"principals?auth_subject=%c0%80", "principals?auth_subject=%zz", "principals?%ff=1", "principals?status=active;status=disabled", "principals?auth_subject=%ed%a0%80", "principals?auth_subject=a%0Ab", "profiles?profile_key=", "profiles?profile-key=a", "export?formatt=json", "principals?Limit=1", "principals/" + w.principal + "?status=active", "manifests?deployment_key=%ff", "secret-refs?status=revoked",
		} {
			w.admin.send(t, "GET", "/v1/admin/"+query, "").refused(t, 400, "INVALID_REQUEST")
		}
		w.admin.send(t, "POST", "/v1/admin/apply?dry-run=true", `{"profiles":[{"profile_key":"misspelt"}]}`).refused(t, 400, "INVALID_REQUEST")
		require.Equal(t, before, w.admin.census(t))
		require.Equal(t, 200, w.admin.send(t, "GET", "/v1/admin/profiles/"+strings.ToUpper(w.profile), "").Status)
	})
}
