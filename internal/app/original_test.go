package app_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/app"
	"github.com/legivellum/metagate/internal/test/apptest"
)

// What programs and scripts written for the Python original send and read. Where
// the answer is another one, docs/migrating-from-python.md says so.

func TestTheOriginalsMembersAreInTheOpenAnswers(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := wire{App: a}
		for path, members := range map[string]map[string]any{
			"/health": {"status": "healthy", "service": "MetaGate", "version": "0.7", "instance_id": "gate-1"},
			"/":       {"service": "MetaGate", "version": "0.7", "doctrine": "MetaGate is the first flame. MetaGate is truth, not control.", "discovery": "/.well-known/metagate.json"},
			"/.well-known/metagate.json": {
				"metagate_version": "0.7", "bootstrap_endpoint": "/v1/bootstrap", "supported_auth": []any{"jwt", "api_key"},
				"version": "0.7", "auth_methods": []any{"api_key", "jwt"}, "api_key_header": "X-API-Key", // ours
			},
		} {
			got := w.send(t, "GET", path, "")
			for name, value := range members {
				require.Equal(t, value, got.member(t, name), "%s %s", path, name)
			}
		}
	}, func(c *app.Config) { c.MetagateVersion, c.InstanceID = "0.7", "gate-1" })
}

func TestDiscoveryDoesNotOfferJWTsThatNobodyAccepts(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		got := wire{App: a}.send(t, "GET", "/.well-known/metagate.json", "")
		require.Equal(t, []any{"api_key"}, got.member(t, "supported_auth"))
		require.Equal(t, []any{"api_key"}, got.member(t, "auth_methods"))
	}, func(c *app.Config) { c.JWTSecret = "change-me-in-production" })
}

// unfollowed makes a request and stays where it is.
func (w wire) unfollowed(t *testing.T, method, path, body string) wired {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, w.URL+path, strings.NewReader(body))
	require.NoError(t, err)
	r.Header.Set(w.Config.APIKeyHeader, w.credential)
	c := w.HTTP(t)
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := c.Do(r)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	return wired{Status: resp.StatusCode, Header: resp.Header}
}

func TestASlashAtTheEndLeadsToThePathWithoutIt(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := newWireWorld(t, wire{a, apptest.AdminKey}, "1")
		for path, to := range map[string]string{
			"/health/": "/health", "/health//": "/health", "/.well-known/metagate.json/": "/.well-known/metagate.json", "/nothing/": "/nothing",
			"/v1/admin/principals/?limit=1&principal_key=p1": "/v1/admin/principals?limit=1&principal_key=p1",
			"/v1/admin/profiles/" + w.profile + "/":          "/v1/admin/profiles/" + w.profile,
			"/docs":                                          "/docs/", "/docs?a=b": "/docs/?a=b", "/docs/swagger-ui.css/": "/docs/swagger-ui.css",
			"//evil.example/": "/evil.example", "///evil.example//": "/evil.example", "/%5Cevil.example/": "/%5Cevil.example", "/a%2Fb%0Ac/": "/a%2Fb%0Ac", "//": "/",
		} {
			for _, method := range []string{"GET", "HEAD", "POST", "DELETE"} {
				got := w.admin.unfollowed(t, method, path, "")
				require.Equal(t, 307, got.Status, "%s %s", method, path)
				require.Equal(t, to, got.Header.Get("Location"), path)
				require.NotEmpty(t, got.Header.Get("X-Request-ID"))
			}
		}
		for path, status := range map[string]int{"/": 200, "/docs/": 200, "/docs/%2F": 400, "/v1/admin/profiles/" + w.profile + "%2F": 400} {
			require.Equal(t, status, w.admin.unfollowed(t, "GET", path, "").Status, path)
		}
		got := w.component.send(t, "POST", "/v1/bootstrap/", `{"component_key":"c"}`) // followed, with its body
		require.Equal(t, 200, got.Status, got.Body)
		require.Equal(t, 307, w.component.unfollowed(t, "POST", "/v1/bootstrap/", strings.Repeat("x", 2<<20)).Status, "whoever it is, before the body is read")
	})
}

