package contract

import (
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate"
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

// A certificate is the connection's, so that it opens what any credential does.
func TestWhatOneCredentialOpensEachOfThemDoes(t *testing.T) {
	t.Parallel()
	spec, err := openapi3.NewLoader().LoadFromData(metagate.OpenAPI)
	require.NoError(t, err)
	n := 0
	for path, item := range spec.Paths.Map() {
		for method, op := range item.Operations() {
			var schemes []string
			for _, requirement := range *op.Security {
				for scheme := range requirement {
					schemes = append(schemes, scheme)
				}
			}
			if schemes != nil {
				require.Equal(t, []string{"bearerAuth", "apiKeyAuth", "clientCertificate"}, schemes, "%s %s", method, path)
				n++
			}
		}
	}
	require.Greater(t, n, 40)
	c, err := Load("X-API-Key")
	require.NoError(t, err)
	require.Equal(t, []string{"bearerAuth", "apiKeyAuth"}, c.Route("POST", "/v1/bootstrap", "/v1/bootstrap").Schemes, "it is in no header")
}
