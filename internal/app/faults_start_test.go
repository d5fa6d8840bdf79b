package app_test

import (
	"context"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/app"
	"github.com/legivellum/metagate/internal/test/apptest"
	"github.com/legivellum/metagate/internal/test/testdb"
)

func TestAServerThatCantStartSaysInOneLineWhichSettingToChange(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = taken.Close() })
	for name, bad := range map[string]struct {
		edit    func(*app.Config)
		setting string
	}{
		"a database that refuses": {func(c *app.Config) { c.DatabaseURL = "postgres://u:hunter2@localhost:1/d" }, "DATABASE_URL"},
		"two that refuse":         {func(c *app.Config) { c.DatabaseURL = "postgres://u:hunter2@127.0.0.1:1,127.0.0.1:2/d" }, "DATABASE_URL"},
		"another database":        {func(c *app.Config) { c.DatabaseURL = "mysql://u:hunter2@localhost/d" }, "DATABASE_URL"},
		"no URL":                  {func(c *app.Config) { c.DatabaseURL = "postgres://u:hunter2@localhost:port/d" }, "DATABASE_URL"},
		"no directory":            {func(c *app.Config) { c.DatabaseURL += ".missing/metagate.db" }, "DATABASE_URL"},
		"a port that is taken":    {func(c *app.Config) { c.Port = taken.Addr().(*net.TCPAddr).Port }, "PORT"},
		"a host that is not here": {func(c *app.Config) { c.Host = "192.0.2.1" }, "HOST"},
		"a short secret":          {func(c *app.Config) { c.JWTSecret = "hunter2" }, "JWT_SECRET"},
		"an algorithm of no kind": {func(c *app.Config) { c.JWTAlgorithm = "none" }, "JWT_ALGORITHM"},
		"a short admin key":       {func(c *app.Config) { c.AdminAPIKey = "hunter2" }, "ADMIN_API_KEY"},
		"an admin key with spaces": {func(c *app.Config) {
			c.AdminAPIKey = "hunter2 hunter2 hunter2 hunter2 hunter2 hunter2"
		}, "ADMIN_API_KEY"},
		"migrations that nobody applied": {func(c *app.Config) { c.AutoMigrate = false }, "AUTO_MIGRATE"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := testdb.SQLite(t)
			c := apptest.Config(t, url)
			bad.edit(&c)
			_, err := app.Start(t.Context(), c, app.Build{}, slog.New(slog.DiscardHandler))
			require.ErrorContains(t, err, bad.setting)
			require.NotContains(t, err.Error(), "\n")
			require.NotContains(t, err.Error(), "hunter2", "a secret")
			require.NotContains(t, err.Error(), "goroutine")

			// Nothing is held: the next start, with the setting put right, works.
			apptest.Start(t, url)
		})
	}
}

func TestAServerWhoseDatabaseNeverAnswersGivesUp(t *testing.T) {
	t.Parallel()
	pit, url := newTarpit(t, testdb.Postgres(t, nil))
	pit.freeze(true)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second) // nobody waits longer than ten by itself
	defer cancel()
	_, err := app.Start(ctx, apptest.Config(t, url), app.Build{}, slog.New(slog.DiscardHandler))
	require.ErrorContains(t, err, "DATABASE_URL")
	require.NotContains(t, err.Error(), "\n")
}
