package app_test

import (
	"encoding/json"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/app"
	"github.com/legivellum/metagate/internal/test/apptest"
)

// demotions are the patches after which a principal is no active admin.
var demotions = []string{`{"status":"disabled"}`, `{"principal_type":"component"}`}

// requireLast demands that a principal can neither be demoted nor deleted.
func (w worlds) requireLast(t *testing.T, id uuid.UUID, demotions ...string) {
	t.Helper()
	all := w.wire.census(t)
	for _, with := range demotions {
		p := apptest.Got(w.admin.UpdatePrincipalWithApplicationMergePatchPlusJSONBodyWithResponse(t.Context(), id.String(), nil, patch(with))).Fails(t, 409, "LAST_ADMIN")
		require.Contains(t, p.Detail, "last active admin")
	}
	apptest.Got(w.admin.DeletePrincipalWithResponse(t.Context(), id.String(), nil)).Fails(t, 409, "LAST_ADMIN")
	require.Equal(t, all, w.wire.census(t))
}

func TestTheLastActiveAdminOfATenantStays(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := worldsOf(t, a)
		first := w.principal(t, "admin")
		w.requireLast(t, first, demotions...)
		update := func(id uuid.UUID, with string) {
			t.Helper()
			apptest.Got(w.admin.UpdatePrincipalWithApplicationMergePatchPlusJSONBodyWithResponse(t.Context(), id.String(), nil, patch(with))).Is(t, 200)
		}
		update(first, `{"auth_subject":"anything else may change"}`)

		second := apptest.Got(w.admin.CreatePrincipalWithResponse(t.Context(), nil, model.PrincipalCreate{
			PrincipalKey: "second", AuthSubject: "second", PrincipalType: "admin", Status: "disabled",
		})).Is(t, 201).JSON201.ID
		w.requireLast(t, first, demotions...)
		update(second, `{"status":"active"}`)
		as := worlds{a, a.Client(t, token(t, "second")), w.wire}
		as.wire.credential = token(t, "second")
		update(first, demotions[0])
		as.requireLast(t, second, demotions...)
		apptest.Got(as.admin.DeletePrincipalWithResponse(t.Context(), first.String(), nil)).Is(t, 204)
		as.requireLast(t, second, demotions...)
	})
}

func TestAnAdminByConfigurationCountsAsOne(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := worldsOf(t, a)
		w.requireLast(t, w.principal(t, "admin"), demotions...)
		boss := apptest.Got(w.admin.CreatePrincipalWithResponse(t.Context(), nil, model.PrincipalCreate{PrincipalKey: "boss", AuthSubject: "boss"})).Is(t, 201).JSON201.ID
		as := worlds{a, a.Client(t, token(t, "boss")), wire{a, token(t, "boss")}}
		apptest.Got(as.admin.DeletePrincipalWithResponse(t.Context(), w.principal(t, "admin").String(), nil)).Is(t, 204)
		as.requireLast(t, boss, demotions[0], `{"principal_key":"another"}`)
		apptest.Got(as.admin.UpdatePrincipalWithApplicationMergePatchPlusJSONBodyWithResponse(t.Context(), boss.String(), nil, patch(`{"principal_type":"worker"}`))).Is(t, 200)
	}, func(c *app.Config) { c.AdminPrincipalKeys = []string{"nobody", "boss"} })
}

func TestAnApplyLeavesAnAdminAndItsCaller(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := worldsOf(t, a)
		w.apply(t, mesh(t))
		for _, how := range [][]string{nil, {dryRun}, {prune}} {
			for _, doc := range []string{
				"{principal_key: admin, auth_subject: admin, principal_type: admin, status: disabled}",
				"{principal_key: admin, auth_subject: admin, principal_type: component}",
			} {
				p := w.refuse(t, "principals: ["+doc+"]", 409, "LAST_ADMIN", how...)
				require.Equal(t, []string{"/principals/0"}, pointersOf(p))
			}
			w.refuse(t, "principals: [{principal_key: admin, auth_subject: admin, status: disabled}, {principal_key: heir, auth_subject: heir, principal_type: admin}]",
				409, "LAST_ADMIN", how...)
		}
		// Another admin may: it isn't the last one, nor the one that sends it.
		w.apply(t, model.World{Principals: []model.PrincipalCreate{{PrincipalKey: "heir", AuthSubject: "heir", PrincipalType: "admin"}}})
		heir := worlds{a, a.Client(t, token(t, "heir")), wire{a, token(t, "heir")}}
		heir.refuse(t, "principals: [{principal_key: heir, auth_subject: heir}]", 409, "LAST_ADMIN")
		heir.refuse(t, "principals: [{principal_key: admin, auth_subject: admin}, {principal_key: heir, auth_subject: heir}]", 409, "LAST_ADMIN")
		heir.apply(t, model.World{Principals: []model.PrincipalCreate{{PrincipalKey: "admin", AuthSubject: "admin", Status: "disabled"}}})
		heir.refuse(t, "principals: [{principal_key: heir, auth_subject: heir}]", 409, "LAST_ADMIN")
	})
}

func TestTheAuditEntryOfADeactivatedBindingTellsWhenItWasChangedBefore(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l, w := newLab(t, a), worldsOf(t, a)
		second := apptest.Got(l.admin.CreateBindingWithResponse(t.Context(), nil, l.newBinding())).Is(t, 201).JSON201
		requireDeactivated(t, w, l.binding)
		l.manifest = l.addManifest(t)
		w.apply(t, model.World{Bindings: []model.WorldBinding{{Principal: l.principal.PrincipalKey, Profile: l.profile.ProfileKey, Manifest: l.manifest.ManifestKey}}})
		rows := w.audited(t, 0)
		require.Contains(t, string(rows[len(rows)-1].Before), second.UpdatedAt.Format("2006-01-02T15:04:05.999999Z07:00"))
		third := apptest.Got(l.admin.ListBindingsWithResponse(t.Context(), &model.ListBindingsParams{Active: new(true), PrincipalID: &l.principal.ID})).Is(t, 200).JSON200
		w.apply(t, model.World{Bindings: []model.WorldBinding{{ // an inactive one takes an active one's place
			Principal: l.principal.PrincipalKey, Profile: l.profile.ProfileKey, Manifest: w.addManifestBinding(t, l),
		}}})
		requireDeactivated(t, w, (*third)[0])
	})
}

// addManifestBinding makes an inactive binding of l's principal and returns its manifest's key.
func (w worlds) addManifestBinding(t *testing.T, l *lab) string {
	t.Helper()
	m := l.addManifest(t)
	b := l.newBinding()
	b.ManifestID, b.Active = m.ID.String(), new(false)
	apptest.Got(l.admin.CreateBindingWithResponse(t.Context(), nil, b)).Is(t, 201)
	return m.ManifestKey
}

// requireDeactivated finds the audit entry that deactivated a binding as it was.
func requireDeactivated(t *testing.T, w worlds, was model.Binding) {
	t.Helper()
	for _, row := range w.audited(t, 0) {
		var before, after model.Binding
		if row.Action != "update" || row.ResourceID != was.ID {
			continue
		}
		require.NoError(t, json.Unmarshal(row.Before, &before))
		require.NoError(t, json.Unmarshal(row.After, &after))
		if !after.Active {
			require.Equal(t, was, before)
			require.True(t, after.UpdatedAt.After(before.UpdatedAt))
			return
		}
	}
	require.Fail(t, "no entry")
}
