package storetest

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/store"
)

const all = 10_000 // rows: more than all tenants here have together

var principals = tests{
	"CreatePrincipal": func(t *testing.T, w *world) {
		p := w.newPrincipal()
		row, err := w.CreatePrincipal(t.Context(), p)
		require.NoError(t, err)
		require.Equal(t, store.Principal(p), row)
		require.Equal(t, row, must(w.GetPrincipal(t.Context(), p.ID))(t))
	},
	"UpdatePrincipal": func(t *testing.T, w *world) {
		other := w.addPrincipal(t)
		want := w.principal
		want.PrincipalKey, want.AuthSubject = unique("p"), unique("s")
		want.PrincipalType, want.Status, want.UpdatedAt = "admin", "disabled", w.now.Add(time.Second)
		row, err := w.UpdatePrincipal(t.Context(), store.UpdatePrincipalParams{
			ID: want.ID, PrincipalKey: want.PrincipalKey, AuthSubject: want.AuthSubject,
			PrincipalType: want.PrincipalType, Status: want.Status, UpdatedAt: want.UpdatedAt,
		})
		require.NoError(t, err)
		require.Equal(t, want, row)
		require.Equal(t, want, must(w.GetPrincipal(t.Context(), want.ID))(t))
		require.Equal(t, other, must(w.GetPrincipal(t.Context(), other.ID))(t))
	},
	"GetPrincipal": func(t *testing.T, w *world) {
		require.Equal(t, w.principal, must(w.GetPrincipal(t.Context(), w.principal.ID))(t))
	},
	"GetPrincipalByKey": func(t *testing.T, w *world) {
		key := store.GetPrincipalByKeyParams{TenantKey: w.tenant, PrincipalKey: w.principal.PrincipalKey}
		require.Equal(t, w.principal, must(w.GetPrincipalByKey(t.Context(), key))(t))
		key.TenantKey = unique("another")
		_, err := w.GetPrincipalByKey(t.Context(), key)
		require.True(t, store.IsNotFound(err), "the key of another tenant")
	},
	"ListPrincipals": func(t *testing.T, w *world) {
		p := w.newPrincipal()
		p.Status = "disabled"
		off := must(w.CreatePrincipal(t.Context(), p))(t)
		list := func(f store.ListPrincipalsParams, want ...store.Principal) {
			f.TenantKey, f.RowLimit = &w.tenant, all
			rows, err := w.ListPrincipals(t.Context(), f)
			lists(t, rows, err, want...)
		}
		list(store.ListPrincipalsParams{}, w.principal, off)
		list(store.ListPrincipalsParams{PrincipalKey: &off.PrincipalKey}, off)
		list(store.ListPrincipalsParams{AuthSubject: &w.principal.AuthSubject}, w.principal)
		list(store.ListPrincipalsParams{Status: new("disabled")}, off)
		list(store.ListPrincipalsParams{Status: new("active"), PrincipalKey: &off.PrincipalKey})
		list(store.ListPrincipalsParams{After: off.ID})

		rows, err := w.ListPrincipals(t.Context(), store.ListPrincipalsParams{AuthSubject: &off.AuthSubject, RowLimit: all})
		lists(t, rows, err, off) // of any tenant
	},
	"CountOthersOfType": func(t *testing.T, w *world) {
		count := func(want int64, except uuid.UUID) {
			t.Helper()
			require.Equal(t, want, must(w.CountOthersOfType(t.Context(), store.CountOthersOfTypeParams{TenantKey: w.tenant, PrincipalType: "admin", ExceptID: except}))(t))
		}
		add := func(in *world, status string) store.Principal {
			p := in.newPrincipal()
			p.PrincipalType, p.Status = "admin", status
			return must(w.CreatePrincipal(t.Context(), p))(t)
		}
		add(w, "disabled")
		add(newWorld(t, w.Store), "active")
		count(0, uuid.New())
		one, two := add(w, "active"), add(w, "active")
		count(2, w.principal.ID)
		count(1, one.ID)
		count(1, two.ID)
	},
	"ListForeignSubjects": func(t *testing.T, w *world) {
		own, other := w.addPrincipal(t), newWorld(t, w.Store)
		p := other.newPrincipal()
		p.Status = "disabled" // holds its subject all the same
		off := must(w.CreatePrincipal(t.Context(), p))(t)
		subjects := must(w.ListForeignSubjects(t.Context(), w.tenant))(t)
		require.Subset(t, subjects, []string{other.principal.AuthSubject, off.AuthSubject})
		require.NotContains(t, subjects, w.principal.AuthSubject)
		require.NotContains(t, subjects, own.AuthSubject)
	},
	"DeletePrincipal": func(t *testing.T, w *world) {
		session := w.open(t, w.now, w.now)
		require.NoError(t, w.DeletePrincipal(t.Context(), w.principal.ID))
		_, err := w.GetPrincipal(t.Context(), w.principal.ID)
		require.True(t, store.IsNotFound(err))
		_, err = w.GetBinding(t.Context(), w.binding.ID)
		require.True(t, store.IsNotFound(err), "its bindings go with it")
		_, err = w.GetAPIKey(t.Context(), w.key.ID)
		require.True(t, store.IsNotFound(err), "its keys go with it")
		require.Equal(t, session, must(w.GetStartup(t.Context(), session.ID))(t), "its receipts stay")
		require.NoError(t, w.DeletePrincipal(t.Context(), w.principal.ID), "what is gone is gone")
	},
}

