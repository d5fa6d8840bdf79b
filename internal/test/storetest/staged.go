package storetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/store"
)

// many is more rows than are staged at once, and no multiple of it.
const many = 67

func nothing(store.Queries) error { return nil }

// staged is one row of each kind, as it must be stored.
type staged struct {
	secret    store.SecretRef
	validator store.Validator
	profile   store.Profile
	manifest  store.Manifest
	principal store.Principal
	binding   store.Binding
	key       store.APIKey
	entry     store.AuditLog
}

func (w *world) stage(t *testing.T, q store.Queries) (s staged) {
	t.Helper()
	s.secret = must(q.CreateSecretRef(t.Context(), w.newSecretRef(unique("secret"), "active")))(t)
	s.validator = must(q.CreateValidator(t.Context(), w.newValidator()))(t)
	s.validator.Mode = "warn"
	_, err := q.UpdateValidator(t.Context(), store.UpdateValidatorParams{
		ID: s.validator.ID, ValidatorKey: s.validator.ValidatorKey, Description: "d", Target: "packet", AppliesTo: s.validator.AppliesTo,
		Mode: "warn", AcceptPresent: true, Document: s.validator.Document, UpdatedAt: w.now,
	})
	require.NoError(t, err)
	s.profile = must(q.CreateProfile(t.Context(), w.newProfile()))(t)
	s.manifest = must(q.CreateManifest(t.Context(), w.newManifest()))(t)
	s.principal = must(q.CreatePrincipal(t.Context(), w.newPrincipal()))(t)
	b := w.newBinding(true)
	b.PrincipalID, b.ProfileID, b.ManifestID = s.principal.ID, s.profile.ID, s.manifest.ID
	s.binding = must(q.CreateBinding(t.Context(), b))(t)
	end := w.now.Add(time.Hour)
	s.key = must(q.CreateAPIKey(t.Context(), store.CreateAPIKeyParams{
		ID: store.NewID(w.now), TenantKey: w.tenant, PrincipalID: s.principal.ID, Name: "k", KeyHash: unique("hash"), Status: "active", CreatedAt: w.now, UpdatedAt: w.now,
	}))(t)
	_, err = q.UpdateAPIKey(t.Context(), store.UpdateAPIKeyParams{ID: s.key.ID, Name: "l", Status: "active", ExpiresAt: &end, UpdatedAt: w.now})
	require.NoError(t, err)
	s.key.Name, s.key.ExpiresAt = "l", &end
	entry := w.newAuditEntry(w.now, "binding")
	entry.Before = nil
	require.NoError(t, q.CreateAuditEntry(t.Context(), entry))
	s.entry = store.AuditLog(entry)
	return s
}

func (s staged) requireStored(t *testing.T, w *world) {
	t.Helper()
	require.Equal(t, s.secret, must(w.GetSecretRef(t.Context(), s.secret.ID))(t))
	require.Equal(t, s.validator, must(w.GetValidator(t.Context(), s.validator.ID))(t))
	require.Equal(t, s.profile, must(w.GetProfile(t.Context(), s.profile.ID))(t))
	require.Equal(t, s.manifest, must(w.GetManifest(t.Context(), s.manifest.ID))(t))
	require.Equal(t, s.principal, must(w.GetPrincipal(t.Context(), s.principal.ID))(t))
	require.Equal(t, s.binding, must(w.GetBinding(t.Context(), s.binding.ID))(t))
	require.Equal(t, s.key, must(w.GetAPIKey(t.Context(), s.key.ID))(t))
}

func stagedWrites(t *testing.T, s *store.Store) {
	w := newWorld(t, s)
	var written []staged
	var entries []store.AuditLog
	deactivated := w.deactivated()
	require.NoError(t, w.Staged(t.Context(), func(q store.Queries) error {
		for range many {
			written = append(written, w.stage(t, q))
			entries = append([]store.AuditLog{written[len(written)-1].entry}, entries...)
			_, err := w.GetPrincipal(t.Context(), written[0].principal.ID)
			require.True(t, store.IsNotFound(err), "not written yet")
		}
		w.open(t, w.now, w.now) // nobody waits for what is being recorded
		_, err := q.UpdateBinding(t.Context(), deactivated)
		return err
	}, func(q store.Queries) (err error) {
		w.epoch, err = Move(t.Context(), q, w.tenant)
		return err
	}))
	requireAt(t, w, w.tenant, 2, w.epoch)
	for _, one := range written {
		one.requireStored(t, w)
	}
	require.False(t, must(w.GetBinding(t.Context(), w.binding.ID))(t).Active)
	rows, err := w.ListAuditLog(t.Context(), store.ListAuditLogParams{TenantKey: &w.tenant, BeforeID: store.MaxID, RowLimit: all})
	lists(t, rows, err, entries...)
	require.Zero(t, w.Stats().InUse, "no connection is lost")
}

