package app_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/test/apptest"
)

// exportAt gives the world of a revision as bytes.
func (w worlds) exportAt(t *testing.T, revision int64) string {
	t.Helper()
	return string(apptest.Got(w.admin.ExportWorldWithResponse(t.Context(), &model.ExportWorldParams{Revision: &revision})).Is(t, 200).Body)
}

func (w worlds) diff(t *testing.T, from int64, to *int64) model.Plan {
	t.Helper()
	return *apptest.Got(w.admin.DiffRevisionsWithResponse(t.Context(), &model.DiffRevisionsParams{From: from, To: to})).Is(t, 200).JSON200
}

func (w worlds) rollback(t *testing.T, in model.Rollback) model.Plan {
	t.Helper()
	return *apptest.Got(w.admin.RollbackWorldWithResponse(t.Context(), nil, in)).Is(t, 200).JSON200
}

func TestARevisionThatIsNotThereIsNoWorld(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := worldsOf(t, a)
		w.apply(t, mesh(t))
		next := w.revision(t) + 1
		apptest.Got(w.admin.ExportWorldWithResponse(t.Context(), &model.ExportWorldParams{Revision: &next})).Fails(t, 404, "NOT_FOUND")
		apptest.Got(w.admin.DiffRevisionsWithResponse(t.Context(), &model.DiffRevisionsParams{From: next})).Fails(t, 404, "NOT_FOUND")
		apptest.Got(w.admin.RollbackWorldWithResponse(t.Context(), nil, model.Rollback{Revision: next})).Fails(t, 404, "NOT_FOUND")
		w.wire.send(t, "GET", "/v1/admin/export?revision=-1", "").refused(t, 400, "INVALID_REQUEST")
		w.wire.send(t, "GET", "/v1/admin/export?revision=1&api_keys=true", "").refused(t, 400, "INVALID_REQUEST")
		w.wire.send(t, "GET", "/v1/admin/diff", "").refused(t, 400, "INVALID_REQUEST")
		w.wire.send(t, "POST", "/v1/admin/rollback", `{"revision":1,"dry_rum":true}`).refused(t, 400, "INVALID_REQUEST")
		w.wire.send(t, "GET", "/v1/admin/revisions?cursor=x", "").refused(t, 400, "INVALID_REQUEST")
		explain := "/v1/admin/principals/key:asyncgate/packet?component_key=c&"
		w.wire.send(t, "GET", explain+fmt.Sprintf("revision=%d", next), "").refused(t, 404, "NOT_FOUND")
		w.wire.send(t, "GET", explain+"revision=0", "").refused(t, 404, "NOT_FOUND")
		w.wire.send(t, "GET", explain+"at=2999-01-01T00:00:00Z", "").refused(t, 400, "INVALID_REQUEST")
		w.wire.send(t, "GET", explain+"at=2026-01-01T00:00:00Z&revision=1", "").refused(t, 400, "INVALID_REQUEST")
		require.Equal(t, next-1, w.revision(t))
	})
}

// change is one admin write of many kinds.
func (w worlds) change(t *testing.T, n int) {
	t.Helper()
	world := mesh(t)
	world.Manifests[0].Environment = json.RawMessage(fmt.Sprintf(`{"n":%d,"digits":12345678901234567890,"ten":1.10,"html":"<&>"}`, n))
	switch n % 5 {
	case 1:
		world.Principals[0].Status = model.PrincipalStatusDisabled
	case 2: // with prune: principals, their bindings and a manifest's users come and go
		gone := world.Principals[1].PrincipalKey
		world.Principals = append(world.Principals[:1:1], world.Principals[2:]...)
		var kept []model.WorldBinding
		for _, b := range world.Bindings {
			if b.Principal != gone {
				kept = append(kept, b)
			}
		}
		world.Bindings = kept
	case 3:
		world.Bindings[0].Overrides = json.RawMessage(fmt.Sprintf(`{"polling":{"n":%d}}`, n))
		world.Bindings[1].Labels = json.RawMessage(fmt.Sprintf(`{"owner":"team-%d"}`, n))
		world.Bindings[1].Expected = json.RawMessage(fmt.Sprintf(`{"components":["c"],"instances":%d}`, n))
	case 4:
		world.SecretRefs = append(world.SecretRefs, model.SecretRefCreate{SecretKey: "extra", RefKind: "env", RefName: fmt.Sprintf("EXTRA_%d", n)})
		world.Manifests = append(world.Manifests, model.ManifestCreate{ManifestKey: fmt.Sprintf("m-%d", n)})
	}
	w.apply(t, world, prune)
}

func TestTheExportOfEachRevisionIsTheOneThatWasTakenThen(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := worldsOf(t, a)
		taken := map[int64]string{}
		for n := range 50 {
			w.change(t, n)
			taken[w.revision(t)] = w.export(t, asJSON)
		}
		// What has no plan: a principal that goes with its bindings, and one that is renamed.
		gone := w.principal(t, "asyncgate")
		apptest.Got(w.admin.DeletePrincipalWithResponse(t.Context(), gone.String(), nil)).Is(t, 204)
		taken[w.revision(t)] = w.export(t, asJSON)
		renamed := w.principal(t, "memorygate")
		apptest.Got(w.admin.UpdatePrincipalWithApplicationMergePatchPlusJSONBodyWithResponse(t.Context(), renamed.String(), nil, patch(`{"principal_key":"another"}`))).Is(t, 200)
		taken[w.revision(t)] = w.export(t, asJSON)
		require.Len(t, taken, 52)
		again := worldsOf(t, apptest.Start(t, a.Config.DatabaseURL))
		for revision, world := range taken {
			require.Equal(t, world, again.exportAt(t, revision))
			require.Equal(t, world, again.exportAt(t, min(revision+1, w.revision(t))), "as it was by then")
		}
		require.NotContains(t, again.exportAt(t, 0), "principal_key")
	})
}

