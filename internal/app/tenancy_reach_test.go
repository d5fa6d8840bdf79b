package app_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// reachRow: the row of another tenant is as absent as one that never was.
func reachRow(method, kind string, of func(wireWorld) string, body string, status int) reach {
	return func(t *testing.T, ours, theirs wireWorld, cross bool) {
		t.Helper()
		got := ours.admin.send(t, method, "/v1/admin/"+kind+"/"+of(theirs), body)
		if cross {
			require.Equal(t, status, got.Status, "%s %s: %s", method, kind, got.Body)
			return
		}
		p := got.refused(t, 404, "NOT_FOUND")
		none := ours.admin.send(t, method, "/v1/admin/"+kind+"/"+nobodysID(), body).refused(t, 404, "NOT_FOUND")
		require.Equal(t, none.Detail, p.Detail)
		// A condition must not tell that the row is there.
		ours.admin.send(t, method, "/v1/admin/"+kind+"/"+of(theirs), body, "If-Match", `"x"`).refused(t, 404, "NOT_FOUND")
	}
}

// reachList: no list shows another tenant's rows, whatever is asked for.
func reachList(kind, filter string) reach {
	return func(t *testing.T, ours, theirs wireWorld, cross bool) {
		t.Helper()
		filter := strings.ReplaceAll(filter, "PRINCIPAL", theirs.principal)
		seen := map[string]bool{}
		for _, row := range rowsOf(t, ours.admin.send(t, "GET", "/v1/admin/"+kind+"?limit=1000", "")) {
			seen[strings.Trim(string(row["tenant_key"]), `"`)] = true
		}
		filtered := rowsOf(t, ours.admin.send(t, "GET", "/v1/admin/"+kind+"?"+filter, ""))
		require.Equal(t, cross, len(filtered) > 0, kind)
		require.Equal(t, cross, seen["theirs"], kind)
		require.True(t, seen["default"], kind)
		require.NotEmpty(t, rowsOf(t, theirs.admin.send(t, "GET", "/v1/admin/"+kind+"?"+filter, "")), "the filter finds it for them")
	}
}

// reachTenant: what is told of startups and refusals is of one's own tenant.
func reachTenant(path string) reach {
	return func(t *testing.T, ours, theirs wireWorld, cross bool) {
		t.Helper()
		theirs.component.send(t, "POST", "/v1/startup/ready", `{"startup_id":"00000000-0000-7000-8000-000000000000","build_version":"1"}`)
		ask := func(admin wire) wired {
			got := admin.send(t, "GET", "/v1/admin/"+path, "")
			require.Equal(t, 200, got.Status, got.Body)
			return got
		}
		hasTheirs := func(list wired) bool {
			return slices.ContainsFunc(rowsOf(t, list), func(row map[string]json.RawMessage) bool { return string(row["tenant_key"]) == `"theirs"` })
		}
		if ask(ours.admin).Body[0] == '[' {
			until(t, func() bool { return hasTheirs(ask(theirs.admin)) }) // some is written beside the requests
			require.Equal(t, cross, hasTheirs(ask(ours.admin)), path)
		}
		got := ours.admin.send(t, "GET", "/v1/admin/"+path+"&tenant_key=theirs", "")
		if cross {
			require.Equal(t, 200, got.Status, got.Body)
		} else {
			got.refused(t, 403, "FORBIDDEN")
		}
	}
}

// reachCreate: nobody writes into another tenant, whether it exists or not.
func reachCreate(kind, members string) reach {
	return func(t *testing.T, ours, _ wireWorld, cross bool) {
		t.Helper()
		for _, tenant := range []string{"theirs", "nobodys"} {
			body := strings.ReplaceAll(fmt.Sprintf(`{"tenant_key":%q,%s}`, tenant, members), `"n"`, `"n-`+tenant+`"`)
			got := ours.admin.send(t, "POST", "/v1/admin/"+kind, body)
			if cross {
				require.Equal(t, 201, got.Status, got.Body)
				require.Equal(t, tenant, got.member(t, "tenant_key"))
			} else {
				got.refused(t, 403, "FORBIDDEN")
			}
		}
		own := ours.admin.send(t, "POST", "/v1/admin/"+kind, strings.ReplaceAll(fmt.Sprintf(`{"tenant_key":"default",%s}`, members), `"n"`, `"n-own"`))
		require.Equal(t, 201, own.Status, own.Body)
	}
}

func bindingBody(tenant, principal, profile, manifest string) string {
	return fmt.Sprintf(`{"tenant_key":%q,"principal_id":%q,"profile_id":%q,"manifest_id":%q,"active":false}`, tenant, principal, profile, manifest)
}

