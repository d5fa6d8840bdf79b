// Package apptest boots the whole program on port 0 for tests, on a fresh
// database of either engine, and gives it a generated client.
package apptest

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/client"
	"github.com/legivellum/metagate/internal/app"
	"github.com/legivellum/metagate/internal/identity"
	"github.com/legivellum/metagate/internal/test/storetest"
	"github.com/legivellum/metagate/internal/test/testdb"
)

// What every booted program has.
const (
	AdminKey  = "mgk_the-admin-key-of-the-tests-0123456789ab"
	JWTSecret = "a-secret-for-tests-that-is-long-enough-0123456789-0123456789-0123456789"
)

// App is a running program.
type App struct {
	*app.App
	Config app.Config
	Log    *strings.Builder // what it logged, complete once it is closed

	transport http.RoundTripper // nil: http.DefaultTransport
}

// Through is the program as clients reach it by another transport.
func (a *App) Through(rt http.RoundTripper) *App {
	other := *a
	other.transport = rt
	return &other
}

// Each runs f on both engines, each time against a fresh database and program.
func Each(t *testing.T, f func(t *testing.T, a *App), edit ...func(*app.Config)) {
	t.Helper()
	testdb.Each(t, Migrate, func(t *testing.T, url string) { f(t, Start(t, url, edit...)) })
}

// Migrate makes the template that test databases are cloned from.
var Migrate = storetest.Migrate

// Start boots the program on databaseURL and closes it with the test.
func Start(tb testing.TB, databaseURL string, edit ...func(*app.Config)) *App {
	tb.Helper()
	c := Config(tb, databaseURL)
	for _, e := range edit {
		e(&c)
	}
	var log strings.Builder
	a, err := app.Start(tb.Context(), c, app.Build{Version: "test"}, slog.New(slog.NewJSONHandler(&log, nil)))
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = a.Close() })
	return &App{App: a, Config: c, Log: &log}
}

// Config is the default configuration on a free port of the loopback.
func Config(tb testing.TB, databaseURL string) app.Config {
	tb.Helper()
	c, err := app.DefaultConfig()
	require.NoError(tb, err)
	c.Host, c.Port, c.DatabaseURL = "127.0.0.1", 0, databaseURL
	c.JWTSecret, c.AdminAPIKey = JWTSecret, AdminKey
	c.DrainSeconds = 0     // no proxy has to notice
	c.AuthFailureBurst = 0 // tests are refused more often than anybody is
	return c
}

// HTTP is a client that holds every answer against openapi.yaml and fails tb
// where they differ: for requests that the generated client can't make.
func (a *App) HTTP(tb testing.TB) *http.Client {
	tb.Helper()
	rt := a.transport
	if rt == nil {
		rt = http.DefaultTransport
	}
	return &http.Client{Transport: checking{tb, rt}}
}

// Client calls the program with a credential: an API key, a JWT, or none. Every
// answer is held against openapi.yaml.
func (a *App) Client(tb testing.TB, credential string) *client.ClientWithResponses {
	tb.Helper()
	c, err := client.NewClientWithResponses(a.URL, client.WithHTTPClient(a.HTTP(tb)), client.WithRequestEditorFn(func(_ context.Context, r *http.Request) error {
		switch {
		case strings.HasPrefix(credential, identity.KeyPrefix):
			r.Header.Set(a.Config.APIKeyHeader, credential)
		case credential != "":
			r.Header.Set("Authorization", "Bearer "+credential)
		}
		return nil
	}))
	require.NoError(tb, err)
	return c
}

// AdminClient calls the program as its first admin.
func (a *App) AdminClient(tb testing.TB) *client.ClientWithResponses {
	tb.Helper()
	return a.Client(tb, AdminKey)
}