func TestRevisionsTellWhoMadeWhatWhenAndWhy(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := worldsOf(t, a)
		w.apply(t, mesh(t))
		first := w.revision(t)
		changed := mesh(t)
		changed.Manifests[0].Environment = json.RawMessage(`{"n":1}`)
		body, err := json.Marshal(changed)
		require.NoError(t, err)
		require.Equal(t, 200, w.wire.send(t, "POST", "/v1/admin/apply?message=because", string(body)).Status)

		page := apptest.Got(w.admin.ListRevisionsWithResponse(t.Context(), &model.ListRevisionsParams{Limit: new(int64(1))})).Is(t, 200)
		require.Len(t, *page.JSON200, 1)
		r := (*page.JSON200)[0]
		require.Equal(t, w.revision(t), r.Revision)
		require.Equal(t, "admin", r.Actor)
		require.Equal(t, "because", r.Reason.MustGet())
		require.Contains(t, string(r.Credential.MustGet()), "api_key_id")
		require.Equal(t, []model.RevisionChange{{Action: "update", ResourceType: "manifest", Count: 1, ResourceKey: changed.Manifests[0].ManifestKey}}, r.Changes)
		require.WithinDuration(t, time.Now(), r.CreatedAt, time.Hour)

		rows, next := adminList[model.Revision](t, a, "revisions?limit=1")
		require.Equal(t, r.Revision, rows[0].Revision)
		rest := w.wire.send(t, http.MethodGet, "/v1/admin/"+next, "")
		var older []model.Revision
		require.NoError(t, json.Unmarshal([]byte(rest.Body), &older))
		require.Equal(t, first, older[0].Revision)
		counts := map[model.ResourceType]int64{}
		for _, c := range older[0].Changes {
			counts[c.ResourceType] += c.Count
		}
		require.EqualValues(t, len(changed.Principals), counts[model.ResourceTypePrincipal])
		require.EqualValues(t, len(changed.Bindings), counts[model.ResourceTypeBinding])
	})
}

func TestADiffIsTheDryRunOfThen(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := worldsOf(t, a)
		w.change(t, 0)
		from := w.revision(t)
		for n := range 4 {
			world := mesh(t)
			world.Manifests[0].Environment = json.RawMessage(fmt.Sprintf(`{"n":%d}`, n+1))
			world.Profiles[0].StartupSLASeconds = int64(n + 1)
			foretold := w.apply(t, world, dryRun, prune)
			before := w.revision(t)
			w.apply(t, world, prune)
			to := w.revision(t)
			d := w.diff(t, before, &to)
			require.Equal(t, did(foretold), did(d))
			require.Equal(t, foretold.Packets, d.Packets)
			require.Equal(t, foretold.Deadlines, d.Deadlines)
			require.Equal(t, foretold.Summary.Update, d.Summary.Update)
			require.True(t, d.DryRun)
		}
		require.NotEmpty(t, w.diff(t, from, nil).Packets)
		require.Empty(t, w.diff(t, from, &from).Changes)
		empty := int64(0)
		require.Len(t, w.diff(t, empty, &from).Packets, len(mesh(t).Principals))
	})
}

func TestExplainTellsThePacketOfThen(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := worldsOf(t, a)
		w.apply(t, mesh(t))
		then := w.revision(t)
		id := w.principal(t, "asyncgate").String()
		explain := func(ref string, p model.ExplainPacketParams) model.Explanation {
			p.ComponentKey = "asyncgate_main"
			return *apptest.Got(w.admin.ExplainPacketWithResponse(t.Context(), ref, &p)).Is(t, 200).JSON200
		}
		told := explain(id, model.ExplainPacketParams{})
		require.NotEmpty(t, told.PacketEtag)
		at := (*apptest.Got(w.admin.ListRevisionsWithResponse(t.Context(), nil)).Is(t, 200).JSON200)[0].CreatedAt
		w.change(t, 1)
		apptest.Got(w.admin.DeletePrincipalWithResponse(t.Context(), id, nil)).Is(t, 204)
		for _, ref := range []string{id, "key:asyncgate"} {
			require.Equal(t, told, explain(ref, model.ExplainPacketParams{Revision: &then}))
			require.Equal(t, told, explain(ref, model.ExplainPacketParams{At: &at}))
			apptest.Got(w.admin.ExplainPacketWithResponse(t.Context(), ref, &model.ExplainPacketParams{ComponentKey: "c", Revision: new(w.revision(t))})).Fails(t, 404, "NOT_FOUND")
			apptest.Got(w.admin.ExplainPacketWithResponse(t.Context(), ref, &model.ExplainPacketParams{ComponentKey: "c", At: new(at.Add(-time.Hour))})).Fails(t, 404, "NOT_FOUND")
		}
	})
}
