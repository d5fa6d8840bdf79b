package app_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/client"
	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/app"
	"github.com/legivellum/metagate/internal/test/apptest"
)

func TestARollbackMakesTheWorldOfThenUnderANewRevision(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := worldsOf(t, a)
		w.change(t, 4) // with more than the mesh
		then, world := w.revision(t), w.export(t, asJSON)
		held := w.bearAll(t, mesh(t))
		w.change(t, 2) // without a principal
		w.change(t, 3)
		now, lost := w.revision(t), w.export(t, asJSON)
		require.NotEqual(t, world, lost)

		foretold := w.rollback(t, model.Rollback{Revision: then, DryRun: true})
		require.True(t, foretold.DryRun)
		require.NotEmpty(t, foretold.Packets)
		require.Equal(t, lost, w.export(t, asJSON))
		require.Equal(t, now, w.revision(t))

		done := w.rollback(t, model.Rollback{Revision: then, Reason: "it was better"})
		require.Equal(t, foretold.Packets, done.Packets, "the blast radius")
		require.Equal(t, foretold.Summary, done.Summary)
		require.Equal(t, world, w.export(t, asJSON))
		require.Greater(t, w.revision(t), now)
		require.Equal(t, lost, w.exportAt(t, now), "history goes on")
		require.Empty(t, w.diff(t, then, nil).Changes)
		revisions := *apptest.Got(w.admin.ListRevisionsWithResponse(t.Context(), nil)).Is(t, 200).JSON200
		require.Equal(t, "it was better", revisions[0].Reason.MustGet())
		require.Equal(t, held, w.bearAll(t, mesh(t)), "every packet of then, with its etag")

		written := len(w.audited(t, 0))
		unchanged(t, w.rollback(t, model.Rollback{Revision: then}))
		require.Len(t, w.audited(t, 0), written)
	})
}

func TestAfterARollbackWhatAComponentHasOnDiskIsNotModified(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l, w := newLab(t, a), worldsOf(t, a)
		then := w.revision(t)
		disk := `"` + l.start(t, "c").PacketEtag + `"`
		start := func(status int) {
			apptest.Got(l.component.BootstrapWithResponse(t.Context(), &model.BootstrapParams{IfNoneMatch: &disk}, model.BootstrapRequest{ComponentKey: "c"})).Is(t, status)
		}
		l.services(t, `{"services":{"gate":{"port":2}}}`)
		start(200)
		plan := w.rollback(t, model.Rollback{Revision: then})
		require.Len(t, plan.Packets, 1)
		require.Equal(t, disk, `"`+plan.Packets[0].EtagAfter.MustGet()+`"`)
		start(304)
	})
}

func TestARollbackResurrectsNoKeyAndNobodyWhoIsDisabledUnlessNamed(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l, w := newLab(t, a), worldsOf(t, a)
		key := l.principal.PrincipalKey
		then := w.revision(t)
		apptest.Got(l.admin.RevokeAPIKeyWithResponse(t.Context(), l.key.ID, nil)).Is(t, 204)
		fresh := l.addKey(t, l.principal.ID)
		status := func(s string) {
			apptest.Got(l.admin.UpdatePrincipalWithApplicationMergePatchPlusJSONBodyWithResponse(t.Context(), l.principal.ID.String(), nil, patch(`{"status":"`+s+`"}`))).Is(t, 200)
		}
		status("disabled")
		l.services(t, `{"services":{"gate":{"port":2}}}`)
		plan := w.rollback(t, model.Rollback{Revision: then})
		require.Equal(t, 1, plan.Summary.Update)
		require.Empty(t, plan.Packets, "it is disabled before and after")
		apptest.Got(a.Client(t, fresh.APIKey).BootstrapWithResponse(t.Context(), nil, model.BootstrapRequest{ComponentKey: "c"})).Fails(t, 403, "FORBIDDEN")
		apptest.Got(l.component.BootstrapWithResponse(t.Context(), nil, model.BootstrapRequest{ComponentKey: "c"})).Fails(t, 401, "UNAUTHENTICATED")

		require.Equal(t, 1, w.rollback(t, model.Rollback{Revision: then, Enable: []string{key}}).Summary.Update)
		apptest.Got(a.Client(t, fresh.APIKey).BootstrapWithResponse(t.Context(), nil, model.BootstrapRequest{ComponentKey: "c"})).Is(t, 200)
		apptest.Got(l.component.BootstrapWithResponse(t.Context(), nil, model.BootstrapRequest{ComponentKey: "c"})).Fails(t, 401, "UNAUTHENTICATED")
	})
}

// A deletion shuts a token out, too.
func TestAPrincipalThatWasDeletedComesBackDisabledUnlessNamed(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l, w := newLab(t, a), worldsOf(t, a)
		then := w.revision(t)
		starts := func() apptest.Call[*client.BootstrapResult] {
			return apptest.Got(a.Client(t, token(t, "subject of "+l.principal.PrincipalKey)).BootstrapWithResponse(t.Context(), nil, model.BootstrapRequest{ComponentKey: "c"}))
		}
		starts().Is(t, 200)
		apptest.Got(l.admin.DeletePrincipalWithResponse(t.Context(), l.principal.ID.String(), nil)).Is(t, 204)
		starts().Fails(t, 403, "FORBIDDEN")
		key := []string{l.principal.PrincipalKey}
		require.Equal(t, key, w.rollback(t, model.Rollback{Revision: then, DryRun: true}).Disabled)
		require.Empty(t, w.rollback(t, model.Rollback{Revision: then, DryRun: true, Enable: key}).Disabled)
		require.Equal(t, key, w.rollback(t, model.Rollback{Revision: then}).Disabled)
		starts().Fails(t, 403, "FORBIDDEN")
		require.Equal(t, key, w.rollback(t, model.Rollback{Revision: then}).Disabled, "also where there is nothing left to change")
		require.Empty(t, w.rollback(t, model.Rollback{Revision: then, Enable: key}).Disabled)
		starts().Is(t, 200)
		require.Empty(t, w.rollback(t, model.Rollback{Revision: then}).Disabled)
	})
}

func TestARollbackKeepsItsAdminAndAsksForAReasonLikeAnApply(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := worldsOf(t, a)
		body, err := json.Marshal(mesh(t))
		require.NoError(t, err)
		w.wire.send(t, "POST", "/v1/admin/apply?message=mesh", string(body))
		apptest.Got(w.admin.RollbackWorldWithResponse(t.Context(), nil, model.Rollback{Revision: 0})).Fails(t, 400, "INVALID_REQUEST")
		plan := w.rollback(t, model.Rollback{Revision: 0, Reason: "to nothing"})
		require.NotZero(t, plan.Summary.Delete)
		left := w.exported(t)
		require.Len(t, left.Principals, 1)
		require.Equal(t, "admin", left.Principals[0].PrincipalKey)
	}, func(c *app.Config) { c.RequireReason = true })
}
