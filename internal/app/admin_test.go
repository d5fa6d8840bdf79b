package app_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/app"
	"github.com/legivellum/metagate/internal/test/apptest"
)

// patchable is one resource of each sort, with patches.
type patchable struct {
	path    string // of the resource
	patch   string // changes something
	changes string // the members that are different then
	without string // a patch without effect, before and after that
}

func (l *lab) patchables(t *testing.T) []patchable {
	t.Helper()
	s := *apptest.Got(l.admin.CreateSecretRefWithResponse(t.Context(), nil, model.SecretRefCreate{
		SecretKey: "s", RefKind: model.RefKindEnv, RefName: "NAME", RefMeta: json.RawMessage(`{"a":{"b":1,"c":[1,{"d":null}]}}`),
	})).Is(t, 201).JSON201
	return []patchable{
		{
			"principals/" + l.principal.ID.String(), `{"principal_type":"admin","status":"disabled"}`,
			`{"principal_type":"admin","status":"disabled"}`, `{"principal_key":"` + l.principal.PrincipalKey + `"}`,
		}, {
			"profiles/" + l.profile.ID.String(),
			`{"policy":{"rate":null,"deep":{"kept":{},"dropped":null}},"capabilities":null,"startup_sla_seconds":null}`,
			`{"policy":{"deep":{"kept":{}}},"capabilities":{},"startup_sla_seconds":120}`, `{"policy":{"none":null}}`,
		}, {
			"manifests/" + l.manifest.ID.String(), `{"services":{"gate":{"port":12345678901234567890}},"memory_map":{"a":[{"b":null}]}}`,
			`{"services":{"gate":{"port":12345678901234567890}},"memory_map":{"a":[{"b":null}]},"version":2}`, `{"polling":{}}`,
		}, {
			"bindings/" + l.binding.ID.String(), `{"overrides":{"policy":{"rate":null}},"active":false}`,
			`{"overrides":{"policy":{}},"active":false}`, `{"profile_id":"` + l.profile.ID.String() + `"}`,
		}, {
			"secret-refs/" + s.ID.String(), `{"ref_kind":"file","ref_name":"/run/s","ref_meta":{"a":{"c":[2]}},"status":"disabled"}`,
			`{"ref_kind":"file","ref_name":"/run/s","ref_meta":{"a":{"b":1,"c":[2]}},"status":"disabled"}`, `{"secret_key":"s"}`,
		}, {
			"api-keys/" + l.key.ID.String(), `{"name":"renamed","expires_at":"2099-01-02T03:04:05.1234567+01:00"}`,
			`{"name":"renamed","expires_at":"2099-01-02T02:04:05.123456Z"}`, `{}`,
		},
	}
}

func members(t *testing.T, body string) map[string]json.RawMessage {
	t.Helper()
	var out map[string]json.RawMessage
	require.NoError(t, json.Unmarshal([]byte(body), &out), body)
	return out
}

func TestAPatchMergesIntoEachResourceAndNothingElseChanges(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l, w := newLab(t, a), wire{a, apptest.AdminKey}
		for _, p := range l.patchables(t) {
			path := "/v1/admin/" + p.path
			before := w.send(t, http.MethodGet, path, "")
			got := w.send(t, http.MethodPatch, path, p.patch)
			require.Equal(t, 200, got.Status, got.Body)
			want, have := members(t, before.Body), members(t, got.Body)
			require.NotEqual(t, want["updated_at"], have["updated_at"])
			want["updated_at"] = have["updated_at"]
			maps.Copy(want, members(t, p.changes))
			for name := range want {
				require.JSONEq(t, string(want[name]), string(have[name]), "%s of %s", name, path)
			}
			require.Len(t, have, len(want))
			if strings.HasPrefix(p.path, "manifests/") {
				require.Contains(t, got.Body, "12345678901234567890")
			}
			again := w.send(t, http.MethodGet, path, "")
			require.Equal(t, got.Body, again.Body)
			require.Equal(t, got.Header.Get("ETag"), again.Header.Get("ETag"))
			require.NotEqual(t, before.Header.Get("ETag"), again.Header.Get("ETag"))
		}
	})
}

func TestAPatchWithoutEffectLeavesNoTrace(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l, w := newLab(t, a), wire{a, apptest.AdminKey}
		for _, p := range l.patchables(t) {
			path := "/v1/admin/" + p.path
			before, all := w.send(t, http.MethodGet, path, ""), w.census(t)
			patches := []string{p.without, p.patch, p.patch, p.without}
			if p.without == "{}" { // the contract wants one member at least
				w.send(t, http.MethodPatch, path, "{}").refused(t, 400, "INVALID_REQUEST")
				patches = []string{p.patch, p.patch}
			}
			for i, patch := range patches {
				got := w.send(t, http.MethodPatch, path, patch, "If-Match", before.Header.Get("ETag"))
				require.Equal(t, 200, got.Status, got.Body)
				if patch == p.patch && (i == 0 || patches[i-1] != p.patch) {
					before, all = got, w.census(t)
					continue
				}
				require.Equal(t, before.Body, got.Body)
				require.Equal(t, before.Header.Get("ETag"), got.Header.Get("ETag"))
				require.Equal(t, all, w.census(t))
			}
		}
	})
}

