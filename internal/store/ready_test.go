package store_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/gofrs/flock"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/store"
	"github.com/legivellum/metagate/internal/test/storetest"
	"github.com/legivellum/metagate/internal/test/testdb"
)

func TestASchemaThatCantBeReadIsNoEmptyOne(t *testing.T) {
	t.Parallel()
	testdb.Each(t, storetest.Migrate, func(t *testing.T, url string) {
		storetest.Behind(t, url, "ALTER TABLE goose_db_version RENAME COLUMN version_id TO another")
		err := open(t, url).Ready(t.Context())
		require.Error(t, err)
		require.NotContains(t, err.Error(), "pending")
	})
}

func TestASchemaOfANewerProgramIsNeitherReadyNorMigrated(t *testing.T) {
	t.Parallel()
	testdb.Each(t, storetest.Migrate, func(t *testing.T, url string) {
		storetest.Behind(t, url, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, true)")
		s := open(t, url)
		known, err := s.Migrations(t.Context())
		require.NoError(t, err)
		require.NotEmpty(t, known)
		_, err = s.Migrate(t.Context())
		for _, err := range []error{err, s.Ready(t.Context())} {
			var lacks store.NotReady
			require.ErrorAs(t, err, &lacks)
			require.True(t, lacks.Newer)
			require.ErrorContains(t, err, "99999")
			require.NotContains(t, err.Error(), "pending")
		}
	})
}

func TestADatabaseThatLacksATableIsNotReady(t *testing.T) {
	t.Parallel()
	testdb.Each(t, storetest.Migrate, func(t *testing.T, url string) {
		s := open(t, url)
		require.NoError(t, s.Ready(t.Context()))
		storetest.Behind(t, url, "DROP TABLE secret_refs")
		require.ErrorAs(t, s.Ready(t.Context()), new(store.NotReady))
		require.ErrorContains(t, s.Ready(t.Context()), "a table is missing")
	})
}

func TestTryingAReceiptLeavesNoneBehind(t *testing.T) {
	t.Parallel()
	testdb.Each(t, storetest.Migrate, func(t *testing.T, url string) {
		s := open(t, url)
		require.NoError(t, s.TryReceipt(t.Context()), "nobody is there to get one")
		_, err := storetest.Move(t.Context(), s, "default")
		require.NoError(t, err)
		require.NoError(t, s.TryReceipt(t.Context()))
		n, err := s.CountOpenStartups(t.Context(), store.Now())
		require.NoError(t, err)
		require.Zero(t, n.Open)
		storetest.Behind(t, url, "DROP TABLE startup_sessions")
		require.Error(t, s.TryReceipt(t.Context()))
	})
}

func TestSQLitesMigrationLockIsNotWaitedForWithoutEnd(t *testing.T) {
	url := testdb.SQLite(t)
	path, _ := strings.CutPrefix(url, "sqlite:")
	held := flock.New(path + ".migrate.lock")
	require.NoError(t, held.Lock())
	t.Cleanup(func() { _ = held.Unlock() })
	synctest.Test(t, func(t *testing.T) { // its minute passes at once
		s, err := store.Open(t.Context(), url)
		require.NoError(t, err)
		defer s.Close()
		_, err = s.Migrate(t.Context())
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorContains(t, err, held.Path())
	})
}