var apiKeys = tests{
	"CreateAPIKey": func(t *testing.T, w *world) {
		p := w.newKey()
		row, err := w.CreateAPIKey(t.Context(), p)
		require.NoError(t, err)
		require.Equal(t, store.APIKey{
			ID: p.ID, TenantKey: p.TenantKey, PrincipalID: p.PrincipalID, Name: p.Name, KeyHash: p.KeyHash, Status: p.Status,
			ExpiresAt: p.ExpiresAt, CreatedAt: p.CreatedAt, UpdatedAt: p.UpdatedAt,
		}, row)
		require.Equal(t, row, must(w.GetAPIKey(t.Context(), p.ID))(t))

		p = w.newKey()
		p.ExpiresAt = nil
		require.Nil(t, must(w.CreateAPIKey(t.Context(), p))(t).ExpiresAt, "never")
	},
	"UpdateAPIKey": func(t *testing.T, w *world) {
		want := w.key
		want.Name, want.Status, want.ExpiresAt, want.UpdatedAt = "renamed", "revoked", nil, w.now.Add(time.Second)
		row, err := w.UpdateAPIKey(t.Context(), store.UpdateAPIKeyParams{
			ID: want.ID, Name: want.Name, Status: want.Status, UpdatedAt: want.UpdatedAt,
		})
		require.NoError(t, err)
		require.Equal(t, want, row)
		require.Equal(t, want, must(w.GetAPIKey(t.Context(), want.ID))(t))
	},
	"GetAPIKey": func(t *testing.T, w *world) {
		require.Equal(t, w.key, must(w.GetAPIKey(t.Context(), w.key.ID))(t))
	},
	"GetAPIKeyByHash": func(t *testing.T, w *world) {
		require.Equal(t, w.key, must(w.GetAPIKeyByHash(t.Context(), w.key.KeyHash))(t))
	},
	"ListGoodKeyHashes": func(t *testing.T, w *world) {
		add := func(status string, expires *time.Time) string {
			p := w.newKey()
			p.Status, p.ExpiresAt = status, expires
			return must(w.CreateAPIKey(t.Context(), p))(t).KeyHash
		}
		good := []string{w.key.KeyHash, add("active", new(w.now.Add(time.Microsecond))), newWorld(t, w.Store).key.KeyHash}
		bad := []string{add("active", &w.now), add("revoked", nil), add("revoked", new(w.now.Add(time.Hour)))}
		hashes := must(w.ListGoodKeyHashes(t.Context(), &w.now))(t)
		require.Subset(t, hashes, good)
		for _, hash := range bad {
			require.NotContains(t, hashes, hash)
		}
	},
	"TouchAPIKey": func(t *testing.T, w *world) {
		touch := func(at time.Time) *time.Time {
			require.NoError(t, w.TouchAPIKey(t.Context(), store.TouchAPIKeyParams{ID: w.key.ID, LastUsedAt: &at}))
			return must(w.GetAPIKey(t.Context(), w.key.ID))(t).LastUsedAt
		}
		require.Equal(t, w.now, *touch(w.now))
		later := w.now.Add(time.Microsecond)
		require.Equal(t, later, *touch(later))
		require.Equal(t, later, *touch(w.now), "it never goes back")
		require.NoError(t, w.TouchAPIKey(t.Context(), store.TouchAPIKeyParams{ID: uuid.New(), LastUsedAt: &later}))
	},
	"ListAPIKeys": func(t *testing.T, w *world) {
		other := w.addPrincipal(t)
		p := w.newKey()
		p.PrincipalID, p.Status = other.ID, "revoked"
		revoked := must(w.CreateAPIKey(t.Context(), p))(t)
		list := func(f store.ListAPIKeysParams, want ...store.APIKey) {
			f.TenantKey, f.RowLimit = &w.tenant, all
			rows, err := w.ListAPIKeys(t.Context(), f)
			lists(t, rows, err, want...)
		}
		list(store.ListAPIKeysParams{}, w.key, revoked)
		list(store.ListAPIKeysParams{PrincipalID: &other.ID}, revoked)
		list(store.ListAPIKeysParams{Status: new("active")}, w.key)
		list(store.ListAPIKeysParams{Status: new("active"), PrincipalID: &other.ID})
	},
}
