package app_test

import (
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/app"
	"github.com/legivellum/metagate/internal/store"
	"github.com/legivellum/metagate/internal/test/apptest"
	"github.com/legivellum/metagate/internal/test/storetest"
	"github.com/legivellum/metagate/internal/test/testdb"
)

// unready demands 503 of /ready, and that it says why without a word of the driver.
func unready(t *testing.T, a *apptest.App, why string) {
	t.Helper()
	got := wire{a, ""}.send(t, http.MethodGet, "/ready", "")
	got.refused(t, 503, "UNAVAILABLE")
	require.Contains(t, got.Body, why)
	require.NotContains(t, got.Body, "SQLSTATE")
	require.NotContains(t, got.Body, "goose")
	require.NotEmpty(t, got.Header.Get("Retry-After"))
}

func isReady(t *testing.T, a *apptest.App) {
	t.Helper()
	got := wire{a, ""}.send(t, http.MethodGet, "/ready", "")
	require.Equal(t, 200, got.Status, got.Body)
}

func TestAServerIsNotReadyOnASchemaThatIsNotItsOwnAndDoesNotStartOnANewerOne(t *testing.T) {
	t.Parallel()
	testdb.Each(t, apptest.Migrate, func(t *testing.T, url string) {
		a := apptest.Start(t, url)
		isReady(t, a)
		storetest.Behind(t, url, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, true)")
		unready(t, a, "migration 99999, of a newer MetaGate")
		for _, migrate := range []bool{true, false} {
			c := apptest.Config(t, url)
			c.AutoMigrate = migrate
			_, err := app.Start(t.Context(), c, app.Build{}, slog.New(slog.DiscardHandler))
			require.ErrorContains(t, err, "DATABASE_URL: the database is at migration 99999, of a newer MetaGate; this one knows up to ")
			require.NotContains(t, err.Error(), "\n")
		}
		storetest.Behind(t, url, "DELETE FROM goose_db_version WHERE version_id > 0")
		unready(t, a, "are pending (the database is at 0)")
	})
}

func TestAServerIsNotReadyWithoutATableThatItNeeds(t *testing.T) {
	t.Parallel()
	testdb.Each(t, apptest.Migrate, func(t *testing.T, url string) {
		a := apptest.Start(t, url)
		storetest.Behind(t, url, "ALTER TABLE secret_refs RENAME TO elsewhere")
		unready(t, a, "a table is missing")
		storetest.Behind(t, url, "ALTER TABLE elsewhere RENAME TO secret_refs")
		isReady(t, a)
	})
}

func TestAServerIsNotReadyOnAReadOnlyDatabase(t *testing.T) {
	t.Parallel()
	url := testdb.Postgres(t, apptest.Migrate)
	a := apptest.Start(t, url)
	isReady(t, a)
	const sessionsEnd = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
	turn := func(to string) {
		storetest.Behind(t, url, "SET default_transaction_read_only = off", `DO $$ BEGIN EXECUTE format(
			'ALTER DATABASE %I SET default_transaction_read_only = `+to+`', current_database()); END $$`, sessionsEnd)
	}
	turn("on")
	until(t, func() bool { // until the pool has noticed that its connections have ended
		return strings.Contains(wire{a, ""}.send(t, http.MethodGet, "/ready", "").Body, "read-only")
	})
	unready(t, a, "the database is read-only, or a standby")
	for range 20 { // on connections of either kind
		r := wire{a, apptest.AdminKey}.send(t, http.MethodPost, "/v1/bootstrap", `{"component_key":"c"}`)
		r.refused(t, 503, "UNAVAILABLE")
		require.NotEmpty(t, r.Header.Get("Retry-After"))
	}
	turn("off")
	until(t, func() bool { return wire{a, ""}.send(t, http.MethodGet, "/ready", "").Status == 200 })
}

// refuseReceipts has the database refuse each new receipt, as a full disk would.
func refuseReceipts(t *testing.T, url string) (accept func()) {
	t.Helper()
	if strings.HasPrefix(url, "sqlite:") {
		storetest.Behind(t, url, "CREATE TRIGGER refuse BEFORE INSERT ON startup_sessions BEGIN SELECT RAISE(ABORT, 'refused'); END")
		return func() { storetest.Behind(t, url, "DROP TRIGGER refuse") }
	}
	storetest.Behind(t, url, "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE disk_full; END $$",
		"CREATE TRIGGER refuse BEFORE INSERT ON startup_sessions FOR EACH ROW EXECUTE FUNCTION refuse()")
	return func() { storetest.Behind(t, url, "DROP TRIGGER refuse ON startup_sessions") }
}

func TestAServerWhoseLastReceiptFailedIsNotReadyUntilOneCouldBeWritten(t *testing.T) {
	t.Parallel()
	testdb.Each(t, apptest.Migrate, func(t *testing.T, url string) {
		l := newLab(t, apptest.Start(t, url))
		accept := refuseReceipts(t, url)
		isReady(t, l.App) // nothing has been tried
		got := wire{l.App, l.key.APIKey}.send(t, http.MethodPost, "/v1/bootstrap", `{"component_key":"c"}`)
		require.GreaterOrEqual(t, got.Status, 500)
		for range 2 {
			unready(t, l.App, "the database takes no writes")
		}
		accept()
		isReady(t, l.App) // though nobody has come since
		isReady(t, l.App)
		rows, _ := adminList[model.StartupSession](t, l.App, "startups")
		require.Empty(t, rows, "what was tried was no startup")
		l.start(t, "c")
	})
}

func TestAServerWhoseSQLiteFileIsLockedAtItsStartNamesTheDatabase(t *testing.T) {
	t.Parallel()
	url := testdb.SQLite(t)
	require.NoError(t, apptest.Migrate(t.Context(), url))
	another, err := store.Open(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(another.Close)
	require.NoError(t, another.InTx(t.Context(), func(q store.Queries) error { // it holds the lock while this runs
		require.NoError(t, lockTenant(t.Context(), q, "default"))
		for _, migrate := range []bool{true, false} {
			c := apptest.Config(t, url)
			c.AutoMigrate = migrate
			_, err := app.Start(t.Context(), c, app.Build{}, slog.New(slog.DiscardHandler))
			require.ErrorContains(t, err, "DATABASE_URL")
			require.NotContains(t, err.Error(), "ADMIN_API_KEY")
		}
		return nil
	}))
	apptest.Start(t, url, func(c *app.Config) { c.AutoMigrate = false })
}
