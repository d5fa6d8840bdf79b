package app_test

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate"
	"github.com/legivellum/metagate/internal/bootstrap"
	"github.com/legivellum/metagate/internal/test/apptest"
)

// openAPI is openapi.yaml as generators read it.
func openAPI(t *testing.T) *openapi3.T {
	t.Helper()
	d, err := openapi3.NewLoader().LoadFromData(metagate.OpenAPI)
	require.NoError(t, err)
	return d
}

// eachSchema calls f for a schema and all within it, each with its place.
func eachSchema(at string, ref *openapi3.SchemaRef, f func(at string, s *openapi3.Schema)) {
	if ref == nil || ref.Value == nil || at != "" && ref.Ref != "" {
		return
	}
	s := ref.Value
	f(at, s)
	for name, p := range s.Properties {
		eachSchema(at+"/"+name, p, f)
	}
	eachSchema(at+"/items", s.Items, f)
	eachSchema(at+"/*", s.AdditionalProperties.Schema, f)
}

func TestASchemaIsOfOneTypeOrOfAnyAtAll(t *testing.T) {
	t.Parallel()
	for name, ref := range openAPI(t).Components.Schemas {
		if name == "ProblemataSpec" {
			continue // LegiVellum's own document, which no generated client sends
		}
		eachSchema(name, ref, func(at string, s *openapi3.Schema) {
			types := slices.DeleteFunc(slices.Clone(s.Type.Slice()), func(t string) bool { return t == "null" })
			require.LessOrEqual(t, len(types), 1, "%s: generators make no type of several", at)
			require.True(t, !s.Type.Includes("array") || s.Items != nil, at)
		})
	}
}

func TestOverridesAreTypedByTheSectionsOfAPacket(t *testing.T) {
	t.Parallel()
	for name, types := range map[string][]string{"BindingCreate": {"object"}, "Binding": {"object"}, "WorldBinding": {"object"}, "BindingPatch": {"object", "null"}} {
		s := openAPI(t).Components.Schemas[name].Value.Properties["overrides"].Value
		require.Equal(t, types, s.Type.Slice(), name)
		require.NotNil(t, s.AdditionalProperties.Has, name)
		require.False(t, *s.AdditionalProperties.Has, name)
		require.ElementsMatch(t, bootstrap.Sections, slices.Collect(maps.Keys(s.Properties)), name)
		for _, p := range s.Properties {
			require.Equal(t, types, p.Value.Type.Slice(), name)
		}
	}
}

func TestAPatchOfOverridesNamesSectionsAlone(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := newWireWorld(t, wire{a, apptest.AdminKey}, "1")
		at, before := "/v1/admin/bindings/"+w.binding, w.admin.census(t)
		p := w.admin.send(t, http.MethodPatch, at, `{"overrides":{"polcy":null,"a/b":null,"policy":null}}`).refused(t, 400, "INVALID_REQUEST")
		require.Equal(t, []string{"/overrides/a~1b", "/overrides/polcy"}, pointersOf(p), "a typo is not silent")
		require.Equal(t, before, w.admin.census(t))
		w.admin.send(t, http.MethodPatch, at, `{"overrides":{"policy":{"a":1},"services":{"b":{}}}}`)
		got := w.admin.send(t, http.MethodPatch, at, `{"overrides":{"policy":null,"polling":null}}`)
		require.Contains(t, got.Body, `"overrides":{"services":{"b":{}}}`)
		require.Contains(t, w.admin.send(t, http.MethodPatch, at, `{"overrides":null}`).Body, `"overrides":{}`)
	})
}

func TestEveryKindOfReferenceThatOpenAPINamesIsAccepted(t *testing.T) {
	t.Parallel()
	kinds := openAPI(t).Components.Schemas["SecretRefCreate"].Value.Properties["ref_kind"].Value.Enum
	require.NotEmpty(t, kinds)
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := newWireWorld(t, wire{a, apptest.AdminKey}, "1")
		for _, kind := range []string{"keygate", "vault"} {
			body := fmt.Sprintf(`"ref_kind":%q,"ref_name":"N"}`, kind)
			for _, got := range []wired{
				w.admin.send(t, http.MethodPost, "/v1/admin/secret-refs", `{"secret_key":"n",`+body),
				w.admin.send(t, http.MethodPatch, "/v1/admin/secret-refs/"+w.ref, "{"+body),
				w.admin.send(t, http.MethodPost, "/v1/admin/apply", `{"secret_refs":[{"secret_key":"n",`+body+`]}`),
			} {
				p := got.refused(t, 400, "INVALID_REQUEST")
				require.Len(t, p.Errors, 1)
				require.True(t, strings.HasSuffix(p.Errors[0].Pointer, "/ref_kind"), p.Errors[0].Pointer)
				require.Equal(t, kind == "keygate", strings.Contains(p.Errors[0].Detail, "reserved"))
				require.Contains(t, p.Errors[0].Detail, "env or file")
			}
		}
		for _, kind := range kinds {
			w.admin.create(t, "/v1/admin/secret-refs", fmt.Sprintf(`{"secret_key":"n-%s","ref_kind":%q,"ref_name":"N"}`, kind, kind))
		}
	})
}

func TestOpenAPISaysWhereTheLastAdminStays(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"updatePrincipal", "deletePrincipal", "applyWorld"} {
		op := apptest.Operations()[id].Operation
		require.NotNil(t, op.Responses.Status(http.StatusConflict), id)
		require.Contains(t, op.Description, "409 `LAST_ADMIN`", id)
	}
}

func TestOpenAPIDescribesAndBoundsWhatItNames(t *testing.T) {
	t.Parallel()
	d := openAPI(t)
	require.NotNil(t, d.Info.Contact)
	require.NotEmpty(t, d.Info.Contact.URL)
	for id, route := range apptest.Operations() {
		require.NotEmpty(t, route.Operation.Description, id)
		require.NotContains(t, id, "API"+"YAML", "generators take runs of capitals apart")
		for _, p := range append(slices.Clone(route.Operation.Parameters), route.PathItem.Parameters...) {
			require.NotEmpty(t, p.Value.Description, "%s %s", id, p.Value.Name)
			s := p.Value.Schema.Value
			require.True(t, !s.Type.Is("string") || s.Pattern != "" || s.Format != "" || s.Enum != nil || s.MaxLength != nil, "%s %s is bounded", id, p.Value.Name)
			require.True(t, !s.Type.Is("integer") || s.Format != "", "%s %s", id, p.Value.Name)
		}
		if ok := route.Operation.Responses.Status(200); ok != nil && strings.HasPrefix(id, "list") {
			require.EqualValues(t, 1000, *ok.Value.Content["application/json"].Schema.Value.MaxItems, id)
		}
	}
	for name, ref := range d.Components.Schemas {
		eachSchema(name, ref, func(at string, s *openapi3.Schema) {
			require.True(t, !s.Type.Includes("integer") || s.Format != "", "%s has a format", at)
		})
	}
	cursor := d.Components.Parameters["cursor"].Value.Schema.Value
	for text, good := range map[string]bool{"AZLWsG86fBGOfwobLD1OXw": true, "AZ": false, "AZLWsG86fBGOfwobLD1OX0": false, "AZLWsG86fBGOfwobLD1OXw=": false, "": false} {
		require.Equal(t, good, cursor.VisitJSON(text) == nil, text)
	}
	require.Contains(t, d.Components.Headers["Link"].Value.Example, "cursor=AZLWsG86fBGOfwobLD1OXw")
}
