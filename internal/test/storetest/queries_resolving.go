package storetest

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/store"
)

var bindings = tests{
	"CreateBinding": func(t *testing.T, w *world) {
		p := w.newBinding(false)
		row, err := w.CreateBinding(t.Context(), p)
		require.NoError(t, err)
		require.Equal(t, store.Binding(p), row)
		require.Equal(t, row, must(w.GetBinding(t.Context(), p.ID))(t))
	},
	"UpdateBinding": func(t *testing.T, w *world) {
		want := w.binding
		want.ProfileID, want.ManifestID = w.addProfile(t).ID, w.addManifest(t).ID
		want.Overrides, want.Active, want.UpdatedAt = store.JSON(`{"polling":{}}`), false, w.now.Add(time.Second)
		want.Expected, want.Labels = store.JSON(`{"components":["c"]}`), store.JSON(`{"owner":"o"}`)
		row, err := w.UpdateBinding(t.Context(), store.UpdateBindingParams{
			ID: want.ID, ProfileID: want.ProfileID, ManifestID: want.ManifestID,
			Overrides: want.Overrides, Active: want.Active, UpdatedAt: want.UpdatedAt, Expected: want.Expected, Labels: want.Labels,
		})
		require.NoError(t, err)
		require.Equal(t, want, row)
		require.Equal(t, want, must(w.GetBinding(t.Context(), want.ID))(t))
	},
	"GetBinding": func(t *testing.T, w *world) {
		require.Equal(t, w.binding, must(w.GetBinding(t.Context(), w.binding.ID))(t))
	},
	"ListBindings": func(t *testing.T, w *world) {
		p := w.newBinding(false)
		p.ProfileID, p.ManifestID = w.addProfile(t).ID, w.addManifest(t).ID
		off := must(w.CreateBinding(t.Context(), p))(t)
		list := func(f store.ListBindingsParams, want ...store.Binding) {
			f.TenantKey, f.RowLimit = &w.tenant, all
			rows, err := w.ListBindings(t.Context(), f)
			lists(t, rows, err, want...)
		}
		list(store.ListBindingsParams{}, w.binding, off)
		list(store.ListBindingsParams{PrincipalID: &w.principal.ID}, w.binding, off)
		list(store.ListBindingsParams{PrincipalID: new(uuid.New())})
		list(store.ListBindingsParams{ProfileID: &off.ProfileID}, off)
		list(store.ListBindingsParams{ManifestID: &w.manifest.ID}, w.binding)
		list(store.ListBindingsParams{Active: new(true)}, w.binding)
		list(store.ListBindingsParams{Active: new(false)}, off)
	},
	"DeleteBinding": func(t *testing.T, w *world) {
		require.NoError(t, w.DeleteBinding(t.Context(), w.binding.ID))
		_, err := w.GetBinding(t.Context(), w.binding.ID)
		require.True(t, store.IsNotFound(err))
		require.Equal(t, w.profile, must(w.GetProfile(t.Context(), w.profile.ID))(t), "what it tied stays")
	},
}

var resolving = tests{
	"GetRevision": func(t *testing.T, w *world) {
		requireAt(t, w, w.tenant, 1, w.epoch)
		_, err := w.GetRevision(t.Context(), unique("tenant"))
		require.True(t, store.IsNotFound(err))
	},
	"SumRevisions": func(t *testing.T, w *world) {
		before := must(w.SumRevisions(t.Context()))(t)
		require.NoError(t, w.SetRevision(t.Context(), store.SetRevisionParams{TenantKey: w.tenant, Revision: 987_654_321, Epoch: w.epoch}))
		require.NotEqual(t, before, must(w.SumRevisions(t.Context()))(t))
	},
	"ListTenantRevisions": func(t *testing.T, w *world) {
		require.Contains(t, must(w.ListTenantRevisions(t.Context()))(t), store.TenantRevision{TenantKey: w.tenant, Revision: 1, Epoch: w.epoch})
	},
	"LockTenant": func(t *testing.T, w *world) {
		fresh, first := unique("tenant"), newEpoch()
		for range 2 { // what there is stays as it is
			at := must(w.LockTenant(t.Context(), store.LockTenantParams{TenantKey: fresh, Epoch: first}))(t)
			require.Equal(t, store.LockTenantRow{Revision: 0, Epoch: first}, at)
			at = must(w.LockTenant(t.Context(), store.LockTenantParams{TenantKey: w.tenant, Epoch: newEpoch()}))(t)
			require.Equal(t, store.LockTenantRow{Revision: 1, Epoch: w.epoch}, at)
			requireAt(t, w, fresh, 0, first)
			requireAt(t, w, w.tenant, 1, w.epoch)
		}
	},
	"SetRevision": func(t *testing.T, w *world) {
		other := newWorld(t, w.Store)
		for _, at := range []store.SetRevisionParams{
			{Revision: 2, Epoch: w.epoch}, {Revision: 2, Epoch: newEpoch()}, {Revision: store.Now().UnixMicro(), Epoch: newEpoch()}, {},
		} {
			at.TenantKey = w.tenant
			require.NoError(t, w.SetRevision(t.Context(), at))
			requireAt(t, w, w.tenant, at.Revision, at.Epoch)
		}
		requireAt(t, w, other.tenant, 1, other.epoch, "each tenant has its own")
		nobody := unique("tenant")
		require.NoError(t, w.SetRevision(t.Context(), store.SetRevisionParams{TenantKey: nobody}))
		_, err := w.GetRevision(t.Context(), nobody)
		require.True(t, store.IsNotFound(err), "LockTenant makes a tenant")
	},
	"ListActiveSecretRefs": func(t *testing.T, w *world) {
		// In any order: bootstrap.Compile sorts, by bytes and not by a locale's alphabet.
		w.addSecretRef(t, "off", "disabled")
		newWorld(t, w.Store)
		want := []store.SecretRef{w.secret, w.addSecretRef(t, "_", "active"), w.addSecretRef(t, "B", "active")}
		require.ElementsMatch(t, want, must(w.ListActiveSecretRefs(t.Context(), w.tenant))(t))
		rows, err := w.ListActiveSecretRefs(t.Context(), unique("tenant"))
		lists(t, rows, err)
	},
}
