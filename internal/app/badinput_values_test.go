package app_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/test/apptest"
)

func TestSecretKindKeygateIsRefusedAsReserved(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := newWireWorld(t, wire{a, apptest.AdminKey}, "1")
		before := w.admin.census(t)
		for _, got := range []wired{
			w.admin.send(t, "POST", "/v1/admin/secret-refs", `{"secret_key":"n","ref_kind":"keygate","ref_name":"N"}`),
			w.admin.send(t, "PATCH", "/v1/admin/secret-refs/"+w.ref, `{"ref_kind":"keygate"}`),
		} {
			p := got.refused(t, 400, "INVALID_REQUEST")
			require.Contains(t, p.Detail, "reserved")
			require.Equal(t, []string{"/ref_kind"}, pointersOf(p))
		}
		require.Equal(t, before, w.admin.census(t))
	})
}

func TestAnAPIKeyThatWouldBeExpiredFromTheStartIsRefused(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := newWireWorld(t, wire{a, apptest.AdminKey}, "1")
		before := w.admin.census(t)
		for _, at := range []string{"2020-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "0000-01-01T00:00:00+23:59", time.Now().Add(-time.Second).Format(time.RFC3339Nano)} {
			p := w.admin.send(t, "POST", "/v1/admin/api-keys", fmt.Sprintf(`{"principal_id":%q,"name":"n","expires_at":%q}`, w.principal, at)).refused(t, 400, "INVALID_REQUEST")
			require.Equal(t, []string{"/expires_at"}, pointersOf(p))
		}
		require.Equal(t, before, w.admin.census(t))
		for _, at := range []string{"9999-12-31T23:59:59.999999999Z", "2999-01-01T02:00:00.1234567+02:00"} {
			got := w.admin.send(t, "POST", "/v1/admin/api-keys", fmt.Sprintf(`{"principal_id":%q,"name":"n","expires_at":%q}`, w.principal, at))
			require.Equal(t, 201, got.Status, got.Body)
			require.Equal(t, map[bool]string{true: "9999-12-31T23:59:59.999999Z", false: "2999-01-01T00:00:00.123456Z"}[at[0] == '9'], got.member(t, "expires_at"))
		}
	})
}

func TestAReferenceThatLeadsNowhereIsRefusedAndNamed(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := newWireWorld(t, wire{a, apptest.AdminKey}, "1")
		before := w.admin.census(t)
		nobody := quoted(uuid.NewString())
		for _, c := range []struct{ method, path, body, at string }{
			{"POST", "bindings", replaced(t, w.operations(1)["createBinding"].good, "principal_id", nobody), "/principal_id"},
			{"POST", "bindings", replaced(t, w.operations(1)["createBinding"].good, "profile_id", nobody), "/profile_id"},
			{"POST", "bindings", replaced(t, w.operations(1)["createBinding"].good, "manifest_id", quoted(w.profile)), "/manifest_id"},
			{"PATCH", "bindings/" + w.binding, `{"profile_id":` + nobody + `}`, "/profile_id"},
			{"PATCH", "bindings/" + w.binding, `{"manifest_id":` + quoted(w.principal) + `}`, "/manifest_id"},
			{"POST", "api-keys", `{"name":"n","principal_id":` + nobody + `}`, "/principal_id"},
		} {
			p := w.admin.send(t, c.method, "/v1/admin/"+c.path, c.body).refused(t, 400, "INVALID_REFERENCE")
			require.Equal(t, []string{c.at}, pointersOf(p), c.body)
		}
		require.Equal(t, before, w.admin.census(t))
		w.component.send(t, "POST", "/v1/startup/ready", `{"startup_id":`+nobody+`,"build_version":"1"}`).refused(t, 404, "SESSION_NOT_FOUND")
		w.component.send(t, "POST", "/v1/startup/failed", `{"startup_id":`+nobody+`,"error":"e"}`).refused(t, 404, "SESSION_NOT_FOUND")
	})
}

