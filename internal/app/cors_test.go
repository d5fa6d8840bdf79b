package app_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/app"
	"github.com/legivellum/metagate/internal/test/apptest"
)

func (g wired) closedToBrowsers(t *testing.T) {
	t.Helper()
	for name := range g.Header {
		require.False(t, strings.HasPrefix(name, "Access-Control-"), "%s: %s", name, g.Header.Get(name))
	}
}

func (w wire) preflight(t *testing.T, origin, method string) wired {
	t.Helper()
	return wire{App: w.App}.send(t, "OPTIONS", "/v1/bootstrap", "", "Origin", origin,
		"Access-Control-Request-Method", method, "Access-Control-Request-Headers", "authorization,content-type,if-none-match,x-request-id,"+strings.ToLower(w.Config.APIKeyHeader))
}

func TestNoWebOriginMayCallByDefault(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := wire{a, apptest.AdminKey}
		for _, origin := range []string{"https://ui.example", "null", a.URL} {
			w.knock(t, "Origin", origin).closedToBrowsers(t)
			w.send(t, "GET", "/health", "", "Origin", origin).closedToBrowsers(t)
			w.preflight(t, origin, "POST").closedToBrowsers(t)
		}
	})
}

func TestConfiguredWebOriginsMayCallAndNoOthers(t *testing.T) {
	t.Parallel()
	const header = "X-Metagate-Key"
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := newWireWorld(t, wire{a, apptest.AdminKey}, "1")
		for _, origin := range []string{"https://ui.example", "http://localhost:3000"} {
			got := w.admin.preflight(t, origin, "POST")
			require.Equal(t, 204, got.Status)
			require.Equal(t, origin, got.Header.Get("Access-Control-Allow-Origin"))
			require.Contains(t, got.Header.Get("Vary"), "Origin")
			for _, method := range []string{"GET", "POST", "PATCH", "DELETE"} {
				require.Contains(t, got.Header.Get("Access-Control-Allow-Methods"), method)
			}
			for _, name := range []string{"Authorization", "Content-Type", "If-Match", "If-None-Match", header} {
				require.Contains(t, strings.ToLower(got.Header.Get("Access-Control-Allow-Headers")), strings.ToLower(name))
			}
			require.Empty(t, got.Header.Get("Access-Control-Allow-Credentials"), "credentials are headers, never cookies")

			got = w.component.send(t, "POST", "/v1/bootstrap", `{"component_key":"c"}`, "Origin", origin)
			require.Equal(t, 200, got.Status, got.Body)
			require.Equal(t, origin, got.Header.Get("Access-Control-Allow-Origin"))
			for _, name := range []string{"ETag", "Link", "Location", "Retry-After", "WWW-Authenticate", "X-Request-ID", "Metagate-Startup-Id", "Metagate-Startup-Deadline"} {
				require.Contains(t, strings.ToLower(got.Header.Get("Access-Control-Expose-Headers")), strings.ToLower(name))
			}
			got = wire{App: a}.knock(t, "Origin", origin) // a page must be able to read the error
			require.Equal(t, origin, got.Header.Get("Access-Control-Allow-Origin"))
			got.anonymous(t)
		}
		for _, origin := range []string{
			"https://evil.example", "https://ui.example.evil.example", "https://evilui.example", "http://ui.example", "https://ui.example:8443",
			"https://uixexample", "null", "https://ui.example/", "https://a.ui.example", "*",
		} {
			got := w.component.send(t, "POST", "/v1/bootstrap", `{"component_key":"c"}`, "Origin", origin)
			require.Equal(t, 200, got.Status, "the browser enforces it, not the server")
			require.Empty(t, got.Header.Get("Access-Control-Allow-Origin"), origin)
			require.Empty(t, w.admin.preflight(t, origin, "POST").Header.Get("Access-Control-Allow-Origin"), origin)
		}
		w.component.send(t, "POST", "/v1/bootstrap", `{"component_key":"c"}`).closedToBrowsers(t)
	}, func(c *app.Config) {
		c.APIKeyHeader, c.CORSAllowedOrigins = header, []string{"https://ui.example", "http://localhost:3000"}
	})
}

func TestAStarOpensTheAPIToEveryWebOrigin(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		got := wire{a, apptest.AdminKey}.knock(t, "Origin", "https://anyone.example")
		require.Equal(t, "*", got.Header.Get("Access-Control-Allow-Origin"))
		require.Empty(t, got.Header.Get("Access-Control-Allow-Credentials"))
	}, func(c *app.Config) { c.CORSAllowedOrigins = []string{"*"} })
}
