package store_test

import (
	"context"
	"database/sql"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/store"
	"github.com/legivellum/metagate/internal/store/storetest"
	"github.com/legivellum/metagate/internal/testdb"
)

func TestMain(m *testing.M) { testdb.Main(m) }

func TestBothEnginesKeepTheContractOfTheStore(t *testing.T) {
	t.Parallel()
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		storetest.Run(t, func(t *testing.T) *store.Store { return open(t, testdb.Postgres(t, migrate)) })
	})
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		storetest.Run(t, func(t *testing.T) *store.Store {
			url := testdb.SQLite(t)
			require.NoError(t, migrate(t.Context(), url))
			return open(t, url)
		})
	})
}

func migrate(ctx context.Context, url string) error {
	s, err := store.Open(ctx, url)
	if err != nil {
		return err
	}
	defer s.Close()
	_, err = s.Migrate(ctx)
	return err
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

func TestAReceiptThatIsNotMirroredYetIsNeverRemoved(t *testing.T) {
	t.Parallel()
	testdb.Each(t, migrate, func(t *testing.T, url string) {
		s, now := open(t, url), store.Now()
		require.NoError(t, s.BumpRevision(t.Context(), "default"))
		ids := map[string]uuid.UUID{}
		for _, mirror := range []string{"off", "pending", "mirrored"} {
			p := store.OpenStartupParams{
				ID: store.NewID(now.Add(-time.Hour)), TenantKey: "default", Revision: 1, PrincipalID: uuid.New(), PacketID: uuid.New(),
				OpenedAt: now.Add(-time.Hour), DeadlineAt: now.Add(-time.Minute),
			}
			n, err := s.OpenStartup(t.Context(), p)
			require.NoError(t, err)
			require.EqualValues(t, 1, n)
			ids[mirror] = p.ID
			_, err = raw(t, url).ExecContext(t.Context(),
				"UPDATE startup_sessions SET mirror_status = '"+mirror+"' WHERE id = '"+p.ID.String()+"'")
			require.NoError(t, err)
		}
		n, err := s.DeleteOldStartups(t.Context(), store.DeleteOldStartupsParams{BeforeID: store.FirstID(now), Now: now, RowLimit: 10})
		require.NoError(t, err)
		require.EqualValues(t, 2, n)
		row, err := s.GetStartup(t.Context(), ids["pending"])
		require.NoError(t, err)
		require.Equal(t, "pending", row.MirrorStatus)
	})
}