func TestATraceIDComesBackAndIsInTheLog(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := newWireWorld(t, wire{a, apptest.AdminKey}, "1")
		for _, bad := range []string{"", "a b", "é", strings.Repeat("x", 129), "\u202e"} {
			require.NotContains(t, w.component.send(t, "GET", "/health", "", "X-Trace-ID", bad).Header, "X-Trace-Id")
		}
		for i, got := range []wired{
			w.component.send(t, "POST", "/v1/bootstrap", `{"component_key":"c"}`, "X-Trace-ID", "trace-1", "X-Request-ID", "request-1"),
			w.component.send(t, "POST", "/v1/bootstrap", `{`, "x-trace-id", "trace-2", "X-Request-ID", "request-2"),
			w.component.send(t, "GET", "/nothing", "", "X-Trace-ID", "trace-3", "X-Request-ID", "request-3"),
		} {
			require.Equal(t, fmt.Sprint("trace-", i+1), got.Header.Get("X-Trace-ID"))
			require.Equal(t, fmt.Sprint("request-", i+1), got.Header.Get("X-Request-ID"))
		}
		require.NotEqual(t, "trace-4", w.component.send(t, "GET", "/health", "", "X-Trace-ID", "trace-4").Header.Get("X-Request-ID"))
		require.NoError(t, a.Close())
		for i := range 4 {
			require.Contains(t, a.Log.String(), fmt.Sprintf(`"trace_id":"trace-%d"`, i+1))
		}
		require.NotContains(t, a.Log.String(), `"trace_id":""`)
		require.NotContains(t, a.Log.String(), "\u202e")
	})
}

func TestEveryListTakesTheTenant(t *testing.T) {
	t.Parallel()
	for _, cross := range []bool{false, true} {
		apptest.Each(t, func(t *testing.T, a *apptest.App) {
			ours := newWireWorld(t, wire{a, apptest.AdminKey}, "-ours")
			theirs := newWireWorld(t, tenantAdmin(t, a, "theirs"), "-theirs")
			for _, list := range everyList {
				at := "/v1/admin/" + list + "?tenant_key="
				ours.admin.send(t, "GET", at, "").refused(t, 400, "INVALID_REQUEST")
				ours.admin.send(t, "GET", at+"a%20b", "").refused(t, 400, "INVALID_REQUEST")
				theirs.component.send(t, "GET", at+"theirs", "").refused(t, 403, "FORBIDDEN")
				if !cross {
					require.NotContains(t, ours.admin.send(t, "GET", at+"nobody", "").refused(t, 403, "FORBIDDEN").Detail, "no such")
					ours.admin.send(t, "GET", at+"theirs", "").refused(t, 403, "FORBIDDEN")
					theirs.admin.send(t, "GET", at+"default", "").refused(t, 403, "FORBIDDEN")
				} else {
					require.Equal(t, "default", onlyTenant(t, theirs.admin, at+"default&limit=1"), list)
					require.Empty(t, rowsOf(t, ours.admin.send(t, "GET", at+"nobody", "")), list)
				}
				require.Equal(t, "default", onlyTenant(t, ours.admin, at+"default"), list)
				require.Equal(t, "theirs", onlyTenant(t, theirs.admin, at+"theirs&limit=1"), list)
			}
		}, func(c *app.Config) { c.AdminAllowCrossTenant = cross })
	}
}

// onlyTenant reads a list to its end, and demands that all of it is of one tenant.
func onlyTenant(t *testing.T, w wire, path string) string {
	t.Helper()
	tenants := map[string]bool{}
	for path != "" {
		got := w.send(t, "GET", path, "")
		for _, row := range rowsOf(t, got) {
			tenants[strings.Trim(string(row["tenant_key"]), `"`)] = true
		}
		path, _, _ = strings.Cut(strings.TrimPrefix(got.Header.Get("Link"), "<"), ">")
	}
	require.Len(t, tenants, 1)
	for tenant := range tenants {
		return tenant
	}
	return ""
}

// originals are bodies as the original's own schemas serialise them: what isn't set is null.
var originals = []struct{ path, body string }{
	{"/v1/admin/principals", `{"principal_key":"%s","auth_subject":"%[1]s","principal_type":"component","tenant_key":null}`},
	{"/v1/admin/profiles", `{"profile_key":"%s","capabilities":{},"policy":{},"startup_sla_seconds":120,"tenant_key":null}`},
	{"/v1/admin/manifests", `{"manifest_key":"%s","deployment_key":"default","environment":{},"services":{"n":null},"memory_map":{},"polling":{},"schemas":{},"version":1,"tenant_key":"default"}`},
	{"/v1/admin/secret-refs", `{"secret_key":"%s","ref_kind":null,"ref_name":"R","ref_meta":null,"tenant_key":null}`},
	{"/v1/admin/secret-refs", `{"secret_key":"%s-2","ref_name":"R"}`},
}