func TestIfMatchGuardsPatchAndDelete(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l, w := newLab(t, a), wire{a, apptest.AdminKey}
		resources := l.patchables(t)
		for _, p := range resources {
			path := "/v1/admin/" + p.path
			tag := func() string { return w.send(t, http.MethodGet, path, "").Header.Get("ETag") }
			old := tag()
			require.Regexp(t, `^"[0-9a-f]+"$`, old, "a strong one")
			all := w.census(t)
			for _, field := range []string{`"other"`, "W/" + old, strings.Trim(old, `"`), `"other", W/` + old, `""`} {
				w.send(t, http.MethodPatch, path, p.patch, "If-Match", field).refused(t, 412, "PRECONDITION_FAILED")
				w.send(t, http.MethodDelete, path, "", "If-Match", field).refused(t, 412, "PRECONDITION_FAILED")
			}
			require.Equal(t, all, w.census(t))

			require.Equal(t, 200, w.send(t, http.MethodPatch, path, p.patch, "If-Match", `"other" , `+old).Status)
			require.NotEqual(t, old, tag())
			w.send(t, http.MethodPatch, path, p.patch, "If-Match", old).refused(t, 412, "PRECONDITION_FAILED")
			w.send(t, http.MethodDelete, path, "", "If-Match", old).refused(t, 412, "PRECONDITION_FAILED")
			require.Equal(t, 200, w.send(t, http.MethodPatch, path, p.patch, "If-Match", "*").Status)
		}
		apptest.Got(l.admin.DeleteBindingWithResponse(t.Context(), l.binding.ID, &model.DeleteBindingParams{IfMatch: new(`"x", *`)})).Is(t, 204)
		for _, p := range resources[1:3] { // nothing uses them any more
			path := "/v1/admin/" + p.path
			tag := w.send(t, http.MethodGet, path, "").Header.Get("ETag")
			require.Equal(t, 204, w.send(t, http.MethodDelete, path, "", "If-Match", tag).Status)
			w.send(t, http.MethodDelete, path, "", "If-Match", "*").refused(t, 404, "NOT_FOUND")
			w.send(t, http.MethodPatch, path, p.patch, "If-Match", tag).refused(t, 404, "NOT_FOUND")
		}
	})
}

func TestWhatAPatchMakesObeysTheRulesOfACreate(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l, w := newLab(t, a), wire{a, apptest.AdminKey}
		ps := l.patchables(t)
		principal, profile, manifest, binding, secret, key := ps[0].path, ps[1].path, ps[2].path, ps[3].path, ps[4].path, ps[5].path
		all := w.census(t)
		for _, bad := range []struct{ path, patch, code, pointer string }{
			{profile, `{"policy":{"a":{"Deploy":1}}}`, "FORBIDDEN_KEYS", "/policy/a/Deploy"},
			{manifest, `{"services":{"gate":{"\uff54asks":{}}}}`, "FORBIDDEN_KEYS", "/services/gate/\uff54asks"},
			{binding, `{"overrides":{"services":{"x":[{"jobs":null}]}}}`, "FORBIDDEN_KEYS", "/overrides/services/x/0/jobs"},
			{binding, `{"overrides":{"startup":{}}}`, "INVALID_REQUEST", "/overrides/startup"},
			{binding, `{"overrides":{"policy":1}}`, "INVALID_REQUEST", "/overrides/policy"},
			{binding, `{"profile_id":"00000000-0000-0000-0000-000000000000"}`, "INVALID_REFERENCE", "/profile_id"},
			{binding, `{"manifest_id":"` + l.profile.ID.String() + `"}`, "INVALID_REFERENCE", "/manifest_id"},
			{secret, `{"ref_meta":{"a":{"c":[{" EXECUTE ":0}]}}}`, "FORBIDDEN_KEYS", "/ref_meta/a/c/0/ EXECUTE "},
			{secret, `{"ref_kind":"keygate"}`, "INVALID_REQUEST", "/ref_kind"},
			{profile, `{"capabilities":{"allowed_components":"c"}}`, "INVALID_REQUEST", "/capabilities/allowed_components"},
			{profile, `{"startup_sla_seconds":0}`, "INVALID_REQUEST", "/startup_sla_seconds"},
			{principal, `{"principal_key":"with space"}`, "INVALID_REQUEST", "/principal_key"},
			{principal, `{"status":null}`, "INVALID_REQUEST", "/status"},
			{manifest, `{"version":7}`, "INVALID_REQUEST", ""},
			{binding, `{"principal_id":"` + l.principal.ID.String() + `"}`, "INVALID_REQUEST", ""},
			{key, `{"status":"revoked"}`, "INVALID_REQUEST", ""},
			{key, `{"name":null}`, "INVALID_REQUEST", "/name"},
		} {
			p := w.send(t, http.MethodPatch, "/v1/admin/"+bad.path, bad.patch).refused(t, 400, bad.code)
			if bad.pointer != "" {
				require.Contains(t, pointersOf(p), bad.pointer, bad.patch)
			}
			require.Equal(t, all, w.census(t), bad.patch)
		}
	})
}

func TestPatchesCantGrowADocumentBeyondABody(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l, w := newLab(t, a), wire{a, apptest.AdminKey}
		for _, p := range []struct{ path, member string }{
			{"profiles/" + l.profile.ID.String(), "policy"}, {"manifests/" + l.manifest.ID.String(), "schemas"},
		} {
			path, grown := "/v1/admin/"+p.path, 0
			for i := range 10 {
				patch := `{"` + p.member + `":{"k` + string(rune('a'+i)) + `":"` + strings.Repeat("x", 500) + `"}}`
				got := w.send(t, http.MethodPatch, path, patch)
				if got.Status == 200 {
					require.Equal(t, i, grown, "once it is full it stays full")
					grown++
					continue
				}
				got.refused(t, 413, "PAYLOAD_TOO_LARGE")
			}
			require.Equal(t, 3, grown)
			require.Equal(t, 200, w.send(t, http.MethodPatch, path, `{"`+p.member+`":null}`).Status, "it can shrink again")
		}
	}, func(c *app.Config) { c.MaxBodyBytes = 2048 })
}
