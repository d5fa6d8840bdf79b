package app_test

import (
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/routers"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/test/apptest"
)

// refusal is how any operation is made to refuse; the client holds the answer
// against openapi.yaml, which says that it must be a problem document.
type refusal struct {
	status  int
	applies func(*routers.Route) bool
	spoil   func(*http.Request)
}

func refuses(status string) func(*routers.Route) bool {
	return func(r *routers.Route) bool { return r.Operation.Responses.Value(status) != nil }
}

// patches are bodies that an update takes.
var patches = map[string]string{
	"updatePrincipal": `{"status":"active"}`, "updateProfile": `{"policy":{}}`, "updateManifest": `{"services":{}}`,
	"updateBinding": `{"active":true}`, "updateSecretRef": `{"ref_name":"x"}`, "updateAPIKey": `{"name":"x"}`, "updateValidator": `{"mode":"warn"}`,
	"acknowledgeStartup": `{"reason":"x"}`,
}

func takesBody(r *routers.Route) bool { return r.Operation.RequestBody != nil }

func setBody(text string) func(*http.Request) {
	return func(r *http.Request) {
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(text)), int64(len(text))
	}
}

var refusals = map[string]refusal{
	"no credential":      {401, refuses("401"), func(r *http.Request) { r.Header.Del("X-API-Key") }},
	"a wrong credential": {401, refuses("401"), func(r *http.Request) { r.Header.Set("X-API-Key", "mgk_"+strings.Repeat("A", 43)) }},
	"another media type": {415, takesBody, func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }},
	"no JSON":            {400, takesBody, setBody("{")},
	"no object":          {400, takesBody, setBody("[]")},
	"nothing of what it needs": {400, func(r *routers.Route) bool {
		return takesBody(r) && r.Operation.OperationID != "applyWorld" // an empty world is a world
	}, setBody("{}")},
	"too much": {413, takesBody, setBody(`{"a":"` + strings.Repeat("a", 8<<20) + `"}`)},
	"no UUID": {400, func(r *routers.Route) bool { return strings.Contains(r.Path, "id}") }, func(r *http.Request) {
		segments := strings.Split(r.URL.Path, "/")
		at := slices.IndexFunc(segments, func(s string) bool { return uuid.Validate(s) == nil })
		segments[at] = "x"
		r.URL.Path = strings.Join(segments, "/")
	}},
	"a thing that isn't there": {404, func(r *routers.Route) bool { return strings.Contains(r.Path, "{") }, func(*http.Request) {}},
	"a query that can't be read": {400, func(r *routers.Route) bool {
		return r.Operation.Parameters.GetByInAndName("query", "cursor") != nil
	}, func(r *http.Request) { r.URL.RawQuery = "cursor=%zz" }},
}

func TestEveryOperationRefusesWithAProblemThatOpenAPIDocuments(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		for id, route := range apptest.Operations() {
			for what, with := range refusals {
				if !with.applies(route) {
					continue
				}
				r := requestOf(t, a, route)
				with.spoil(r)
				require.Equal(t, with.status, statusOf(t, a, r), "%s with %s", id, what)
			}
		}
	})
}

// requestOf is a request for the operation as an admin, with ids that nothing has.
func requestOf(t *testing.T, a *apptest.App, route *routers.Route) *http.Request {
	t.Helper()
	path := strings.NewReplacer("{id}", uuid.NewString(), "{startup_id}", uuid.NewString(), "{asset}", "no-such-file").Replace(route.Path)
	r, err := http.NewRequestWithContext(t.Context(), route.Method, a.URL+path, http.NoBody)
	require.NoError(t, err)
	r.Header.Set("X-API-Key", apptest.AdminKey)
	if route.Operation.Parameters.GetByInAndName("query", "component_key") != nil {
		r.URL.RawQuery = "component_key=c"
	}
	if route.Operation.OperationID == "compareOutcomes" {
		r.URL.RawQuery = "manifest=m&version=2&against=1"
	}
	if takesBody(route) {
		r.Header.Set("Content-Type", slices.Sorted(maps.Keys(route.Operation.RequestBody.Value.Content))[0])
		setBody(patches[route.Operation.OperationID])(r)
	}
	return r
}

func statusOf(t *testing.T, a *apptest.App, r *http.Request) int {
	t.Helper()
	resp, err := a.HTTP(t).Do(r)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	return resp.StatusCode
}

func TestComponentsAreRefusedEveryAdminOperation(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		key := apptest.ReadWorld(t, meshFile).Create(t, a).APIKeys["asyncgate"]
		before := *apptest.Got(a.AdminClient(t).ListAuditLogWithResponse(t.Context(), nil)).Is(t, 200).JSON200
		n := 0
		for id, route := range apptest.Operations() {
			if !strings.HasPrefix(route.Path, "/v1/admin/") {
				continue
			}
			r := requestOf(t, a, route)
			r.Header.Set("X-API-Key", key)
			require.Equal(t, http.StatusForbidden, statusOf(t, a, r), id)
			n++
		}
		require.Greater(t, n, 30)
		after := *apptest.Got(a.AdminClient(t).ListAuditLogWithResponse(t.Context(), nil)).Is(t, 200).JSON200
		require.Equal(t, before, after, "nothing is written")
	})
}

func TestPathsThatOpenAPIDoesNotKnowAreNotFound(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		for _, path := range []string{
			"/nope", "/v1", "/v1/", "/v2/bootstrap", "/v1/Bootstrap", "/v1/bootstrap/x", "/v1/admin", "/v1/admin/",
			"/v1/admin/principals/" + uuid.NewString() + "/x", "//health", "/docs/../openapi.yaml",
			"/docs/a/b", "/.env", "/%00", "/health%2f", "/\u00fc",
		} {
			for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodHead} {
				r, err := http.NewRequestWithContext(t.Context(), method, a.URL+path, http.NoBody)
				require.NoError(t, err)
				require.Equal(t, http.StatusNotFound, statusOf(t, a, r), "%s %s", method, path)
			}
		}
	})
}

func TestMethodsThatAPathDoesNotKnowAreNotAllowedAndAllowSaysWhichAre(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		methods := map[string][]string{} // by path
		for _, route := range apptest.Operations() {
			methods[route.Path] = append(methods[route.Path], route.Method)
		}
		for path, known := range methods {
			for _, method := range []string{
				http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodTrace, "BREW",
			} {
				r := requestOf(t, a, &routers.Route{Method: method, Path: path, Operation: &openapi3.Operation{}})
				if apptest.RouteOf(method, r.URL) != nil { // HEAD is GET
					continue
				}
				resp, err := a.HTTP(t).Do(r)
				require.NoError(t, err)
				require.NoError(t, resp.Body.Close())
				require.Equal(t, http.StatusMethodNotAllowed, resp.StatusCode, "%s %s", method, path)
				want := append([]string{http.MethodOptions}, known...)
				if slices.Contains(known, http.MethodGet) {
					want = append(want, http.MethodHead)
				}
				require.ElementsMatch(t, want, strings.Split(resp.Header.Get("Allow"), ", "), "%s %s", method, path)
			}
		}
	})
}
