package app_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/app"
	"github.com/legivellum/metagate/internal/errs"
	"github.com/legivellum/metagate/internal/store"
	"github.com/legivellum/metagate/internal/test/apptest"
)

// foreign makes a principal of another tenant that holds a subject.
func (w worlds) foreign(t *testing.T, subject string) {
	t.Helper()
	now := store.Now()
	_, err := w.Store.CreatePrincipal(t.Context(), store.CreatePrincipalParams{
		ID: store.NewID(now), TenantKey: "other", CreatedAt: now, UpdatedAt: now,
		PrincipalKey: "foreigner", AuthSubject: subject, PrincipalType: "component", Status: "active",
	})
	require.NoError(t, err)
}

const goodWorld = `
profiles: [{profile_key: gate}]
manifests: [{manifest_key: mesh}]
principals: [{principal_key: aaa, auth_subject: aaa}, {principal_key: zzz, auth_subject: zzz}]
bindings: [{principal: aaa, profile: gate, manifest: mesh}]
`

func TestAWrongWorldIsRefusedWithEachPlaceAndLeavesNothing(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := worldsOf(t, a)
		w.foreign(t, "held")
		w.try(t, asYAML, goodWorld).Is(t, 200)
		for what, bad := range map[string]struct {
			doc, code string
			status    int
			pointers  []string
		}{
			"a principal that is not": {`bindings: [{principal: nobody, profile: gate, manifest: mesh}]`, "INVALID_REFERENCE", 400, []string{"/bindings/0/principal"}},
			"nothing that is named is": {
				`bindings: [{principal: zzz, profile: gate, manifest: mesh}, {principal: a, profile: b, manifest: c}]`, "INVALID_REFERENCE", 400,
				[]string{"/bindings/1/principal", "/bindings/1/profile", "/bindings/1/manifest"},
			},
			"a profile twice":          {`profiles: [{profile_key: x}, {profile_key: y}, {profile_key: x}]`, "INVALID_REQUEST", 400, []string{"/profiles/2"}},
			"each key twice":           {`{secret_refs: [&s {secret_key: x, ref_kind: env, ref_name: X}, *s], manifests: [&m {manifest_key: x}, *m], principals: [&p {principal_key: x, auth_subject: x}, *p]}`, "INVALID_REQUEST", 400, []string{"/secret_refs/1", "/manifests/1", "/principals/1"}},
			"two active bindings":      {`bindings: [{principal: aaa, profile: gate, manifest: mesh}, {principal: aaa, profile: gate, manifest: mesh, active: false}, {principal: aaa, profile: gate, manifest: mesh, active: true}]`, "INVALID_REQUEST", 400, []string{"/bindings/2"}},
			"a forbidden key":          {`bindings: [{principal: aaa, profile: gate, manifest: mesh, overrides: {services: {x: {y: [1, {z: {"\uFF24eploy ": 1}}]}}}}]`, "FORBIDDEN_KEYS", 400, []string{"/bindings/0/overrides/services/x/y/1/z/\uff24eploy "}},
			"forbidden keys":           {`{profiles: [{profile_key: p, policy: {Tasks: 1}}], manifests: [{manifest_key: m, polling: {a: {jobs: {}}}}], secret_refs: [{secret_key: s, ref_kind: env, ref_name: S, ref_meta: {scale: 1}}]}`, "FORBIDDEN_KEYS", 400, []string{"/secret_refs/0/ref_meta/scale", "/profiles/0/policy/Tasks", "/manifests/0/polling/a/jobs"}},
			"no section":               {`bindings: [{principal: aaa, profile: gate, manifest: mesh, overrides: {startup: {}, policy: 1}}]`, "INVALID_REQUEST", 400, []string{"/bindings/0/overrides/policy", "/bindings/0/overrides/startup"}},
			"another tenant's item":    {`{profiles: [{profile_key: p, tenant_key: other}], principals: [{principal_key: x, auth_subject: x, tenant_key: default}]}`, "INVALID_REQUEST", 400, []string{"/profiles/0/tenant_key"}},
			"another tenant's world":   {"tenant_key: other\n", "FORBIDDEN", 403, nil},
			"a foreign subject":        {`principals: [{principal_key: aab, auth_subject: held}, {principal_key: zz, auth_subject: held}]`, "ALREADY_EXISTS", 409, []string{"/principals/0/auth_subject", "/principals/1/auth_subject"}},
			"a stored one's subject":   {`principals: [{principal_key: aab, auth_subject: zzz}, {principal_key: zzzz, auth_subject: aaa}]`, "ALREADY_EXISTS", 409, []string{"/principals/0/auth_subject", "/principals/1/auth_subject"}},
			"one subject for two":      {`principals: [{principal_key: x, auth_subject: x}, {principal_key: y, auth_subject: x}]`, "ALREADY_EXISTS", 409, []string{"/principals/0/auth_subject", "/principals/1/auth_subject"}},
			"a reserved kind":          {`secret_refs: [{secret_key: s, ref_kind: keygate, ref_name: S}]`, "INVALID_REQUEST", 400, []string{"/secret_refs/0/ref_kind"}},
			"unknown members":          {`{profile: [], profiles: [{profile_key: p, Policy: {}}]}`, "INVALID_REQUEST", 400, []string{"/profile", "/profiles/0/Policy"}},
			"wrong types":              {`{profiles: [{profile_key: p, startup_sla_seconds: soon}], bindings: [{principal: aaa, profile: gate, manifest: mesh, active: maybe}]}`, "INVALID_REQUEST", 400, []string{"/profiles/0/startup_sla_seconds", "/bindings/0/active"}},
			"no objects":               {`{profiles: [{profile_key: p, capabilities: 5, policy: []}], bindings: [{principal: aaa, profile: gate, manifest: mesh, overrides: x}]}`, "INVALID_REQUEST", 400, []string{"/profiles/0/capabilities", "/profiles/0/policy", "/bindings/0/overrides"}},
			"nulls":                    {`{profiles: [null], bindings: [{principal: aaa, profile: gate, manifest: mesh, overrides: ~}], manifests: ~}`, "INVALID_REQUEST", 400, []string{"/profiles/0"}},
			"keys that are none":       {`{profiles: [{profile_key: "a b"}], principals: [{principal_key: "", auth_subject: x}]}`, "INVALID_REQUEST", 400, []string{"/profiles/0/profile_key", "/principals/0/principal_key"}},
			"a list":                   {`[1]`, "INVALID_REQUEST", 400, nil},
			"a text":                   {`hello`, "INVALID_REQUEST", 400, nil},
			"a bad allowed_components": {`profiles: [{profile_key: p, capabilities: {allowed_components: x}}]`, "INVALID_REQUEST", 400, []string{"/profiles/0/capabilities/allowed_components"}},
		} {
			for _, how := range [][]string{nil, {dryRun}} {
				p := w.refuse(t, bad.doc, bad.status, bad.code, how...)
				for _, pointer := range bad.pointers {
					require.Contains(t, pointersOf(p), pointer, what)
				}
				require.Subset(t, append(bad.pointers, ""), pointersOf(p), what)
			}
		}
		p := w.refuse(t, `profiles: [{profile_key: x, policy: {Tasks: 1}}]`+"\n"+`bindings: [{principal: zzz, profile: x, manifest: mesh}]`, 400, "FORBIDDEN_KEYS")
		require.Equal(t, []string{"/profiles/0/policy/Tasks"}, pointersOf(p), "a profile that is wrong is there all the same")
		w.refuse(t, "principals: [{principal_key: zzz, auth_subject: zzz}]\nbindings: [{principal: aaa, profile: gate, manifest: mesh}]\n", 400, "INVALID_REFERENCE", prune)
	})
}

