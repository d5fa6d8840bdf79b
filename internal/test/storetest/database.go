package storetest

import (
	"context"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/store"
)

// Migrate makes the template that test databases are cloned from.
func Migrate(ctx context.Context, url string) error {
	s, err := store.Open(ctx, url)
	if err != nil {
		return err
	}
	defer s.Close()
	_, err = s.Migrate(ctx)
	return err
}

func migrateTwice(t *testing.T, s *store.Store) {
	w := newWorld(t, s)
	before := must(s.Migrations(t.Context()))(t)
	require.NotEmpty(t, before)
	for i, m := range before {
		require.EqualValues(t, i+1, m.Version)
		require.False(t, m.AppliedAt.IsZero(), "%d is pending", m.Version)
	}
	require.Empty(t, must(s.Migrate(t.Context()))(t))
	require.Equal(t, before, must(s.Migrations(t.Context()))(t))
	require.NoError(t, s.Ready(t.Context()))
	must(w.GetIdentityBySubject(t.Context(), w.principal.AuthSubject))(t)
}

func migrateDownUp(t *testing.T, s *store.Store) {
	known := must(s.Migrations(t.Context()))(t)
	for i, newest := range slices.Backward(known) {
		undone := must(s.MigrateDown(t.Context()))(t)
		require.Equal(t, newest.Version, undone.Version)
		require.True(t, must(s.Migrations(t.Context()))(t)[i].AppliedAt.IsZero())
	}
	require.Zero(t, must(s.MigrateDown(t.Context()))(t), "there is none left")
	_, err := s.GetRevision(t.Context(), "tenant")
	require.Error(t, err)
	require.False(t, store.IsNotFound(err), "the table is gone")

	done := must(s.Migrate(t.Context()))(t)
	require.Len(t, done, len(known))
	for i := range done {
		require.Equal(t, known[i].Version, done[i].Version)
		require.Equal(t, known[i].Name, done[i].Name)
	}
	newWorld(t, s)
}

func readyPending(t *testing.T, s *store.Store) {
	require.NoError(t, s.Ready(t.Context()))
	must(s.MigrateDown(t.Context()))(t)
	require.ErrorContains(t, s.Ready(t.Context()), "pending")
	must(s.Migrate(t.Context()))(t)
	require.NoError(t, s.Ready(t.Context()))
}

func poolStats(t *testing.T, s *store.Store) {
	w := newWorld(t, s)
	idle := w.Stats()
	require.Zero(t, idle.InUse)
	require.Positive(t, idle.Open)
	require.LessOrEqual(t, idle.Open, idle.Max)
	require.NoError(t, w.InTx(t.Context(), func(store.Queries) error {
		require.Equal(t, 1, w.Stats().InUse)
		return nil
	}))
	require.Zero(t, w.Stats().InUse)
	require.GreaterOrEqual(t, w.Stats().Waits, idle.Waits)
	require.GreaterOrEqual(t, w.Stats().WaitTime, idle.WaitTime)
}
