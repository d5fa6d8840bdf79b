package app_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/test/apptest"
)

// place is where a body can hold a free-form document.
type place struct {
	bodied
	pointer string
}

// documents are all such places, the sections of overrides too.
func (w wireWorld) documents(n int) []place {
	var out []place
	for name, op := range w.operations(n) {
		members := map[string][]string{
			"createProfile": {"capabilities", "policy"}, "updateProfile": {"capabilities", "policy"},
			"createManifest":  {"environment", "services", "memory_map", "polling", "schemas"},
			"updateManifest":  {"environment", "services", "memory_map", "polling", "schemas"},
			"createSecretRef": {"ref_meta"}, "updateSecretRef": {"ref_meta"},
			"createBinding": {"overrides"}, "updateBinding": {"overrides"},
		}[name]
		for _, member := range members {
			out = append(out, place{op, "/" + member})
			if member == "overrides" {
				for _, section := range []string{"capabilities", "policy", "services", "memory_map", "polling", "schemas", "environment"} {
					out = append(out, place{op, "/overrides/" + section})
				}
			}
		}
	}
	return out
}

// holding puts a document at the pointer of a body.
func holding(body, pointer, document string) string {
	member, section, nested := strings.Cut(pointer[1:], "/")
	if nested {
		document = fmt.Sprintf(`{%q:%s}`, section, document)
	}
	return with(body, member, document)
}

func TestAForbiddenKeyIsRefusedInEveryDocumentAtEveryDepthInEverySpelling(t *testing.T) {
	t.Parallel()
	const document = `{"jobs":1,"a":[[{"Tasks":0}],{"b":{"WORK_ITEMS":[]}}],"ok":"deploy","x/y":{"~":{"ｄｅｐｌｏｙ":{"scale":0}}},` +
		`" provision ":{},"\u0065xecute":"","payloadſ":false,"job":1,"deployment":2}`
	want := []string{
		"/jobs", "/a/0/0/Tasks", "/a/1/b/WORK_ITEMS", "/x~1y/~0/ｄｅｐｌｏｙ", "/x~1y/~0/ｄｅｐｌｏｙ/scale",
		"/ provision ", "/execute", "/payloadſ",
	}
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := newWireWorld(t, wire{a, apptest.AdminKey}, "1")
		before := w.admin.census(t)
		places := w.documents(1)
		require.Len(t, places, 2*(2+5+1+8))
		for _, at := range places {
			body := holding(at.good, at.pointer, document)
			p := at.send(t, at.method, at.path, body).refused(t, 400, "FORBIDDEN_KEYS")
			all := want
			if at.pointer == "/overrides" { // whose members are sections: the rest is reported in the same answer
				all = append(slices.Clone(want), "/a", "/ok", "/x~1y", "/job", "/deployment")
			}
			for _, pointer := range all {
				require.Contains(t, pointersOf(p), at.pointer+pointer, body)
			}
			require.Len(t, p.Errors, len(all), body)
		}
		require.Equal(t, before, w.admin.census(t))
	})
}

func TestForbiddenKeysOfSeveralDocumentsAreReportedInOneAnswer(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := newWireWorld(t, wire{a, apptest.AdminKey}, "1")
		before := w.admin.census(t)
		for path, body := range map[string]string{
			"profiles":  `{"profile_key":"n","capabilities":{"a":{"jobs":1}},"policy":{"execute":0}}`,
			"manifests": `{"manifest_key":"n","environment":{"a":{"jobs":1}},"services":{"b":{"tasks":2}},"memory_map":{},"polling":{"deploy":{}},"schemas":{"SCALE":1}}`,
		} {
			p := w.admin.send(t, "POST", "/v1/admin/"+path, body).refused(t, 400, "FORBIDDEN_KEYS")
			require.Equal(t, map[string][]string{
				"profiles":  {"/capabilities/a/jobs", "/policy/execute"},
				"manifests": {"/environment/a/jobs", "/services/b/tasks", "/polling/deploy", "/schemas/SCALE"},
			}[path], pointersOf(p))
		}
		require.Equal(t, before, w.admin.census(t))
	})
}

// numbers that a double can't hold, or would spell otherwise.
const numbers = `{"n":[12345678901234567890,1.10,-0,0.1e-500,1E400,-1e999,3.141592653589793238462643383279,1e2,100000000000000000000.000],"e":{},"l":[]}`

