package app_test

import (
	"encoding/json"
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/test/apptest"
	"github.com/legivellum/metagate/internal/test/testdb"
)

// prefilled is the body that Swagger UI fills an operation in with.
func prefilled(t *testing.T, operation string) string {
	t.Helper()
	example := apptest.Operations()[operation].Operation.RequestBody.Value.Content["application/json"].Schema.Value.Example
	require.NotNil(t, example, operation)
	text, err := json.Marshal(example)
	require.NoError(t, err)
	return string(text)
}

func TestThePrefilledExamplesWorkOneAfterTheOtherOnAFreshServer(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		admin := wire{a, apptest.AdminKey}
		for _, of := range []struct{ operation, path string }{
			{"createPrincipal", "principals"}, {"createProfile", "profiles"}, {"createManifest", "manifests"}, {"createSecretRef", "secret-refs"}, {"createBinding", "bindings"},
		} {
			admin.create(t, "/v1/admin/"+of.path, prefilled(t, of.operation))
		}
		issued := admin.send(t, "POST", "/v1/admin/api-keys", prefilled(t, "createAPIKey"))
		require.Equal(t, 201, issued.Status, issued.Body)
		key, _ := issued.member(t, "api_key").(string)

		dryRun := apptest.Operations()["applyWorld"].Operation.Parameters.GetByInAndName("query", "dry_run").Example
		require.Equal(t, true, dryRun, "nobody writes a world by looking at it")
		before := admin.census(t)
		plan := admin.send(t, "POST", "/v1/admin/apply?dry_run=true", prefilled(t, "applyWorld"))
		require.Equal(t, 200, plan.Status, plan.Body)
		require.Contains(t, plan.Body, `"summary":{"create":0,"delete":0,"unchanged":3,"update":1}`, "one thing to see, on what is there")
		require.NotContains(t, plan.Body, `"packets":[]`)
		require.Equal(t, before, admin.census(t))

		for operation, method := range map[string]string{"Principal": "principals", "Profile": "profiles", "Manifest": "manifests", "SecretRef": "secret-refs"} {
			id := apptest.Operations()["get"+operation].PathItem.Parameters.GetByInAndName("path", "id").Example
			at := fmt.Sprintf("/v1/admin/%s/%s", method, id)
			require.Equal(t, 200, admin.send(t, "GET", at, "").Status, at)
			got := admin.send(t, "PATCH", at, prefilled(t, "update"+operation))
			require.Equal(t, 200, got.Status, got.Body)
		}

		component := wire{a, key}
		born := component.send(t, "POST", "/v1/bootstrap", prefilled(t, "bootstrap"))
		require.Equal(t, 200, born.Status, born.Body)
		for i, operation := range []string{"ready", "failed"} {
			id := born.Header.Get("Metagate-Startup-Id")
			report := map[string]string{"ready": "reportReady", "failed": "reportFailed"}[operation]
			got := component.send(t, "POST", "/v1/startup/"+operation, replaced(t, prefilled(t, report), "startup_id", quoted(id)))
			require.Equal(t, 200, got.Status, got.Body)
			if i == 0 {
				born = component.send(t, "POST", "/v1/bootstrap", prefilled(t, "bootstrap"))
			}
		}
	})
}

func TestThePrefilledExamplesCollideWithNothingOfTheMesh(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, testdb.SQLite(t))
	worldsOf(t, a).apply(t, mesh(t))
	admin := wire{a, apptest.AdminKey}
	for operation, path := range map[string]string{"createPrincipal": "principals", "createProfile": "profiles", "createManifest": "manifests", "createSecretRef": "secret-refs"} {
		admin.create(t, "/v1/admin/"+path, prefilled(t, operation))
	}
	text, err := os.ReadFile(meshFile)
	require.NoError(t, err)
	require.NotContains(t, string(text), "billing")
	require.NotContains(t, prefilled(t, "applyWorld"), "mesh")
}
