package storetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/store"
)

func (w *world) newRefusal(code string, at time.Time) store.PutRefusalParams {
	return store.PutRefusalParams{
		ID: store.NewID(at), TenantKey: w.tenant, Code: code, Operation: "bootstrap", PrincipalKey: "p", ComponentKey: "c", RemoteAddr: "::1",
		N: 2, FirstAt: at, LastAt: at, Detail: "no",
	}
}

func (w *world) refusals(t *testing.T, p store.ListRefusalsParams) []store.Refusal {
	t.Helper()
	if p.BeforeID == store.MinID {
		p.BeforeID = store.MaxID
	}
	p.TenantKey, p.RowLimit = &w.tenant, all
	return must(w.ListRefusals(t.Context(), p))(t)
}

var refusals = tests{
	"PutRefusal": func(t *testing.T, w *world) {
		p := w.newRefusal("A", w.now)
		require.NoError(t, w.PutRefusal(t.Context(), p))
		again := w.newRefusal("A", w.now.Add(time.Second))
		again.N, again.Detail = 3, "still no"
		require.NoError(t, w.PutRefusal(t.Context(), again))
		p.N, p.LastAt, p.Detail = 5, again.LastAt, again.Detail
		require.Equal(t, []store.Refusal{store.Refusal(p)}, w.refusals(t, store.ListRefusalsParams{}))
		late := w.newRefusal("A", w.now.Add(-time.Second))
		require.NoError(t, w.PutRefusal(t.Context(), late))
		require.Equal(t, again.LastAt, w.refusals(t, store.ListRefusalsParams{})[0].LastAt, "another replica's, written later")
	},
	"ListRefusals": func(t *testing.T, w *world) {
		first, second, nobody := w.newRefusal("A", w.now), w.newRefusal("B", w.now.Add(time.Second)), w.newRefusal("C", w.now)
		nobody.TenantKey, nobody.KeyPrefix = "", unique("k")
		for _, p := range []store.PutRefusalParams{first, second, nobody} {
			require.NoError(t, w.PutRefusal(t.Context(), p))
		}
		a, b := store.Refusal(first), store.Refusal(second)
		require.Equal(t, []store.Refusal{b, a}, w.refusals(t, store.ListRefusalsParams{}))
		require.Equal(t, []store.Refusal{a}, w.refusals(t, store.ListRefusalsParams{BeforeID: b.ID}))
		require.Equal(t, []store.Refusal{a}, w.refusals(t, store.ListRefusalsParams{Code: new("A")}))
		require.Equal(t, []store.Refusal{b}, w.refusals(t, store.ListRefusalsParams{Since: &second.LastAt}))
		require.Empty(t, w.refusals(t, store.ListRefusalsParams{PrincipalKey: new("another")}))
		require.Contains(t, w.refusals(t, store.ListRefusalsParams{Unknown: true}), store.Refusal(nobody))
	},
	"DeleteOldRefusals": func(t *testing.T, w *world) {
		long := time.Date(1990, 1, 1, 0, 0, 0, 0, time.UTC)
		old, fresh := w.newRefusal("A", long), w.newRefusal("B", long.Add(time.Hour))
		require.NoError(t, w.PutRefusal(t.Context(), old))
		require.NoError(t, w.PutRefusal(t.Context(), fresh))
		require.EqualValues(t, 1, must(w.DeleteOldRefusals(t.Context(), fresh.LastAt))(t))
		require.Equal(t, []store.Refusal{store.Refusal(fresh)}, w.refusals(t, store.ListRefusalsParams{}))
	},
	"DeleteRefusalsBeyond": func(t *testing.T, w *world) { // refusalsBeyond has the rest
		require.EqualValues(t, 0, must(w.DeleteRefusalsBeyond(t.Context(), 10_000))(t))
	},
}

// refusalsBeyond: those seen last stay.
func refusalsBeyond(t *testing.T, s *store.Store) {
	w := newWorld(t, s)
	old, fresh := w.newRefusal("A", w.now.Add(-time.Hour)), w.newRefusal("B", w.now.Add(-2*time.Hour))
	fresh.LastAt = w.now
	require.NoError(t, w.PutRefusal(t.Context(), old))
	require.NoError(t, w.PutRefusal(t.Context(), fresh))
	require.EqualValues(t, 1, must(w.DeleteRefusalsBeyond(t.Context(), 1))(t))
	require.Equal(t, []store.Refusal{store.Refusal(fresh)}, w.refusals(t, store.ListRefusalsParams{}))
}