func TestNumbersAreKeptExactlyInEveryDocument(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := newWireWorld(t, wire{a, apptest.AdminKey}, "1")
		n := 1
		for _, at := range w.documents(0) {
			if at.pointer == "/overrides" || at.pointer == "/health" || at.pointer == "/details" {
				continue // sections alone; below
			}
			n++
			good := strings.ReplaceAll(at.good, `"n0"`, fmt.Sprintf(`"n%d"`, n))
			got := at.send(t, at.method, at.path, holding(good, at.pointer, numbers))
			require.Less(t, got.Status, 300, got.Body)
			require.Contains(t, got.Body, numbers, at.pointer)
			id, _ := got.member(t, "id").(string)
			path := strings.TrimSuffix(at.path, "/"+id) + "/" + id
			require.Contains(t, at.send(t, "GET", path, "").Body, numbers, at.pointer)
		}
		packet := w.component.send(t, "POST", "/v1/bootstrap", `{"component_key":"c"}`)
		for _, section := range []string{"capabilities", "policy", "environment", "services", "memory_map", "polling", "schemas"} {
			require.Contains(t, packet.Body, fmt.Sprintf(`%q:%s`, section, numbers))
		}
		other := w.bootstrap(t)
		require.Equal(t, 200, w.component.send(t, "POST", "/v1/startup/ready", fmt.Sprintf(`{"startup_id":%q,"build_version":"1","health":%s}`, w.startup, numbers)).Status)
		require.Equal(t, 200, w.component.send(t, "POST", "/v1/startup/failed", fmt.Sprintf(`{"startup_id":%q,"error":"e","details":%s}`, other, numbers)).Status)
		require.Contains(t, w.component.send(t, "GET", "/v1/startup/"+w.startup, "").Body, `"health":`+numbers)
		require.Contains(t, w.component.send(t, "GET", "/v1/startup/"+other, "").Body, `"details":`+numbers)
	})
}

func TestADocumentMayNest64DeepAndNoDeeper(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := newWireWorld(t, wire{a, apptest.AdminKey}, "1")
		n := 1
		for _, at := range w.documents(0) {
			levels := 65 - strings.Count(at.pointer, "/") - 1 // the body is one, a section another
			if at.pointer == "/overrides" || at.pointer == "/details" {
				continue // sections alone; READY by then
			}
			n++
			good := strings.ReplaceAll(at.good, `"n0"`, fmt.Sprintf(`"n%d"`, n))
			at.send(t, at.method, at.path, holding(good, at.pointer, nested(levels+1))).refused(t, 400, "INVALID_REQUEST")
			got := at.send(t, at.method, at.path, holding(good, at.pointer, nested(levels)))
			require.Less(t, got.Status, 300, "%s %s", at.pointer, got.Body)
		}
		require.Equal(t, 200, w.component.send(t, "POST", "/v1/bootstrap", `{"component_key":"c"}`).Status)
	})
}

func TestOverridesPatchTheSectionsOfAPacketAndNothingElse(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := newWireWorld(t, wire{a, apptest.AdminKey}, "1")
		before := w.admin.census(t)
		for _, name := range []string{"createBinding", "updateBinding"} {
			op := w.operations(1)[name]
			body := with(op.good, "overrides", `{"Policy":{},"startup":{},"policy":{},"services":[],"memory_map":"x","a/b":{}}`)
			p := op.send(t, op.method, op.path, body).refused(t, 400, "INVALID_REQUEST")
			require.Equal(t, []string{"/overrides/Policy", "/overrides/a~1b", "/overrides/memory_map", "/overrides/services", "/overrides/startup"}, pointersOf(p))
		}
		require.Equal(t, before, w.admin.census(t))
	})
}

func TestAllowedComponentsThatIsNoListOfTextsIsRefused(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := newWireWorld(t, wire{a, apptest.AdminKey}, "1")
		before := w.admin.census(t)
		for _, at := range w.documents(1) {
			if !strings.HasSuffix(at.pointer, "/capabilities") {
				continue
			}
			for _, value := range []string{`"*"`, "1", "true", `{"a":true}`, "[1]", `["a",{}]`, `[["a"]]`, `["a",null]`} {
				p := at.send(t, at.method, at.path, holding(at.good, at.pointer, `{"allowed_components":`+value+`}`)).refused(t, 400, "INVALID_REQUEST")
				require.Equal(t, []string{at.pointer + "/allowed_components"}, pointersOf(p), value)
			}
		}
		require.Equal(t, before, w.admin.census(t))
	})
}

func TestAllowedComponentsAndRequiredSecretsInAnotherCaseAreOtherMembers(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := newWireWorld(t, wire{a, apptest.AdminKey}, "1")
		got := w.admin.send(t, "PATCH", "/v1/admin/profiles/"+w.profile,
			`{"capabilities":{"allowed_components":["c"],"Allowed_Components":["*"]},"policy":{"required_secrets":["s1"],"REQUIRED_SECRETS":[]}}`)
		require.Equal(t, 200, got.Status, got.Body)
		w.component.send(t, "POST", "/v1/bootstrap", `{"component_key":"other"}`).refused(t, 403, "COMPONENT_NOT_PERMITTED")
		got = w.component.send(t, "POST", "/v1/bootstrap", `{"component_key":"c"}`)
		require.Equal(t, 200, got.Status, got.Body)
		required, err := json.Marshal(got.member(t, "required_env"))
		require.NoError(t, err)
		require.JSONEq(t, `[{"secret_key":"s1","ref_kind":"env","ref_name":"S","ref_meta":{}}]`, string(required))
	})
}