// reachCreateBinding: a binding refers to its own tenant, for cross-tenant admins too.
func reachCreateBinding(t *testing.T, ours, theirs wireWorld, cross bool) {
	t.Helper()
	post := func(body string) wired { return ours.admin.send(t, "POST", "/v1/admin/bindings", body) }
	for pointer, body := range map[string]string{
		"/principal_id": bindingBody("default", theirs.principal, ours.profile, ours.manifest),
		"/profile_id":   bindingBody("default", ours.principal, theirs.profile, ours.manifest),
		"/manifest_id":  bindingBody("default", ours.principal, ours.profile, theirs.manifest),
	} {
		p := post(body).refused(t, 400, "INVALID_REFERENCE")
		require.Equal(t, []string{pointer}, pointersOf(p))
		unknown := post(strings.NewReplacer(theirs.principal, nobodysID(), theirs.profile, nobodysID(), theirs.manifest, nobodysID()).Replace(body))
		require.Equal(t, unknown.refused(t, 400, "INVALID_REFERENCE").Errors, p.Errors)
	}
	got := post(bindingBody("theirs", theirs.principal, theirs.profile, theirs.manifest))
	if cross {
		require.Equal(t, 201, got.Status, got.Body)
		require.Len(t, post(bindingBody("theirs", ours.principal, ours.profile, ours.manifest)).refused(t, 400, "INVALID_REFERENCE").Errors, 3)
		return
	}
	got.refused(t, 403, "FORBIDDEN")
}

func reachUpdateBinding(t *testing.T, ours, theirs wireWorld, cross bool) {
	t.Helper()
	for _, patch := range []string{`{"profile_id":"` + theirs.profile + `"}`, `{"manifest_id":"` + theirs.manifest + `"}`} {
		ours.admin.send(t, "PATCH", "/v1/admin/bindings/"+ours.binding, patch).refused(t, 400, "INVALID_REFERENCE")
	}
	reachRow("PATCH", "bindings", rowBinding, `{"overrides":{"policy":{"a":1}}}`, 200)(t, ours, theirs, cross)
}

func reachCreateAPIKey(t *testing.T, ours, theirs wireWorld, cross bool) {
	t.Helper()
	post := func(principal string) wired {
		return ours.admin.send(t, "POST", "/v1/admin/api-keys", fmt.Sprintf(`{"principal_id":%q,"name":"n"}`, principal))
	}
	if cross {
		require.Equal(t, "theirs", post(theirs.principal).member(t, "tenant_key"))
		return
	}
	p := post(theirs.principal).refused(t, 400, "INVALID_REFERENCE")
	require.Equal(t, []string{"/principal_id"}, pointersOf(p))
	require.Equal(t, post(nobodysID()).refused(t, 400, "INVALID_REFERENCE").Errors, p.Errors)
}

// reachBootstrap: a packet holds what is of its principal's tenant alone.
func reachBootstrap(t *testing.T, ours, theirs wireWorld, _ bool) {
	t.Helper()
	got := ours.component.send(t, "POST", "/v1/bootstrap", `{"component_key":"c"}`)
	require.Equal(t, 200, got.Status, got.Body)
	require.NotContains(t, got.Body, "theirs")
	require.Contains(t, got.Body, `"s-ours"`)
	ours.component.send(t, "POST", "/v1/bootstrap", `{"component_key":"c","principal_key":"p-theirs"}`).refused(t, 409, "PRINCIPAL_MISMATCH")
	got = theirs.component.send(t, "POST", "/v1/bootstrap", `{"component_key":"c"}`)
	require.Equal(t, 200, got.Status, got.Body)
	require.NotContains(t, got.Body, "ours")
}

// reachStartup: an admin sees its own tenant's startups, a component its own.
func reachStartup(t *testing.T, ours, theirs wireWorld, cross bool) {
	t.Helper()
	ours.component.send(t, "GET", "/v1/startup/"+theirs.startup, "").refused(t, 404, "SESSION_NOT_FOUND")
	got := ours.admin.send(t, "GET", "/v1/startup/"+theirs.startup, "")
	if cross {
		require.Equal(t, 200, got.Status, got.Body)
		return
	}
	got.refused(t, 404, "SESSION_NOT_FOUND")
}

// reachPacket: whose startup it isn't, doesn't learn its packet.
func reachPacket(t *testing.T, ours, theirs wireWorld, cross bool) {
	t.Helper()
	ours.component.send(t, "GET", "/v1/startup/"+theirs.startup+"/packet", "").refused(t, 404, "SESSION_NOT_FOUND")
	got := ours.admin.send(t, "GET", "/v1/startup/"+theirs.startup+"/packet", "")
	if cross {
		require.Equal(t, 200, got.Status, got.Body)
		return
	}
	got.refused(t, 404, "SESSION_NOT_FOUND")
}

