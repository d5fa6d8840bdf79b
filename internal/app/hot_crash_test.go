package app_test

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/app"
	"github.com/legivellum/metagate/internal/store"
	"github.com/legivellum/metagate/internal/test/apptest"
	"github.com/legivellum/metagate/internal/test/testdb"
)

func TestAServerKilledUnderLoadHasWrittenAllThatItAnswered(t *testing.T) {
	t.Parallel()
	binary := buildMetagate(t)
	testdb.Each(t, apptest.Migrate, func(t *testing.T, url string) {
		for range 3 { // each on what the one before left
			server := spawn(t, binary, url)
			l := newLab(t, server.App)
			load := startLoad(server.App, l.key.APIKey, 32)
			until(t, func() bool { return load.answered() >= 1000 })
			server.kill()
			load.stop()
			require.NotZero(t, load.broken, "it was killed with requests in flight")
			load.requireAll(t, url)
		}
	})
}

func TestPostgreSQLKilledUnderLoadIs503AndLosesNothingThatWasAnswered(t *testing.T) {
	t.Parallel()
	cluster := testdb.OwnCluster(t)
	l := newLab(t, apptest.Start(t, cluster.URL("")))
	load := startLoad(l.App, l.key.APIKey, 32)
	for range 2 {
		before := load.answered()
		until(t, func() bool { return load.answered() >= before+300 })
		refused := load.refused()
		require.NoError(t, cluster.Kill())
		until(t, func() bool { return load.refused() >= refused+300 })
		require.NoError(t, cluster.Restart(t.Context()))
	}
	before := load.answered()
	until(t, func() bool { return load.answered() >= before+300 }) // by itself
	load.stop()
	require.Zero(t, load.broken, "every request has its answer")
	load.requireAll(t, cluster.URL(""))
}

// hold keeps every receipt of a database from being written until release.
func hold(t *testing.T, url string) (release func()) {
	t.Helper()
	held, let, done := make(chan error, 1), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		if !strings.HasPrefix(url, "sqlite:") {
			conn, err := pgx.Connect(t.Context(), url)
			if err == nil {
				_, err = conn.Exec(t.Context(), "BEGIN; LOCK TABLE startup_sessions IN EXCLUSIVE MODE")
			}
			held <- err
			<-let
			_ = conn.Close(t.Context())
			return
		}
		another, err := store.Open(t.Context(), url)
		if err == nil {
			defer another.Close()
			err = another.InTx(t.Context(), func(q store.Queries) error {
				held <- lockTenant(t.Context(), q, "another")
				<-let
				return nil
			})
		}
		if err != nil {
			held <- err
		}
	}()
	require.NoError(t, <-held)
	return func() { close(let); <-done }
}

func TestMoreThanMayWaitIsRefusedAtOnce(t *testing.T) {
	t.Parallel()
	testdb.Each(t, apptest.Migrate, func(t *testing.T, url string) {
		l := newLab(t, apptest.Start(t, url, small))
		before := l.start(t, "c").Startup.StartupID // and the server knows the component
		release := hold(t, url)
		answers, surplus := make(chan wired, 1000), false
		for !surplus { // those that wait for the database are refused too, in the end
			for range 32 {
				go func() {
					answers <- wire{l.App, l.key.APIKey}.send(t, "POST", "/v1/bootstrap", `{"component_key":"c"}`) //nolint:testifylint // a request that breaks fails the test; its deadline ends the wait
				}()
			}
			for range 32 {
				got := <-answers
				p := got.refused(t, 503, "UNAVAILABLE")
				require.Regexp(t, `^[1-9][0-9]*$`, got.Header.Get("Retry-After"))
				surplus = surplus || strings.Contains(p.Detail, "MAX_IN_FLIGHT")
			}
		}
		l.requireAlive(t)
		require.Equal(t, before, l.get(t, before).StartupID, "what needs no write is served")
		release()
		l.resumed(t)
	})
}

func TestAShutdownThatCutsOffBootstrapsLosesNoneThatWasAnswered(t *testing.T) {
	t.Parallel()
	testdb.Each(t, apptest.Migrate, func(t *testing.T, url string) {
		for range 3 {
			a := apptest.Start(t, url, func(c *app.Config) { c.ShutdownSeconds = 0 })
			load := startLoad(a, newLab(t, a).key.APIKey, 32)
			until(t, func() bool { return load.answered() >= 200 })
			_ = a.Close()
			load.stop()
			load.requireAll(t, url)
		}
	})
}
