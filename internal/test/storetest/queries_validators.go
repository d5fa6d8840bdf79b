package storetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/store"
)

func (w *world) newValidator() store.CreateValidatorParams {
	return store.CreateValidatorParams{
		ID: store.NewID(w.now), TenantKey: w.tenant, ValidatorKey: unique("validator"), Description: "d", Target: "packet",
		AppliesTo: store.JSON(`{"keys":["a*"]}`), Mode: "deny", AcceptPresent: true, Document: store.JSON(`{"const":1.10}`), CreatedAt: w.now, UpdatedAt: w.now,
	}
}

func (w *world) addValidator(t *testing.T) store.Validator {
	t.Helper()
	return must(w.CreateValidator(t.Context(), w.newValidator()))(t)
}

var validators = tests{
	"CreateValidator": func(t *testing.T, w *world) {
		p := w.newValidator()
		row, err := w.CreateValidator(t.Context(), p)
		require.NoError(t, err)
		require.Equal(t, store.Validator(p), row)
		require.Equal(t, row, must(w.GetValidator(t.Context(), p.ID))(t))
		p.ID = store.NewID(w.now)
		_, err = w.CreateValidator(t.Context(), p)
		require.True(t, store.IsUnique(err))
		p = w.newValidator()
		p.AppliesTo, p.AcceptPresent = nil, false
		require.Equal(t, store.Validator(p), must(w.CreateValidator(t.Context(), p))(t))
	},
	"UpdateValidator": func(t *testing.T, w *world) {
		want := w.addValidator(t)
		want.ValidatorKey, want.Description, want.Target, want.AppliesTo = unique("v"), "", "manifest", nil
		want.Mode, want.AcceptPresent, want.Document, want.UpdatedAt = "warn", false, store.JSON(`{}`), w.now.Add(time.Second)
		row, err := w.UpdateValidator(t.Context(), store.UpdateValidatorParams{
			ID: want.ID, ValidatorKey: want.ValidatorKey, Description: want.Description, Target: want.Target, AppliesTo: want.AppliesTo,
			Mode: want.Mode, AcceptPresent: want.AcceptPresent, Document: want.Document, UpdatedAt: want.UpdatedAt,
		})
		require.NoError(t, err)
		require.Equal(t, want, row)
		require.Equal(t, want, must(w.GetValidator(t.Context(), want.ID))(t))
	},
	"GetValidator": func(t *testing.T, w *world) {
		v := w.addValidator(t)
		require.Equal(t, v, must(w.GetValidator(t.Context(), v.ID))(t))
	},
	"GetValidatorByKey": func(t *testing.T, w *world) {
		v := w.addValidator(t)
		key := store.GetValidatorByKeyParams{TenantKey: w.tenant, ValidatorKey: v.ValidatorKey}
		require.Equal(t, v, must(w.GetValidatorByKey(t.Context(), key))(t))
		key.TenantKey = "another"
		_, err := w.GetValidatorByKey(t.Context(), key)
		require.True(t, store.IsNotFound(err))
	},
	"ListValidators": func(t *testing.T, w *world) {
		first, second := w.addValidator(t), w.addValidator(t)
		list := func(f store.ListValidatorsParams, want ...store.Validator) {
			f.TenantKey, f.RowLimit = &w.tenant, all
			rows, err := w.ListValidators(t.Context(), f)
			lists(t, rows, err, want...)
		}
		list(store.ListValidatorsParams{}, first, second)
		list(store.ListValidatorsParams{ValidatorKey: &second.ValidatorKey}, second)
		list(store.ListValidatorsParams{After: first.ID}, second)
	},
	"HasValidators": func(t *testing.T, w *world) {
		require.False(t, must(w.HasValidators(t.Context(), w.tenant))(t))
		w.addValidator(t)
		require.True(t, must(w.HasValidators(t.Context(), w.tenant))(t))
		require.False(t, must(w.HasValidators(t.Context(), "another"))(t))
	},
	"DeleteValidator": func(t *testing.T, w *world) {
		v := w.addValidator(t)
		require.NoError(t, w.DeleteValidator(t.Context(), v.ID))
		_, err := w.GetValidator(t.Context(), v.ID)
		require.True(t, store.IsNotFound(err))
	},
}