// reachHistory: the past of a tenant is as much its own as the present.
func reachHistory(method, path, body string) reach {
	return func(t *testing.T, ours, _ wireWorld, cross bool) {
		t.Helper()
		got := ours.admin.send(t, method, "/v1/admin/"+path, body)
		if cross {
			require.Equal(t, 200, got.Status, got.Body)
			require.NotContains(t, got.Body, "ours")
			return
		}
		got.refused(t, 403, "FORBIDDEN")
	}
}

// reachBackfill: nobody tells of another's startup, whoever sees it.
func reachBackfill(t *testing.T, ours, theirs wireWorld, _ bool) {
	t.Helper()
	before := theirs.admin.send(t, "GET", "/v1/startup/"+theirs.startup, "")
	body := fmt.Sprintf(`{"startups":[{"startup_id":%q,"component_key":"c","packet_etag":"e","opened_at":"2026-11-27T00:00:00Z","status":"READY"}]}`, theirs.startup)
	for _, who := range []wire{ours.component, ours.admin} {
		got := who.send(t, "POST", "/v1/startup/backfill", body)
		require.Equal(t, 200, got.Status)
		require.Contains(t, got.Body, `"result":"refused"`)
	}
	require.Equal(t, before.Body, theirs.admin.send(t, "GET", "/v1/startup/"+theirs.startup, "").Body)
}

func reachReport(what, members string) reach {
	return func(t *testing.T, ours, theirs wireWorld, cross bool) {
		t.Helper()
		startup := theirs.startup
		if cross { // one that is OPEN
			startup = theirs.bootstrap(t)
		}
		body := fmt.Sprintf(`{"startup_id":%q,%s}`, startup, members)
		ours.component.send(t, "POST", "/v1/startup/"+what, body).refused(t, 404, "SESSION_NOT_FOUND")
		got := ours.admin.send(t, "POST", "/v1/startup/"+what, body)
		if cross {
			require.Equal(t, 200, got.Status, got.Body)
			return
		}
		got.refused(t, 404, "SESSION_NOT_FOUND")
	}
}

func reachAcknowledge(t *testing.T, ours, theirs wireWorld, cross bool) {
	t.Helper()
	path := "/v1/admin/startups/" + theirs.startup + "/acknowledge"
	got := ours.admin.send(t, "POST", path, `{"reason":"mine now"}`)
	if cross { // it exists, and isn't overdue
		got.refused(t, 409, "INVALID_STATE")
		return
	}
	got.refused(t, 404, "SESSION_NOT_FOUND")
}

// reachMCP: a tool finds as little of another tenant as its operation; internal/mcp
// tries them all.
func reachMCP(t *testing.T, ours, theirs wireWorld, cross bool) {
	t.Helper()
	got := ours.admin.send(t, "POST", "/mcp", fmt.Sprintf(
		`{"id":1,"method":"tools/call","params":{"name":"metagate.admin_principals","arguments":{"action":"get","principal_id":%q}}}`, theirs.principal))
	require.Equal(t, 200, got.Status, got.Body)
	require.Equal(t, !cross, strings.Contains(got.Body, `"code":"NOT_FOUND"`), got.Body)
	require.Equal(t, cross, strings.Contains(got.Body, "p-theirs"), got.Body)
}

// reachStream: another tenant's startups are no part of one's stream.
func reachStream(t *testing.T, ours, theirs wireWorld, cross bool) {
	t.Helper()
	h, seen := ours.admin.listen(t, streamPath+"?types=startup"), false
	defer h.stop()
	theirs.bootstrap(t)
	for own := ours.bootstrap(t); ; {
		s := h.startup(t)
		if seen = seen || s.TenantKey == "theirs"; s.StartupID.String() == own {
			break
		}
	}
	require.Equal(t, cross, seen)
	if cross {
		ours.admin.listen(t, streamPath+"?tenant_key=theirs").stop()
	} else {
		ours.admin.send(t, "GET", streamPath+"?tenant_key=theirs", "").refused(t, 403, "FORBIDDEN")
	}
}

// reachWatch: a component watches its own packet alone.
func reachWatch(t *testing.T, ours, _ wireWorld, _ bool) {
	t.Helper()
	ours.component.send(t, "GET", "/v1/watch?component_key=c&wait=1s&principal_key=p-theirs", "").refused(t, 409, "PRINCIPAL_MISMATCH")
	require.Equal(t, 200, ours.component.send(t, "GET", "/v1/watch?component_key=c&wait=1s", "").Status)
}
