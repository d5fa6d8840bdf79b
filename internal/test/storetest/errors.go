package storetest

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/store"
)

func requireUnique(t *testing.T, err error) {
	t.Helper()
	require.Error(t, err)
	require.True(t, store.IsUnique(err), "%v", err)
	require.False(t, store.IsForeignKey(err))
	require.False(t, store.IsNotFound(err))
}

func requireForeignKey(t *testing.T, err error) {
	t.Helper()
	require.Error(t, err)
	require.True(t, store.IsForeignKey(err), "%v", err)
	require.False(t, store.IsUnique(err))
	require.False(t, store.IsNotFound(err))
}

func uniqueErrors(t *testing.T, s *store.Store) {
	w, other := newWorld(t, s), newWorld(t, s)
	ctx := t.Context()

	p := w.newPrincipal()
	p.ID = w.principal.ID
	_, err := w.CreatePrincipal(ctx, p)
	requireUnique(t, err) // a primary key is a unique index too

	p = w.newPrincipal()
	p.PrincipalKey = w.principal.PrincipalKey
	_, err = w.CreatePrincipal(ctx, p)
	requireUnique(t, err)
	p.TenantKey = other.tenant
	must(w.CreatePrincipal(ctx, p))(t) // a key is unique in its tenant

	p = other.newPrincipal()
	p.AuthSubject = w.principal.AuthSubject
	_, err = w.CreatePrincipal(ctx, p)
	requireUnique(t, err) // a subject is unique in all tenants

	second := w.addPrincipal(t)
	_, err = w.UpdatePrincipal(ctx, store.UpdatePrincipalParams{
		ID: second.ID, PrincipalKey: w.principal.PrincipalKey, AuthSubject: second.AuthSubject,
		PrincipalType: "component", Status: "active", UpdatedAt: w.now,
	})
	requireUnique(t, err)

	profile := w.newProfile()
	profile.ProfileKey = w.profile.ProfileKey
	_, err = w.CreateProfile(ctx, profile)
	requireUnique(t, err)
	profile.TenantKey = other.tenant
	must(w.CreateProfile(ctx, profile))(t)

	manifest := w.newManifest()
	manifest.ManifestKey = w.manifest.ManifestKey
	_, err = w.CreateManifest(ctx, manifest)
	requireUnique(t, err)
	manifest.TenantKey = other.tenant
	must(w.CreateManifest(ctx, manifest))(t)

	secret := w.newSecretRef(w.secret.SecretKey, "disabled")
	_, err = w.CreateSecretRef(ctx, secret)
	requireUnique(t, err)
	secret.TenantKey = other.tenant
	must(w.CreateSecretRef(ctx, secret))(t)

	key := other.newKey()
	key.KeyHash = w.key.KeyHash
	_, err = w.CreateAPIKey(ctx, key)
	requireUnique(t, err)

	startup := w.newStartup(w.now, w.now)
	require.EqualValues(t, 1, must(w.OpenStartup(ctx, startup))(t))
	require.Zero(t, must(w.OpenStartup(ctx, startup))(t), "an id opens one startup")
}

func partialUnique(t *testing.T, s *store.Store) {
	w := newWorld(t, s)
	_, err := w.CreateBinding(t.Context(), w.newBinding(true))
	requireUnique(t, err)
	inactive := must(w.CreateBinding(t.Context(), w.newBinding(false)))(t)
	must(w.CreateBinding(t.Context(), w.newBinding(false)))(t) // as many as one likes

	activate := store.UpdateBindingParams{
		ID: inactive.ID, ProfileID: inactive.ProfileID, ManifestID: inactive.ManifestID,
		Overrides: inactive.Overrides, Active: true, UpdatedAt: w.now,
	}
	_, err = w.UpdateBinding(t.Context(), activate)
	requireUnique(t, err)

	err = w.InTx(t.Context(), func(q store.Queries) error {
		if _, err := q.UpdateBinding(t.Context(), w.deactivated()); err != nil {
			return err
		}
		_, err := q.UpdateBinding(t.Context(), activate)
		return err
	})
	require.NoError(t, err)
	rows, err := w.ListBindings(t.Context(), store.ListBindingsParams{TenantKey: &w.tenant, Active: new(true), RowLimit: all})
	require.NoError(t, err)
	require.Len(t, rows, 1)
	require.Equal(t, inactive.ID, rows[0].ID)
}

func foreignKeyErrors(t *testing.T, s *store.Store) {
	w := newWorld(t, s)
	for _, lead := range []func(*store.CreateBindingParams){
		func(p *store.CreateBindingParams) { p.PrincipalID = uuid.New() },
		func(p *store.CreateBindingParams) { p.ProfileID = uuid.New() },
		func(p *store.CreateBindingParams) { p.ManifestID = uuid.New() },
	} {
		p := w.newBinding(false)
		lead(&p)
		_, err := w.CreateBinding(t.Context(), p)
		requireForeignKey(t, err)
	}
	key := w.newKey()
	key.PrincipalID = uuid.New()
	_, err := w.CreateAPIKey(t.Context(), key)
	requireForeignKey(t, err)

	requireForeignKey(t, w.DeleteProfile(t.Context(), w.profile.ID))
	requireForeignKey(t, w.DeleteManifest(t.Context(), w.manifest.ID))
	err = w.InTx(t.Context(), func(q store.Queries) error { return q.DeleteProfile(t.Context(), w.profile.ID) })
	requireForeignKey(t, err)
	require.Equal(t, &w.profile.ID, must(w.GetIdentityBySubject(t.Context(), w.principal.AuthSubject))(t).ProfileID)
}

func notFoundErrors(t *testing.T, s *store.Store) {
	ctx, id := t.Context(), uuid.New()
	var errs []error
	add := func(_ any, err error) { errs = append(errs, err) }
	add(s.GetPrincipal(ctx, id))
	add(s.GetIdentityBySubject(ctx, "none"))
	add(s.GetPrincipalByKey(ctx, store.GetPrincipalByKeyParams{}))
	add(s.GetProfile(ctx, id))
	add(s.GetProfileByKey(ctx, store.GetProfileByKeyParams{}))
	add(s.GetSecretRefByKey(ctx, store.GetSecretRefByKeyParams{}))
	add(s.GetManifest(ctx, id))
	add(s.GetManifestByKey(ctx, store.GetManifestByKeyParams{}))
	add(s.GetBinding(ctx, id))
	add(s.GetSecretRef(ctx, id))
	add(s.GetAPIKey(ctx, id))
	add(s.GetAPIKeyByHash(ctx, "none"))
	add(s.GetIdentityByKeyHash(ctx, "none"))
	add(s.GetStartup(ctx, id))
	add(s.GetRevision(ctx, "none"))
	add(s.UpdatePrincipal(ctx, store.UpdatePrincipalParams{ID: id, Status: "active"}))
	add(s.UpdateProfile(ctx, store.UpdateProfileParams{ID: id, Capabilities: store.JSON("{}"), Policy: store.JSON("{}"), StartupSLASeconds: 1}))
	add(s.UpdateAPIKey(ctx, store.UpdateAPIKeyParams{ID: id, Status: "active"}))
	for i, err := range errs {
		require.True(t, store.IsNotFound(err), "%d: %v", i, err)
		require.False(t, store.IsUnique(err) || store.IsForeignKey(err))
	}
	require.False(t, store.IsNotFound(nil) || store.IsUnique(nil) || store.IsForeignKey(nil))
}