func TestEverythingWrongIsReportedAtOnce(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := worldsOf(t, a)
		w.foreign(t, "held")
		p := w.refuse(t, `
extra: 1
secret_refs: [{secret_key: s, ref_kind: env, ref_name: S, ref_meta: {a: [{execute: 1}]}}]
profiles: [{profile_key: "a b"}, {profile_key: ok}, {profile_key: ok}]
manifests: [{manifest_key: m, services: {deploy: {}}, tenant_key: other}]
principals: [{principal_key: c, auth_subject: held, kind: x}]
bindings:
  - {principal: c, profile: ok, manifest: m, overrides: {startup: {}}}
  - {principal: c, profile: nope, manifest: m}
`, 400, "FORBIDDEN_KEYS")
		require.ElementsMatch(t, []string{
			"/extra", "/secret_refs/0/ref_meta/a/0/execute", "/profiles/0/profile_key", "/profiles/2", "/manifests/0/services/deploy", "/manifests/0/tenant_key",
			"/principals/0/auth_subject", "/principals/0/kind", "/bindings/0/overrides/startup", "/bindings/1", "/bindings/1/profile",
		}, pointersOf(p))
	})
}

func TestYAMLThatIsNoWorldIsRefused(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := worldsOf(t, a)
		laughs := "a: &a [x, x, x, x, x, x, x, x]\n"
		for c := 'b'; c <= 'z'; c++ {
			last := "*" + string(c-1)
			laughs += string(c) + ": &" + string(c) + " [" + strings.Repeat(last+", ", 7) + last + "]\n"
		}
		for doc, says := range map[string]string{
			"":                                      "empty",
			"profiles:\n- profile_key: [\n":         "line 2",
			"a: 1\n  b: 2\n":                        "line 2",
			laughs:                                  "anchors expanded",
			"profiles: &p [*p]\n":                   "anchors expanded",
			"profiles: []\nprofiles: []\n":          "profiles",
			"profiles:\n- {profile_key: .inf}\n":    "line 2",
			"x: &x {a: 1}\ny:\n  <<: *x\n":          "line 3, column 3: merge keys",
			"profiles: []\n---\nprofiles: []\n":     "more than one document",
			"profiles: []\n---\n[\n":                "more than one document",
			"profiles: [{profile_key: \"\xff\"}]\n": "UTF-8",
			"profiles: " + strings.Repeat("[", 80) + strings.Repeat("]", 80): "deep",
		} {
			p := w.refuse(t, doc, 400, "INVALID_REQUEST")
			require.Contains(t, p.Detail, says)
		}
		// Depth is a document's own: a world adds nothing to it.
		deep := strings.Repeat(`{"a":`, 63) + "1" + strings.Repeat("}", 63)
		w.try(t, asYAML, `profiles: [{profile_key: deep, policy: `+deep+`}]`).Is(t, 200)
		w.refuse(t, `profiles: [{profile_key: deep, policy: {"a": {"a": `+deep+`}}}]`, 400, "INVALID_REQUEST")
	})
}

