package contract

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOptionalMembersThatAreNullAreAbsentWhereverTheyAre(t *testing.T) {
	t.Parallel()
	c, err := Load("X-API-Key")
	require.NoError(t, err)
	for name, tc := range map[string]struct{ route, body, want string }{
		"a component's":          {"POST /v1/bootstrap", `{"component_key":"c","principal_key":null, "last_packet_etag" : null}`, `{"component_key":"c"}`},
		"a required one":         {"POST /v1/bootstrap", `{"component_key":null}`, `{"component_key":null}`},
		"an unknown one":         {"POST /v1/admin/profiles", `{"profile_key":"p","typo":null}`, `{"profile_key":"p","typo":null}`},
		"one in another case":    {"POST /v1/admin/profiles", `{"profile_key":"p","Policy":null}`, `{"profile_key":"p","Policy":null}`},
		"an escaped name":        {"POST /v1/admin/profiles", `{"profile_key":"p","p\u006flicy":null}`, `{"profile_key":"p"}`},
		"inside a document":      {"POST /v1/admin/profiles", `{"profile_key":"p","policy":{"policy":null,"n":[null,1.10,12345678901234567890]},"capabilities":null}`, `{"profile_key":"p","policy":{"policy":null,"n":[null,1.10,12345678901234567890]}}`},
		"every one":              {"POST /v1/admin/bindings", `{"tenant_key":null,"overrides":null,"active":null}`, `{}`},
		"an admin's":             {"POST /v1/admin/api-keys", `{"principal_id":"x","name":"n","expires_at":null}`, `{"principal_id":"x","name":"n"}`},
		"in a world":             {"POST /v1/admin/apply", `{"tenant_key":null,"profiles":null,"secret_refs":[{"secret_key":"s","ref_meta":null},null,{"ref_name":null}]}`, `{"secret_refs":[{"secret_key":"s"},null,{"ref_name":null}]}`},
		"a list that is none":    {"POST /v1/admin/apply", `{"profiles":{"policy":null}}`, `{"profiles":{"policy":null}}`},
		"in a patch it says so":  {"PATCH /v1/admin/profiles/:id", `{"policy":null}`, `{"policy":null}`},
		"no object":              {"POST /v1/admin/profiles", `[null]`, `[null]`},
		"null itself":            {"POST /v1/admin/profiles", `null`, `null`},
		"a text with null in it": {"POST /v1/admin/profiles", `{"profile_key":"null\u0061\ud83d\ude00"}`, `{"profile_key":"null\u0061\ud83d\ude00"}`},
	} {
		require.Equal(t, tc.want, string(routeOf(c, tc.route).Present([]byte(tc.body))), name)
	}
}

func routeOf(c *Contract, route string) *Route {
	method, path, _ := strings.Cut(route, " ")
	return c.Route(method, path, path)
}
