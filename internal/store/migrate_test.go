package store_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/gofrs/flock"
	"github.com/google/uuid"
	"github.com/pressly/goose/v3/lock"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/store"
	"github.com/legivellum/metagate/internal/test/storetest"
	"github.com/legivellum/metagate/internal/test/testdb"
)

func TestManyProcessesMayMigrateAnEmptyDatabaseAtTheSameTime(t *testing.T) {
	t.Parallel()
	testdb.Each(t, nil, func(t *testing.T, url string) {
		const processes = 4
		type result struct {
			done []store.Migration
			err  error
		}
		results := make(chan result, processes)
		start := make(chan struct{})
		for range processes {
			s := open(t, url)
			go func() {
				<-start
				done, err := s.Migrate(t.Context())
				results <- result{done, err}
			}()
		}
		close(start)
		applied := 0
		for range processes {
			r := <-results
			require.NoError(t, r.err)
			applied += len(r.done)
		}
		s := open(t, url)
		known, err := s.Migrations(t.Context())
		require.NoError(t, err)
		require.Len(t, known, applied, "each migration is applied once")
		require.NoError(t, s.Ready(t.Context()))
	})
}

// holdMigrations takes the lock of a process that migrates.
func holdMigrations(t *testing.T, url string) (release func()) {
	t.Helper()
	if path, ok := strings.CutPrefix(url, "sqlite:"); ok {
		l := flock.New(path + ".migrate.lock")
		require.NoError(t, l.Lock())
		return func() { require.NoError(t, l.Unlock()) }
	}
	tx, err := raw(t, url).BeginTx(t.Context(), nil)
	require.NoError(t, err)
	_, err = tx.ExecContext(t.Context(), "SELECT pg_advisory_xact_lock($1)", lock.DefaultLockID)
	require.NoError(t, err)
	return func() { require.NoError(t, tx.Rollback()) }
}

func TestWhoeverMigratesKeepsTheOthersWaiting(t *testing.T) {
	t.Parallel()
	testdb.Each(t, nil, func(t *testing.T, url string) {
		release := holdMigrations(t, url)
		s := open(t, url)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := s.Migrate(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		_, err = s.MigrateDown(ctx)
		require.Error(t, err)
		require.ErrorContains(t, s.Ready(t.Context()), "pending")

		done := make(chan error)
		go func() { _, err := s.Migrate(t.Context()); done <- err }()
		release()
		require.NoError(t, <-done)
		require.NoError(t, s.Ready(t.Context()))
	})
}

// What the first release wrote is there after the migrations, and after those back and forth.
func TestReceiptsOfTheFirstSchemaStay(t *testing.T) {
	t.Parallel()
	testdb.Each(t, storetest.Migrate, func(t *testing.T, url string) {
		s, id, opened := open(t, url), uuid.New(), time.Date(2026, 1, 2, 3, 4, 5, 678_000_000, time.UTC)
		down := func() {
			for {
				undone, err := s.MigrateDown(t.Context())
				require.NoError(t, err)
				if undone.Version == 2 {
					return
				}
			}
		}
		down()
		storetest.Behind(t, url,
			"INSERT INTO tenant_revisions VALUES ('a', 7), ('b', 7)",
			"INSERT INTO startup_sessions VALUES ('"+id.String()+"', 'a', '"+id.String()+"', 'p', 'c', 'f', 'm', 3, '"+id.String()+"', 'etag', 'OPEN', "+
				"'2026-01-02 03:04:05.678000+00:00', '2026-01-02 03:04:05.678000+00:00', NULL, NULL, NULL, NULL, NULL, NULL, 'mirrored')")
		for range 2 {
			_, err := s.Migrate(t.Context())
			require.NoError(t, err)
			a, err := s.GetRevision(t.Context(), "a")
			require.NoError(t, err)
			b, err := s.GetRevision(t.Context(), "b")
			require.NoError(t, err)
			require.EqualValues(t, 7, a.Revision)
			require.Positive(t, a.Epoch)
			require.NotEqual(t, a.Epoch, b.Epoch, "nobody's is another's")
			row, err := s.GetStartup(t.Context(), id)
			require.NoError(t, err)
			require.Equal(t, store.StartupSession{
				ID: id, TenantKey: "a", PrincipalID: id, PrincipalKey: "p", ComponentKey: "c", ProfileKey: "f", ManifestKey: "m", ManifestVersion: 3,
				PacketID: id, PacketEtag: "etag", Status: "OPEN", OpenedAt: opened, DeadlineAt: opened, Source: "live",
			}, row)
			down()
		}
	})
}

func TestAnEmptyDatabaseAnswersButIsNotReady(t *testing.T) {
	t.Parallel()
	testdb.Each(t, nil, func(t *testing.T, url string) {
		s := open(t, url)
		require.NoError(t, s.Ping(t.Context()))
		require.ErrorContains(t, s.Ready(t.Context()), "pending")
		known, err := s.Migrations(t.Context())
		require.NoError(t, err)
		require.NotEmpty(t, known)
		for _, m := range known {
			require.True(t, m.AppliedAt.IsZero())
		}
		undone, err := s.MigrateDown(t.Context())
		require.NoError(t, err)
		require.Zero(t, undone)
	})
}