func stagedInOrder(t *testing.T, s *store.Store) {
	w := newWorld(t, s)
	var first, second store.Principal
	later := w.now.Add(time.Second)
	require.NoError(t, w.Staged(t.Context(), func(q store.Queries) error {
		for range many { // each takes the subject and the key of the one before
			p := w.newPrincipal()
			p.PrincipalKey, p.AuthSubject = "the key", "the subject of "+w.tenant
			first = must(q.CreatePrincipal(t.Context(), p))(t)
			if _, err := q.UpdatePrincipal(t.Context(), store.UpdatePrincipalParams{
				ID: p.ID, PrincipalKey: p.PrincipalKey, AuthSubject: unique("given up"), PrincipalType: "admin", Status: "disabled", UpdatedAt: later,
			}); err != nil {
				return err
			}
			if err := q.DeletePrincipal(t.Context(), p.ID); err != nil {
				return err
			}
		}
		p := w.newPrincipal()
		p.PrincipalKey, p.AuthSubject = first.PrincipalKey, first.AuthSubject
		second = must(q.CreatePrincipal(t.Context(), p))(t)
		if err := q.DeleteBinding(t.Context(), w.binding.ID); err != nil {
			return err
		}
		return q.DeleteProfile(t.Context(), w.profile.ID)
	}, nothing))
	require.Equal(t, second, must(w.GetPrincipal(t.Context(), second.ID))(t))
	_, err := w.GetPrincipal(t.Context(), first.ID)
	require.True(t, store.IsNotFound(err))
	_, err = w.GetProfile(t.Context(), w.profile.ID)
	require.True(t, store.IsNotFound(err))
}

func stagedUndone(t *testing.T, s *store.Store) {
	w := newWorld(t, s)
	taken := w.newPrincipal()
	taken.AuthSubject = w.principal.AuthSubject
	ended, end := context.WithCancel(t.Context())
	for what, c := range map[string]struct {
		ctx    context.Context
		spoil  func(q store.Queries) error
		commit func(q store.Queries) error
		wrong  func(error) bool
	}{
		"recording fails":  {t.Context(), func(store.Queries) error { return errTest }, nothing, func(err error) bool { return errors.Is(err, errTest) }},
		"confirming fails": {t.Context(), nothing, func(store.Queries) error { return errTest }, func(err error) bool { return errors.Is(err, errTest) }},
		"a subject is taken": {t.Context(), func(q store.Queries) error {
			_, err := q.CreatePrincipal(t.Context(), taken)
			return err
		}, nothing, store.IsUnique},
		"a profile is in use": {t.Context(), func(q store.Queries) error { return q.DeleteProfile(t.Context(), w.profile.ID) }, nothing, store.IsForeignKey},
		"the context ends":    {ended, func(store.Queries) error { end(); return nil }, nothing, func(err error) bool { return err != nil }},
	} {
		var one staged
		err := w.Staged(c.ctx, func(q store.Queries) error {
			one = w.stage(t, q)
			return c.spoil(q)
		}, func(q store.Queries) error {
			if _, err := Move(t.Context(), q, w.tenant); err != nil {
				return err
			}
			return c.commit(q)
		})
		require.True(t, c.wrong(err), "%s: %v", what, err)
		_, err = w.GetSecretRef(t.Context(), one.secret.ID)
		require.True(t, store.IsNotFound(err), what)
		_, err = w.GetPrincipal(t.Context(), one.principal.ID)
		require.True(t, store.IsNotFound(err), what)
		requireAt(t, w, w.tenant, 1, w.epoch, what)
		rows, err := w.ListAuditLog(t.Context(), store.ListAuditLogParams{TenantKey: &w.tenant, BeforeID: store.MaxID, RowLimit: all})
		lists(t, rows, err)
	}
	require.Zero(t, w.Stats().InUse, "no connection is lost")
}
