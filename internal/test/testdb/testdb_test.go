package testdb

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

func TestFreshDatabaseIsEmptyAndIsolated(t *testing.T) {
	t.Parallel()
	one, two := Postgres(t, nil), Postgres(t, nil)
	require.NotEqual(t, one, two)
	const tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
	require.Equal(t, 0, ask[int](t, one, tables))
	_, err := open(t, one).Exec(t.Context(), "CREATE TABLE t (n int)")
	require.NoError(t, err)
	require.Equal(t, 1, ask[int](t, one, tables))
	require.Equal(t, 0, ask[int](t, two, tables))
	require.Equal(t, "UTF8 C", ask[string](t, two,
		"SELECT pg_encoding_to_char(encoding) || ' ' || datcollate FROM pg_database WHERE datname = current_database()"))
}

func TestDatabaseIsDroppedWhenTheTestEnds(t *testing.T) {
	t.Parallel()
	var conn *pgx.Conn
	var databaseURL string
	require.True(t, t.Run("test", func(t *testing.T) {
		databaseURL = Postgres(t, nil)
		var err error
		conn, err = pgx.Connect(t.Context(), databaseURL)
		require.NoError(t, err)
	}))
	require.Error(t, conn.Ping(t.Context()), "it was open, and did not hold the database")
	_, err := pgx.Connect(t.Context(), databaseURL)
	require.ErrorContains(t, err, "does not exist")
}

var migrations atomic.Int64

func migrateCounted(ctx context.Context, databaseURL string) error {
	migrations.Add(1)
	return execute(ctx, databaseURL, "CREATE TABLE counted (n int)")
}

func migrateOther(ctx context.Context, databaseURL string) error {
	return execute(ctx, databaseURL, "CREATE TABLE other (n int)")
}

func execute(ctx context.Context, databaseURL, sql string) error {
	conn, err := pgx.Connect(ctx, databaseURL)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, sql)
	return errors.Join(err, conn.Close(ctx))
}

func TestTemplateIsMigratedOncePerProcess(t *testing.T) {
	t.Parallel()
	urls := make([]string, 5)
	var wg sync.WaitGroup
	for i := range urls {
		wg.Go(func() { urls[i] = Postgres(t, migrateCounted) })
	}
	wg.Wait()
	for _, databaseURL := range urls {
		require.Equal(t, 0, ask[int](t, databaseURL, "SELECT count(*) FROM counted"))
	}
	require.EqualValues(t, 1, migrations.Load())
	require.Equal(t, 0, ask[int](t, Postgres(t, migrateOther), "SELECT count(*) FROM other"), "another function, another template")
}

func TestEachRunsOnBothEngines(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	migrated, ran := map[string]string{}, map[string]string{}
	require.True(t, t.Run("each", func(t *testing.T) {
		Each(t, func(_ context.Context, databaseURL string) error {
			engine, _, _ := strings.Cut(databaseURL, ":")
			mu.Lock()
			defer mu.Unlock()
			migrated[engine] = databaseURL
			return nil
		}, func(t *testing.T, databaseURL string) {
			mu.Lock()
			defer mu.Unlock()
			ran[filepath.Base(t.Name())] = databaseURL
		})
	}))
	require.Len(t, ran, 2)
	require.Contains(t, ran["postgres"], "postgres://")
	require.NotEqual(t, ran["postgres"], migrated["postgres"], "a copy of the template")
	require.Regexp(t, `^sqlite:/.*\.db$`, ran["sqlite"])
	require.Equal(t, ran["sqlite"], migrated["sqlite"])
}

func TestNothingStaysOnAForeignServer(t *testing.T) {
	t.Parallel()
	own := OwnCluster(t)
	s := newShared(func() (*Cluster, error) { return Start(t.Context(), io.Discard, foreign(own.URL(""))) })
	const databases = "SELECT count(*) FROM pg_database WHERE datname LIKE 'test%'"
	require.True(t, t.Run("test", func(t *testing.T) {
		s.postgres(t, migrateOther)
		require.Equal(t, 2, ask[int](t, own.URL(""), databases), "a template and its copy")
	}))
	require.NoError(t, s.close())
	require.Equal(t, 0, ask[int](t, own.URL(""), databases))
}

func TestWithoutPostgreSQLTheTestFails(t *testing.T) {
	t.Parallel()
	var starts int
	s := newShared(func() (*Cluster, error) {
		starts++
		return Start(t.Context(), io.Discard, func(o *options) { o.finder = finder{} })
	})
	for range 2 {
		tb := &failing{TB: t}
		done := make(chan struct{})
		go func() {
			defer close(done)
			s.postgres(tb, nil)
		}()
		<-done
		require.True(t, tb.fatal)
		require.Contains(t, tb.message, "no PostgreSQL: ")
		require.NotContains(t, tb.message, "\n")
	}
	require.Equal(t, 1, starts)
	require.NoError(t, s.close())
}

func TestMigrationFailureIsTold(t *testing.T) {
	t.Parallel()
	s := newShared(process.start)
	tb := &failing{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.postgres(tb, func(context.Context, string) error { return errors.New("bad SQL") })
	}()
	<-done
	require.Equal(t, "migrate PostgreSQL: bad SQL", tb.message)
	for _, once := range s.templates {
		name, _ := once()
		require.NoError(t, s.cluster.DropDatabase(t.Context(), name))
	}
}
