package app_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/app"
	"github.com/legivellum/metagate/internal/test/apptest"
)

// keyed are the kinds that have keys, each with a body and a patch.
var keyed = map[string]struct{ body, patch string }{
	"principals":  {`{"principal_key":%q,"auth_subject":%[1]q}`, `{"principal_type":"worker"}`},
	"profiles":    {`{"profile_key":%q}`, `{"policy":{"a":1}}`},
	"manifests":   {`{"manifest_key":%q}`, `{"polling":{"a":1}}`},
	"validators":  {`{"validator_key":%q,"on":"manifest","schema":{"type":"object"}}`, `{"mode":"warn"}`},
	"secret-refs": {`{"secret_key":%q,"ref_kind":"env","ref_name":"N"}`, `{"ref_name":"M"}`},
}

func TestAKeyThatLeadsNowhereIsRefused(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := newWireWorld(t, wire{a, apptest.AdminKey}, "1")
		theirs := newWireWorld(t, tenantAdmin(t, a, "theirs"), "2")
		before, there := w.admin.census(t), theirs.admin.census(t)
		every := func(at string, status int, code string) {
			for method, body := range map[string]string{"GET": "", "PATCH": `{"name":"x"}`, "DELETE": ""} {
				if method == "PATCH" && status == 404 {
					continue // the body is refused first
				}
				w.admin.send(t, method, "/v1/admin/"+at, body).refused(t, status, code)
			}
		}
		for kind, k := range keyed {
			for _, bad := range []string{"key:", "key:a%20b", "key:%00", "key:é", "KEY:p1", "key", ":p1", "key%3A", "p1", "key:" + fmt.Sprintf("%0256d", 1), "key:a%252Fb"} {
				every(kind+"/"+bad, 400, "INVALID_REQUEST")
			}
			for _, absent := range []string{"key:nobody", "key:p2", "key:m2", "key:s2", "key:" + w.principal, "key:a%2Fb", "key:P1"} {
				every(kind+"/"+absent, 404, "NOT_FOUND")
				w.admin.send(t, "PATCH", "/v1/admin/"+kind+"/"+absent, k.patch).refused(t, 404, "NOT_FOUND")
			}
			require.Equal(t, 404, w.admin.send(t, "GET", "/v1/admin/"+kind+"/key:a/b", "").Status, "a slash is written %%2F")
		}
		every("bindings/key:p1", 400, "INVALID_REQUEST")
		every("api-keys/key:k", 400, "INVALID_REQUEST")
		w.admin.send(t, "GET", "/v1/admin/principals/key:p2/packet?component_key=c", "").refused(t, 404, "NOT_FOUND")

		good := map[string]string{"principal_id": "key:p1", "profile_id": "key:p1", "manifest_id": "key:m1"}
		for member := range good {
			for value, code := range map[string]string{"key:nobody": "INVALID_REFERENCE", "key:p2": "INVALID_REFERENCE", "key:m2": "INVALID_REFERENCE", "key:": "INVALID_REQUEST", "p1": "INVALID_REQUEST", theirs.principal: "INVALID_REFERENCE"} {
				p := w.admin.send(t, "POST", "/v1/admin/bindings", replaced(t, object(good), member, quoted(value))).refused(t, 400, code)
				require.Equal(t, []string{"/" + member}, pointersOf(p), value)
				if member != "principal_id" {
					p = w.admin.send(t, "PATCH", "/v1/admin/bindings/"+w.binding, fmt.Sprintf(`{%q:%q}`, member, value)).refused(t, 400, code)
				} else {
					p = w.admin.send(t, "POST", "/v1/admin/api-keys", fmt.Sprintf(`{"name":"n",%q:%q}`, member, value)).refused(t, 400, code)
				}
				require.Equal(t, []string{"/" + member}, pointersOf(p), value)
			}
		}
		require.Equal(t, before, w.admin.census(t))
		require.Equal(t, there, theirs.admin.census(t))
	})
}

func object(members map[string]string) string {
	out := "{}"
	for name, value := range members {
		if out = with(out, name, quoted(value)); out[1] == ',' {
			out = "{" + out[2:]
		}
	}
	return out
}

