package store_test

import (
	"database/sql"
	"strings"
	"testing"

	"github.com/google/uuid"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/store"
	"github.com/legivellum/metagate/internal/test/storetest"
	"github.com/legivellum/metagate/internal/test/testdb"
)

func TestMain(m *testing.M) { testdb.Main(m) }

func TestBothEnginesKeepTheContractOfTheStore(t *testing.T) {
	t.Parallel()
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		storetest.Run(t, func(t *testing.T) *store.Store { return open(t, testdb.Postgres(t, storetest.Migrate)) })
	})
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		storetest.Run(t, func(t *testing.T) *store.Store {
			url := testdb.SQLite(t)
			require.NoError(t, storetest.Migrate(t.Context(), url))
			return open(t, url)
		})
	})
}

func open(t *testing.T, url string) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return s
}

// raw opens the database behind the store's back, as another process would.
func raw(t *testing.T, url string) *sql.DB {
	t.Helper()
	driver, dsn := "pgx", url
	if path, ok := strings.CutPrefix(url, "sqlite:"); ok {
		driver, dsn = "sqlite", path
	}
	db, err := sql.Open(driver, dsn)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

func TestTheHotConnectionsAreFreeWhenAllOthersAreTaken(t *testing.T) {
	t.Parallel()
	testdb.Each(t, storetest.Migrate, func(t *testing.T, url string) {
		s := open(t, url)
		epoch, err := storetest.Move(t.Context(), s, "default")
		require.NoError(t, err)
		others := s.Stats().Max - s.Hot().Stats().Max
		if strings.HasPrefix(url, "sqlite:") {
			others-- // the one writer is everybody's
		}
		require.Positive(t, others)
		var hold func(n int) error
		hold = func(n int) error {
			if n > 0 {
				return s.InSnapshot(t.Context(), func(store.Queries) error { return hold(n - 1) })
			}
			require.GreaterOrEqual(t, s.Stats().InUse, others)
			_, err := s.Hot().GetRevision(t.Context(), "default")
			require.NoError(t, err)
			now := store.Now()
			opened, err := s.Hot().OpenStartups(t.Context(), []store.OpenStartupParams{{
				ID: store.NewID(now), TenantKey: "default", Epoch: epoch, Source: "live", PacketID: uuid.New(), OpenedAt: now, DeadlineAt: now,
			}})
			require.NoError(t, err)
			require.Equal(t, []store.Opening{store.Opened}, opened)
			return nil
		}
		require.NoError(t, hold(others))
		require.Zero(t, s.Stats().InUse, "and all come back")
	})
}