func TestTextsOf255CharactersAreStoredAsTheyAre(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := newWireWorld(t, wire{a, apptest.AdminKey}, "1")
		key := strings.Repeat("Aa9._:/@+-", 26)[:255]
		for i, text := range []string{strings.Repeat("t", 255), strings.Repeat("é", 255), strings.Repeat("😀", 255), "e\u0301", "\u00e9", " padded ", "\u2028", "<&>", "\ufeff"} {
			body := fmt.Sprintf(`{"principal_key":"n%d","auth_subject":%s,"principal_type":%[2]s}`, i, quoted(text))
			got := w.admin.send(t, "GET", "/v1/admin/principals/"+w.admin.create(t, "/v1/admin/principals", body), "")
			require.Equal(t, text, got.member(t, "auth_subject"))
			require.Equal(t, text, got.member(t, "principal_type"))
			found := w.admin.send(t, "GET", "/v1/admin/principals?auth_subject="+url.QueryEscape(text), "")
			require.Equal(t, "["+strings.TrimSpace(got.Body)+"]", strings.TrimSpace(found.Body))
			body = fmt.Sprintf(`{"principal_id":%q,"name":%s}`, w.principal, quoted(text))
			require.Equal(t, text, w.admin.send(t, "POST", "/v1/admin/api-keys", body).member(t, "name"))
		}
		for path, member := range map[string]string{"profiles": "profile_key", "manifests": "manifest_key"} {
			id := w.admin.create(t, "/v1/admin/"+path, fmt.Sprintf(`{%q:%q}`, member, key))
			require.Equal(t, key, w.admin.send(t, "GET", "/v1/admin/"+path+"/"+id, "").member(t, member))
		}
		got := w.component.send(t, "POST", "/v1/bootstrap", fmt.Sprintf(`{"component_key":%q,"last_packet_etag":%q}`, key, strings.Repeat("e", 255)))
		require.Equal(t, 200, got.Status, got.Body)
		require.Equal(t, key, got.member(t, "component_key"))
	})
}

// hostile are texts that mean something to SQL, shells, templates and logs.
var hostile = []string{
	`'; DROP TABLE principals; --`, `" OR ""="`, `x' UNION SELECT key_hash FROM api_keys --`, `%`, `_`, `\`, `\'`, `$1`, `?1`, `:x`, `@x`, `{{.}}`,
	`${jndi:ldap://x}`, `$(id)`, "`id`", `<script>alert(1)</script>`, `../../etc/passwd`, `%s%n%d`, `NULL`, `null`, `{"a":1}`, `-1e400`, "\u202etxt.exe",
}

func TestTextsThatLookLikeCodeAreStoredLiterally(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := newWireWorld(t, wire{a, apptest.AdminKey}, "1")
		for i, text := range hostile {
			document := fmt.Sprintf(`{%s:[%[1]s]}`, quoted(text))
			var want any
			require.NoError(t, json.Unmarshal([]byte(document), &want))
			id := w.admin.create(t, "/v1/admin/principals", fmt.Sprintf(`{"principal_key":"n%d","auth_subject":%s}`, i, quoted(text)))
			require.Equal(t, text, w.admin.send(t, "GET", "/v1/admin/principals/"+id, "").member(t, "auth_subject"))
			var found []map[string]any
			got := w.admin.send(t, "GET", "/v1/admin/principals?auth_subject="+url.QueryEscape(text), "")
			require.NoError(t, json.Unmarshal([]byte(got.Body), &found))
			require.Len(t, found, 1, text)
			require.Equal(t, id, found[0]["id"])
			got = w.admin.send(t, "POST", "/v1/admin/secret-refs", fmt.Sprintf(`{"secret_key":"n%d","ref_kind":"env","ref_name":%s,"ref_meta":%s}`, i, quoted(text), document))
			require.Equal(t, 201, got.Status, got.Body)
			require.Equal(t, text, got.member(t, "ref_name"))
			require.Equal(t, want, got.member(t, "ref_meta"))
			startup := w.bootstrap(t)
			got = w.component.send(t, "POST", "/v1/startup/failed", fmt.Sprintf(`{"startup_id":%q,"error":%s,"details":%s}`, startup, quoted(text), document))
			require.Equal(t, 200, got.Status, got.Body)
			got = w.component.send(t, "GET", "/v1/startup/"+startup, "")
			require.Equal(t, text, got.member(t, "error"))
			require.Equal(t, want, got.member(t, "details"))
		}
		require.Len(t, w.admin.census(t)["principals"], 2+len(hostile))
	})
}

// What a refused body holds is nobody's business: it may be a secret that was
// put in the wrong place (contract 1).
func TestWhatARefusedBodyHeldIsNotLogged(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		const secret = "hunter2-in-the-wrong-place"
		w := newWireWorld(t, wire{a, apptest.AdminKey}, "1")
		for name, op := range w.operations(1) {
			var members map[string]json.RawMessage
			require.NoError(t, json.Unmarshal([]byte(op.good), &members))
			for member := range members {
				got := op.send(t, op.method, op.path, replaced(t, op.good, member, `["`+secret+`"]`))
				require.NotContains(t, got.Body, secret, "%s %s", name, member)
				op.send(t, op.method, op.path, replaced(t, op.good, member, quoted("\n"+strings.Repeat(secret, 2500))))
			}
			op.send(t, op.method, op.path, with(op.good, "value", quoted(secret)))
			op.send(t, op.method, op.path, with(op.good, "x", `"`+secret+`\u0000"`))
			op.send(t, op.method, op.path, secret)
		}
		w.admin.send(t, "GET", "/v1/admin/principals?auth_subject=%00"+secret+"&status="+secret, "").refused(t, 400, "INVALID_REQUEST")
		require.NoError(t, a.Close())
		require.Contains(t, a.Log.String(), "INVALID_REQUEST")
		require.NotContains(t, a.Log.String(), secret)
	})
}
