package app_test

import (
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/oapi-codegen/nullable"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/test/apptest"
)

func TestTheMeshAppliedToAnEmptyServerIsThereWhole(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := worldsOf(t, a)
		text, err := os.ReadFile(meshFile)
		require.NoError(t, err)
		n, revision := len(w.audited(t, 0)), w.revision(t)
		r := w.try(t, asYAML, string(text)).Is(t, 200)
		require.Equal(t, "default", r.JSON200.TenantKey)
		require.False(t, r.JSON200.DryRun)
		require.Equal(t, model.PlanSummary{Create: 3 + 3 + 1 + 9 + 9}, r.JSON200.Summary)
		require.Greater(t, w.revision(t), revision)

		rows := w.audited(t, n)
		require.Len(t, rows, 25)
		for _, e := range rows {
			require.Equal(t, "admin", e.Actor)
			require.Equal(t, "api_key", e.AuthMethod)
			require.Equal(t, "create", e.Action)
			require.Equal(t, "127.0.0.1", e.RemoteAddr)
			require.Equal(t, r.HTTPResponse.Header.Get("X-Request-ID"), e.RequestID)
			require.Nil(t, e.Before)
			got := w.wire.send(t, http.MethodGet, "/v1/admin/"+map[string]string{
				"principal": "principals", "profile": "profiles", "manifest": "manifests", "binding": "bindings", "secret_ref": "secret-refs",
			}[e.ResourceType]+"/"+e.ResourceID.String(), "")
			require.Equal(t, 200, got.Status)
			require.JSONEq(t, got.Body, string(e.After), "the log has the resource as it is")
		}
		for principal, b := range w.bearAll(t, mesh(t)) {
			require.Empty(t, b.code, principal)
		}
	})
}

func TestTheSameWorldAsJSONAndAsYAMLGivesTheSamePackets(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := worldsOf(t, a)
		w.apply(t, mesh(t))
		for principal, b := range w.bearAll(t, mesh(t)) {
			golden, err := os.ReadFile(strings.Replace(goldenGlob, "*", principal, 1))
			require.NoError(t, err)
			require.Equal(t, wired{Body: string(golden)}.member(t, "packet_etag"), b.etag, principal)
		}
		text, err := os.ReadFile(meshFile)
		require.NoError(t, err)
		unchanged(t, *w.try(t, asYAML, string(text)).Is(t, 200).JSON200)
		unchanged(t, *w.try(t, asYAML+"; charset=utf-8", string(text), prune).Is(t, 200).JSON200)
	})
}

func TestAWorldAppliedAgainLeavesNoTrace(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := worldsOf(t, a)
		w.apply(t, mesh(t))
		before := w.bearAll(t, mesh(t))
		all, revision := w.wire.census(t), w.revision(t)
		for _, how := range [][]string{nil, {prune}, {dryRun}, {dryRun, prune}} {
			plan := w.apply(t, mesh(t), how...)
			unchanged(t, plan)
			require.Len(t, plan.Changes, 25)
			unchanged(t, w.apply(t, model.World{}))
		}
		require.Equal(t, all, w.wire.census(t), "no row, no version, no updated_at, no entry in the log")
		require.Equal(t, revision, w.revision(t))
		require.Equal(t, before, w.bearAll(t, mesh(t)))
	})
}

func TestAChangedWorldChangesWhatIsDifferentAndLogsItOnce(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := worldsOf(t, a)
		w.apply(t, mesh(t))
		n := len(w.audited(t, 0))
		world := mesh(t)
		world.Manifests[0].MemoryMap = json.RawMessage(`{"primary":{"gate":"memorygate","namespace":1.10}}`)
		world.SecretRefs[2].RefName = "/run/other"
		world.Principals[0].PrincipalType = "gate"
		world.Bindings[4].Overrides = json.RawMessage(`{"capabilities":{"memory_write":null}}`)
		world.Bindings[8].Profile = "gate"
		world.Profiles = append(world.Profiles, model.ProfileCreate{ProfileKey: "new"})

		plan := w.apply(t, world)
		require.ElementsMatch(t, []string{
			"update secret_ref memorygate_jwt", "create profile new", "update manifest legivellum-mesh", "update principal asyncgate",
			"update binding interview → gate + legivellum-mesh", "update binding worker-pool → gate + legivellum-mesh",
		}, did(plan))
		require.Equal(t, model.PlanSummary{Create: 1, Update: 5, Unchanged: 20}, plan.Summary)
		for _, c := range plan.Changes {
			if c.ResourceKey == "legivellum-mesh" {
				require.Equal(t, []model.FieldChange{
					{Pointer: "/memory_map/artifacts", Before: nullable.NewNullableWithValue(json.RawMessage(`{"gate":"depotgate","namespace":"default"}`))},
					{Pointer: "/memory_map/primary/namespace", Before: nullable.NewNullableWithValue(json.RawMessage(`"default"`)), After: nullable.NewNullableWithValue(json.RawMessage(`1.10`))},
					{Pointer: "/memory_map/receipts", Before: nullable.NewNullableWithValue(json.RawMessage(`{"gate":"receiptgate","namespace":"default"}`))},
				}, c.Diff)
			}
		}
		rows := w.audited(t, n)
		require.Len(t, rows, 6, "one row for each changed resource")
		seen := map[string]bool{}
		for _, e := range rows {
			require.False(t, seen[e.ResourceID.String()])
			seen[e.ResourceID.String()] = true
			require.Equal(t, e.Action == "create", e.Before == nil)
			require.NotEqual(t, string(e.Before), string(e.After))
		}
		manifests, _ := adminList[model.Manifest](t, a, "manifests?manifest_key=legivellum-mesh")
		require.EqualValues(t, 2, manifests[0].Version)
		unchanged(t, w.apply(t, world, prune))
	})
}

func TestDefaultsWrittenOutAreNoChange(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := worldsOf(t, a)
		w.apply(t, model.World{
			Profiles: []model.ProfileCreate{{ProfileKey: "p"}}, Manifests: []model.ManifestCreate{{ManifestKey: "m"}},
			Principals: []model.PrincipalCreate{{PrincipalKey: "c", AuthSubject: "c"}}, Bindings: []model.WorldBinding{{Principal: "c", Profile: "p", Manifest: "m"}},
		})
		unchanged(t, w.apply(t, model.World{
			TenantKey:  "default",
			Profiles:   []model.ProfileCreate{{ProfileKey: "p", TenantKey: "default", StartupSLASeconds: 120, Policy: json.RawMessage("{ }"), Capabilities: json.RawMessage("{}")}},
			Manifests:  []model.ManifestCreate{{ManifestKey: "m", DeploymentKey: "default", Schemas: json.RawMessage("{}")}},
			Principals: []model.PrincipalCreate{{PrincipalKey: "c", AuthSubject: "c", PrincipalType: "component", Status: "active"}},
			Bindings:   []model.WorldBinding{{Principal: "c", Profile: "p", Manifest: "m", Active: new(true), Overrides: json.RawMessage("{}")}},
		}, prune))
	})
}