func TestAKeyStandsForAnID(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := newWireWorld(t, wire{a, apptest.AdminKey}, "1")
		theirs := tenantAdmin(t, a, "theirs")
		for kind, k := range keyed {
			for _, key := range []string{"plain", "a/b:c@d+e-f._", w.profile} { // it may look like an id
				path := "/v1/admin/" + kind + "/"
				other := theirs.create(t, "/v1/admin/"+kind, strings.Replace(fmt.Sprintf(k.body, key), `"auth_subject":"`, `"auth_subject":"their `, 1))
				id := w.admin.create(t, "/v1/admin/"+kind, fmt.Sprintf(k.body, key))
				at := path + "key:" + url.PathEscape(key)
				byID, byKey := w.admin.send(t, "GET", path+id, ""), w.admin.send(t, "GET", at, "")
				require.Equal(t, byID.Body, byKey.Body)
				require.Equal(t, byID.Header.Get("ETag"), byKey.Header.Get("ETag"))
				require.Equal(t, id, w.admin.send(t, "GET", path+"key%3A"+url.PathEscape(key), "").member(t, "id"))
				w.admin.send(t, "PATCH", at, k.patch, "If-Match", `"stale"`).refused(t, 412, "PRECONDITION_FAILED")
				patched := w.admin.send(t, "PATCH", at, k.patch, "If-Match", byKey.Header.Get("ETag"))
				require.Equal(t, id, patched.member(t, "id"), patched.Body)
				require.Equal(t, 204, w.admin.send(t, "DELETE", at, "", "If-Match", patched.Header.Get("ETag")).Status)
				w.admin.send(t, "GET", at, "").refused(t, 404, "NOT_FOUND")
				w.admin.send(t, "GET", path+id, "").refused(t, 404, "NOT_FOUND")
				require.Equal(t, other, theirs.send(t, "GET", at, "").member(t, "id"), "another tenant's stays")
			}
		}
		require.Equal(t, "p1", w.admin.send(t, "GET", "/v1/admin/principals/key:p1/packet?component_key=c", "").member(t, "principal_key"))
	})
}

func TestABindingAndAnAPIKeyMayNameWhatTheyReferToByKey(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := newWireWorld(t, wire{a, apptest.AdminKey}, "1")
		theirs := newWireWorld(t, tenantAdmin(t, a, "theirs"), "2")
		theirs.admin.create(t, "/v1/admin/manifests", `{"manifest_key":"m1"}`)
		bound := w.admin.create(t, "/v1/admin/bindings", `{"principal_id":"key:p1","profile_id":"`+strings.ToUpper(w.profile)+`","manifest_id":"key:m1"}`)
		got := w.admin.send(t, "GET", "/v1/admin/bindings/"+bound, "")
		for member, id := range map[string]string{"principal_id": w.principal, "profile_id": w.profile, "manifest_id": w.manifest} {
			require.Equal(t, id, got.member(t, member))
		}
		same := w.admin.send(t, "PATCH", "/v1/admin/bindings/"+bound, `{"profile_id":"key:p1"}`)
		require.Equal(t, got.Body, same.Body, "no change")
		other := w.admin.create(t, "/v1/admin/manifests", `{"manifest_key":"other"}`)
		require.Equal(t, other, w.admin.send(t, "PATCH", "/v1/admin/bindings/"+bound, `{"manifest_id":"key:other"}`).member(t, "manifest_id"))
		issued := w.admin.send(t, "POST", "/v1/admin/api-keys", `{"principal_id":"key:p1","name":"n"}`)
		require.Equal(t, 201, issued.Status, issued.Body)
		require.Equal(t, w.principal, issued.member(t, "principal_id"))
		require.NotContains(t, w.admin.send(t, "GET", "/v1/admin/audit-log", "").Body, "key:", "the log keeps ids")
	})
}

func TestAKeyIsOneOfTheTenantThatTheBindingIsMadeIn(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := newWireWorld(t, wire{a, apptest.AdminKey}, "1")
		theirs := newWireWorld(t, tenantAdmin(t, a, "theirs"), "2")
		body := `{"principal_id":"key:p2","profile_id":"key:p2","manifest_id":"key:m2"`
		w.admin.send(t, "POST", "/v1/admin/bindings", body+"}").refused(t, 400, "INVALID_REFERENCE")
		id := w.admin.create(t, "/v1/admin/bindings", body+`,"tenant_key":"theirs"}`)
		require.Equal(t, theirs.manifest, w.admin.send(t, "GET", "/v1/admin/bindings/"+id, "").member(t, "manifest_id"))
		require.Equal(t, theirs.profile, w.admin.send(t, "PATCH", "/v1/admin/bindings/"+id, `{"profile_id":"key:p2"}`).member(t, "profile_id"))
		w.admin.send(t, "GET", "/v1/admin/profiles/key:p2", "").refused(t, 404, "NOT_FOUND")
	}, func(c *app.Config) { c.AdminAllowCrossTenant = true })
}