func TestAWorldThatIsTooLargeOrOfAnotherTypeIsRefused(t *testing.T) {
	t.Parallel()
	const limit = 1 << 20
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := worldsOf(t, a)
		text, err := os.ReadFile(meshFile)
		require.NoError(t, err)
		large := string(text) + strings.Repeat("# "+strings.Repeat("x", 1000)+"\n", 11<<10)
		require.Greater(t, len(large), 10<<20)
		p := w.refuse(t, large, 413, "PAYLOAD_TOO_LARGE")
		require.Contains(t, p.Detail, "APPLY_MAX_BYTES")
		require.Contains(t, p.Detail, "1048576")
		chunked := w.wire.do(t, http.MethodPost, "/v1/admin/apply", struct{ *bytes.Reader }{bytes.NewReader([]byte(large))}, "Content-Type", asYAML)
		chunked.refused(t, 413, "PAYLOAD_TOO_LARGE")
		exact := string(text) + "#" + strings.Repeat("x", limit-len(text)-1)
		w.try(t, asYAML, exact, dryRun).Is(t, 200)
		w.try(t, "Application/YAML; charset=utf-8", exact, dryRun).Is(t, 200)
		w.refuse(t, exact+"x", 413, "PAYLOAD_TOO_LARGE")
		for _, other := range []string{"application/xml", "text/plain", "text/yaml", "application/x-yaml"} {
			w.wire.send(t, http.MethodPost, "/v1/admin/apply", string(text), "Content-Type", other).refused(t, 415, "UNSUPPORTED_MEDIA_TYPE")
		}
		for _, json := range []string{asJSON, "application/merge-patch+json", ""} {
			w.wire.send(t, http.MethodPost, "/v1/admin/apply", string(text), "Content-Type", json).refused(t, 400, "INVALID_REQUEST")
		}
		for _, bad := range []string{"", "{", `{"profiles":[]}{}`, `{"profiles":[],"profiles":[]}`, `{"profiles":[{"profile_key":"\u0000"}]}`} {
			w.wire.send(t, http.MethodPost, "/v1/admin/apply", bad).refused(t, 400, "INVALID_REQUEST")
		}
		for _, bad := range []string{"dry_run=maybe", "prune=1x", "dry_run=%ff"} {
			w.wire.send(t, http.MethodPost, "/v1/admin/apply?"+bad, "{}").refused(t, 400, "INVALID_REQUEST")
		}
		require.Empty(t, w.exported(t).Profiles)
	}, func(c *app.Config) { c.ApplyMaxBytes = limit })
}