func TestABodyOfTheOriginalsSchemasIsTaken(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := newWireWorld(t, wire{a, apptest.AdminKey}, "1")
		for _, o := range originals {
			w.admin.create(t, o.path, fmt.Sprintf(o.body, "o"))
		}
		for _, ref := range rowsOf(t, w.admin.send(t, "GET", "/v1/admin/secret-refs", "")) {
			require.JSONEq(t, `"env"`, string(ref["ref_kind"]))
			require.JSONEq(t, `{}`, string(ref["ref_meta"]))
		}
		body := fmt.Sprintf(`{"principal_id":%q,"profile_id":%q,"manifest_id":%q,"overrides":null,"active":true,"tenant_key":null}`, w.principal, w.profile, w.manifest)
		require.NotEqual(t, w.binding, w.admin.create(t, "/v1/admin/bindings", body), "it retires the one before")
		got := w.admin.send(t, "POST", "/v1/admin/apply?dry_run=true", `{"tenant_key":null,"profiles":[{"profile_key":"p","policy":null}],"secret_refs":null}`)
		require.Equal(t, 200, got.Status, got.Body)

		report := func(at, with string) string {
			t.Helper()
			id := w.bootstrap(t)
			got := w.component.send(t, "POST", "/v1/startup/"+at, fmt.Sprintf(`{"startup_id":%q,%s}`, id, with))
			require.Equal(t, 200, got.Status, got.Body)
			return w.component.send(t, "GET", "/v1/startup/"+id, "").Body
		}
		got = w.component.send(t, "POST", "/v1/bootstrap", `{"component_key":"c","principal_key":null,"last_packet_etag":null}`)
		require.Equal(t, 200, got.Status, got.Body)
		require.Contains(t, report("ready", `"build_version":"1","health":"healthy"`), `"health":"healthy"`)
		require.Contains(t, report("ready", `"build_version":"","health":null`), `"build_version":"","claimed_closed_at"`)
		require.Contains(t, report("failed", `"error":"","details":null`), `"details":null`)
		require.Contains(t, report("failed", `"error":"e","details":{"jobs":[1],"tasks":{"deploy":null}}`), `"details":{"jobs":[1],"tasks":{"deploy":null}}`)
	})
}

func TestAManifestBeginsWithItsVersionAndRisesFromThere(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := newWireWorld(t, wire{a, apptest.AdminKey}, "1")
		version := func(key string) any {
			t.Helper()
			row := rowsOf(t, w.admin.send(t, "GET", "/v1/admin/manifests?manifest_key="+key, ""))[0]
			var v int
			require.NoError(t, json.Unmarshal(row["version"], &v))
			return v
		}
		apply := func(doc string) wired {
			t.Helper()
			got := w.admin.send(t, "POST", "/v1/admin/apply", doc)
			require.Equal(t, 200, got.Status, got.Body)
			return got
		}
		id := w.admin.create(t, "/v1/admin/manifests", `{"manifest_key":"posted","version":12}`)
		w.admin.create(t, "/v1/admin/manifests", `{"manifest_key":"plain","version":null}`)
		require.Equal(t, 12, version("posted"))
		require.Equal(t, 1, version("plain"))
		w.admin.send(t, "PATCH", "/v1/admin/manifests/"+id, `{"version":3}`).refused(t, 400, "INVALID_REQUEST")
		require.Equal(t, 200, w.admin.send(t, "PATCH", "/v1/admin/manifests/"+id, `{"polling":{"a":1}}`).Status)
		require.Equal(t, 13, version("posted"))

		w.admin.send(t, "POST", "/v1/admin/apply", `{"manifests":[{"manifest_key":"applied","version":0}]}`).refused(t, 400, "INVALID_REQUEST")
		apply(`{"manifests":[{"manifest_key":"applied","version":40}]}`)
		require.Equal(t, 40, version("applied"))
		got := apply(`{"manifests":[{"manifest_key":"applied","version":5},{"manifest_key":"posted","polling":{"a":1},"version":99}]}`)
		require.Contains(t, got.Body, `"unchanged":2`, "it is no reason to change one that is there")
		got = apply(`{"manifests":[{"manifest_key":"applied","version":5,"schemas":{"s":1}}]}`)
		require.NotContains(t, got.Body, "/version")
		require.Equal(t, 41, version("applied"))

		got = w.admin.send(t, "GET", "/v1/admin/export", "")
		require.Contains(t, got.Body, `"manifest_key":"applied","deployment_key":"default","environment":{},"services":{},"memory_map":{},"polling":{},"schemas":{"s":1}}`, "a world is the same whatever its versions")
		other := tenantAdmin(t, a, "restored")
		again := other.send(t, "POST", "/v1/admin/apply", `{"manifests":`+string(member(t, got.Body, "manifests"))+`}`)
		require.Equal(t, 200, again.Status, again.Body)
		restored := other.send(t, "GET", "/v1/admin/export", "")
		require.Equal(t, string(member(t, got.Body, "manifests")), string(member(t, restored.Body, "manifests")))

		packet := fmt.Sprintf(`{"principal_id":%q,"profile_id":%q,"manifest_id":%q}`, w.principal, w.profile, id)
		w.admin.create(t, "/v1/admin/bindings", packet)
		require.EqualValues(t, 13, w.component.send(t, "POST", "/v1/bootstrap", `{"component_key":"c"}`).member(t, "manifest_version"))
	})
}

func member(t *testing.T, object, name string) json.RawMessage {
	t.Helper()
	var all map[string]json.RawMessage
	require.NoError(t, json.Unmarshal([]byte(object), &all))
	return all[name]
}
