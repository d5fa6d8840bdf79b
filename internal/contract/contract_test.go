package contract

import (
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/doc"
)

// Swagger UI shows paths, methods and members as /openapi.json has them.
func TestTheContractIsInTheSameOrderAsJSON(t *testing.T) {
	t.Parallel()
	c, err := Load("X-Other-Key")
	require.NoError(t, err)
	last, n := 0, 0
	require.NoError(t, doc.Names(c.JSON, func(name []byte, at func() jsontext.Pointer) {
		place := strings.TrimPrefix(string(at()), "/components")
		depth := strings.Count(place, "/")
		if depth > 2 && !strings.HasPrefix(place, "/paths/") || depth > 3 {
			return // paths, methods, and each component
		}
		found := strings.Index(("\n" + string(c.YAML))[last:], "\n"+strings.Repeat("  ", strings.Count(string(at()), "/")-1)+string(name)+":")
		require.GreaterOrEqual(t, found, 0, "%s comes too soon", at())
		last, n = last+found, n+1
	}))
	require.Greater(t, n, 150)

	var texts []string
	for _, text := range [][]byte{c.YAML, c.JSON} {
		d, err := openapi3.NewLoader().LoadFromData(text)
		require.NoError(t, err)
		again, err := d.MarshalJSON()
		require.NoError(t, err)
		texts = append(texts, string(again))
	}
	require.JSONEq(t, texts[0], texts[1])
	require.Contains(t, string(c.JSON), `"name":"X-Other-Key"`)
	require.Contains(t, string(c.JSON), `"example":{"secret_key":"billing_db","ref_kind":"env"`, "members of examples, too")
}