func TestAWorldWithThousandsOfMistakesIsStillAnswered(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := worldsOf(t, a)
		var world model.World
		for range 3000 {
			world.Bindings = append(world.Bindings, model.WorldBinding{Principal: "x", Profile: "y", Manifest: "z"})
		}
		doc, err := json.Marshal(world)
		require.NoError(t, err)
		p := w.try(t, asJSON, string(doc)).Fails(t, 400, string(errs.InvalidRequest))
		require.Len(t, p.Errors, errs.MaxPlaces)
		require.Contains(t, p.Errors[errs.MaxPlaces-1].Detail, "may be more")
	})
}

func TestAPlaceOfAYAMLWorldIsToldByLineAndColumnToo(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := worldsOf(t, a)
		const bad = `
profils: []
profiles:
  - profile_key: a
    startup_sla_seconds: soon
  - {profile_key: b, policy: {jobs: 1}}
bindings:
  - principal: nobody
    profile: a
    manifest: b
    overrides: {polcy: {}, Policy: 1}
  - principal: nobody
`
		p := w.refuse(t, bad, 400, "INVALID_REQUEST")
		at, said := map[string][2]int{}, map[string]string{}
		for _, e := range p.Errors {
			at[e.Pointer], said[e.Pointer] = [2]int{e.Line, e.Column}, e.Detail
		}
		require.Equal(t, map[string][2]int{"/profils": {2, 1}, "/profiles/0/startup_sla_seconds": {5, 5}, "/bindings/1/profile": {12, 5}, "/bindings/1/manifest": {12, 5}}, at)
		require.Contains(t, said["/profils"], "did you mean profiles?")
		p = w.refuse(t, strings.TrimSuffix(strings.Replace(bad, "soon", "1", 1), "  - principal: nobody\n"), 400, "FORBIDDEN_KEYS")
		for _, e := range p.Errors {
			at[e.Pointer], said[e.Pointer] = [2]int{e.Line, e.Column}, e.Detail
		}
		require.Equal(t, [2]int{6, 31}, at["/profiles/1/policy/jobs"])
		require.Equal(t, [2]int{11, 17}, at["/bindings/0/overrides/polcy"])
		require.Equal(t, "no section of a packet: did you mean policy?", said["/bindings/0/overrides/polcy"])
		require.Equal(t, "no section of a packet: did you mean policy?", said["/bindings/0/overrides/Policy"])

		asText := w.wire.send(t, http.MethodPost, "/v1/admin/apply", `{"profils":[]}`).refused(t, 400, "INVALID_REQUEST")
		require.Equal(t, []model.ProblemPlace{{Pointer: "/profils", Detail: asText.Errors[0].Detail}}, asText.Errors, "JSON has pointers alone")
		require.Contains(t, asText.Errors[0].Detail, "did you mean profiles?")
		require.Contains(t, w.wire.send(t, http.MethodPost, "/v1/admin/apply?dry-run=true", "{}").refused(t, 400, "INVALID_REQUEST").Detail, "did you mean dry_run?")
		require.Contains(t, w.wire.send(t, http.MethodPost, "/v1/admin/profiles", `{"profile_key":"p","polcy":{}}`).refused(t, 400, "INVALID_REQUEST").Errors[0].Detail, "did you mean policy?")
	})
}
