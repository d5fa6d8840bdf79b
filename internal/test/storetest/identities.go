package storetest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/store"
)

// identity is what both identity queries say of w's principal.
func (w *world) identity() store.GetIdentityBySubjectRow {
	p := w.principal
	return store.GetIdentityBySubjectRow{
		ID: p.ID, TenantKey: p.TenantKey, PrincipalKey: p.PrincipalKey, PrincipalType: p.PrincipalType, Status: p.Status,
		Epoch: w.epoch, ProfileID: &w.profile.ID, ManifestID: &w.manifest.ID, Overrides: w.binding.Overrides,
	}
}

// withKey adds what the query by key says beside.
func withKey(i store.GetIdentityBySubjectRow, k store.APIKey) store.GetIdentityByKeyHashRow {
	return store.GetIdentityByKeyHashRow{
		ID: i.ID, TenantKey: i.TenantKey, PrincipalKey: i.PrincipalKey, PrincipalType: i.PrincipalType, Status: i.Status,
		Epoch: i.Epoch, ProfileID: i.ProfileID, ManifestID: i.ManifestID, Overrides: i.Overrides,
		KeyID: k.ID, KeyStatus: k.Status, KeyExpiresAt: k.ExpiresAt,
	}
}

var identities = tests{
	"GetIdentityBySubject": func(t *testing.T, w *world) {
		_, err := w.GetIdentityBySubject(t.Context(), unique("subject"))
		require.True(t, store.IsNotFound(err))
		identitiesAre(t, w, func() any { return must(w.GetIdentityBySubject(t.Context(), w.principal.AuthSubject))(t) },
			func(i store.GetIdentityBySubjectRow) any { return i })
	},
	"GetIdentityByKeyHash": func(t *testing.T, w *world) {
		_, err := w.GetIdentityByKeyHash(t.Context(), unique("hash"))
		require.True(t, store.IsNotFound(err))
		second := w.addKey(t)
		identitiesAre(t, w, func() any { return must(w.GetIdentityByKeyHash(t.Context(), w.key.KeyHash))(t) },
			func(i store.GetIdentityBySubjectRow) any { return withKey(i, w.key) })
		// A revoked key is found, and says so.
		revoked := must(w.UpdateAPIKey(t.Context(), store.UpdateAPIKeyParams{ID: w.key.ID, Name: "k", Status: "revoked", UpdatedAt: w.now}))(t)
		got := must(w.GetIdentityByKeyHash(t.Context(), w.key.KeyHash))(t)
		require.Equal(t, []any{"revoked", revoked.ExpiresAt}, []any{got.KeyStatus, got.KeyExpiresAt})
		require.Equal(t, "active", must(w.GetIdentityByKeyHash(t.Context(), second.KeyHash))(t).KeyStatus)
	},
}

// identitiesAre follows one principal through what may happen to it.
func identitiesAre(t *testing.T, w *world, got func() any, as func(store.GetIdentityBySubjectRow) any) {
	t.Helper()
	want := w.identity()
	require.Equal(t, as(want), got())

	must(w.CreateBinding(t.Context(), w.newBinding(false)))(t) // of no account
	want.Epoch = must(Move(t.Context(), w, w.tenant))(t)
	require.Equal(t, as(want), got())

	must(w.UpdateBinding(t.Context(), w.deactivated()))(t)
	want.ProfileID, want.ManifestID, want.Overrides = nil, nil, nil
	require.Equal(t, as(want), got(), "somebody without an active binding is somebody")

	must(w.UpdatePrincipal(t.Context(), store.UpdatePrincipalParams{
		ID: w.principal.ID, PrincipalKey: want.PrincipalKey, AuthSubject: w.principal.AuthSubject,
		PrincipalType: "admin", Status: "disabled", UpdatedAt: w.now,
	}))(t)
	want.PrincipalType, want.Status = "admin", "disabled"
	require.Equal(t, as(want), got())
}
