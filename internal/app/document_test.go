package app_test

import (
	"slices"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate"
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
		eachSchema(name, ref, func(at string, s *openapi3.Schema) {
			types := slices.DeleteFunc(slices.Clone(s.Type.Slice()), func(t string) bool { return t == "null" })
			require.LessOrEqual(t, len(types), 1, "%s: generators make no type of several", at)
			require.True(t, !s.Type.Includes("array") || s.Items != nil, at)
		})
	}
}
