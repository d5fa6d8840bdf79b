package app_test

import (
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/app"
	"github.com/legivellum/metagate/internal/test/apptest"
	"github.com/legivellum/metagate/internal/test/testdb"
)

func behindProxies(c *app.Config) { c.TrustedProxies = app.List{"127.0.0.1", "10.0.0.0/8"} }

// from is a as a client of another address of this host reaches it.
func from(t *testing.T, a *apptest.App, address string) *apptest.App {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
	transport := &http.Transport{DialContext: d.DialContext}
	t.Cleanup(transport.CloseIdleConnections)
	return a.Through(transport)
}

func TestOnlyATrustedProxyIsBelievedAboutAddresses(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := newWireWorld(t, wire{a, apptest.AdminKey}, "1")
		for _, c := range []struct{ from, want string }{{"127.0.0.1", "203.0.113.7"}, {"127.0.0.2", "127.0.0.2"}} {
			for name, value := range map[string]string{
				"X-Forwarded-For": "198.51.100.1, 203.0.113.7, 10.1.2.3", "Forwarded": `for=198.51.100.1, for="203.0.113.7:80";proto=https, for=10.1.2.3`,
			} {
				got := wire{from(t, a, c.from), w.component.credential}.send(t, "POST", "/v1/bootstrap", `{"component_key":"c"}`, name, value)
				require.Equal(t, 200, got.Status, got.Body)
				list, _ := adminList[model.StartupSession](t, a, "startups?limit=1")
				require.Equal(t, c.want, list[0].RemoteAddr.MustGet(), "the receipt: %s", name)
				admin := wire{from(t, a, c.from), apptest.AdminKey}
				require.Equal(t, 201, admin.send(t, "POST", "/v1/admin/profiles", `{"profile_key":"`+c.from+"-"+name+`"}`, name, value).Status)
				entries, _ := adminList[model.AuditEntry](t, a, "audit-log?limit=1")
				require.Equal(t, c.want, entries[0].RemoteAddr, "the audit log: %s", name)
				call := wire{from(t, a, c.from), w.component.credential}.send(t, "POST", "/mcp",
					`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"metagate.bootstrap","arguments":{"component_key":"mcp"}}}`, name, value)
				require.Equal(t, 200, call.Status)
				list, _ = adminList[model.StartupSession](t, a, "startups?limit=1")
				require.Equal(t, []any{"mcp", c.want}, []any{list[0].ComponentKey, list[0].RemoteAddr.MustGet()})
			}
		}
		require.NoError(t, a.Close())
		require.Contains(t, a.Log.String(), `"remote":"203.0.113.7"`)
		require.Contains(t, a.Log.String(), `"remote":"127.0.0.2"`)
		require.NotContains(t, a.Log.String(), "198.51.100.1")
	}, behindProxies)
}

func TestNobodyIsBelievedAboutAddressesUnlessASettingSaysSo(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := newWireWorld(t, wire{a, apptest.AdminKey}, "1")
		got := w.component.send(t, "POST", "/v1/bootstrap", `{"component_key":"c"}`, "X-Forwarded-For", "203.0.113.7", "Forwarded", "for=203.0.113.7")
		require.Equal(t, 200, got.Status, got.Body)
		list, _ := adminList[model.StartupSession](t, a, "startups?limit=1")
		require.Equal(t, "127.0.0.1", list[0].RemoteAddr.MustGet())
	})
}

func TestWhoGuessesBehindAProxyIsToldToWaitAndItsOthersAreNot(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := wire{a, "a.b.c"} // a token, so that no key's prefix counts
		told := 0
		for range 200 {
			// It can't get away by what it writes into the header itself.
			if w.knock(t, "X-Forwarded-For", "198.51.100.1, 203.0.113.7").Status == http.StatusTooManyRequests {
				told++
			}
		}
		require.Greater(t, told, 150)
		w.knock(t, "X-Forwarded-For", "203.0.113.8").anonymous(t)
		w.knock(t).anonymous(t)
	}, behindProxies, limited)
}

func TestPlainHTTPBeyondThisHostIsToldOnce(t *testing.T) {
	t.Parallel()
	s := newAuthorities(t)
	const says = `"level":"WARN","msg":"plain HTTP beyond this host: set TLS_CERT_FILE and TLS_KEY_FILE, or TRUSTED_PROXIES`
	for what, c := range map[string]struct {
		edit func(*app.Config)
		want int
	}{
		"everywhere":           {func(c *app.Config) { c.Host = "0.0.0.0" }, 1},
		"everywhere, as is":    {func(c *app.Config) { c.Host = "" }, 1},
		"loopback":             {func(c *app.Config) { c.Host = "127.0.0.1" }, 0},
		"loopback by its name": {func(c *app.Config) { c.Host = "localhost" }, 0},
		"behind a proxy":       {func(c *app.Config) { c.Host = "0.0.0.0"; behindProxies(c) }, 0},
		"everywhere, with TLS": {func(c *app.Config) { c.Host = "0.0.0.0"; s.serving(t)(c) }, 0},
	} {
		a := apptest.Start(t, testdb.SQLite(t), c.edit)
		require.NoError(t, a.Close())
		require.Equal(t, c.want, strings.Count(a.Log.String(), says), what)
		require.Equal(t, strings.HasPrefix(a.URL, "https://"), a.Config.TLSCertFile != "", what)
	}
}

func TestSettingsOfTLSThatDoNotGoTogetherAreRefused(t *testing.T) {
	t.Parallel()
	s := newAuthorities(t)
	for says, edit := range map[string]func(*app.Config){
		"not TLS_KEY_FILE":          func(c *app.Config) { s.serving(t)(c); c.TLSKeyFile = "" },
		"not TLS_CERT_FILE":         func(c *app.Config) { s.serving(t)(c); c.TLSCertFile = "" },
		"set TLS_CERT_FILE":         func(c *app.Config) { s.believing(t)(c); c.TLSCertFile, c.TLSKeyFile = "", "" },
		"TLS_CLIENT_CA_FILE":        func(c *app.Config) { s.serving(t)(c); c.TLSClientCAFile = "/nowhere" },
		"TLS_CLIENT_SPIFFE_BUNDLES": func(c *app.Config) { s.serving(t)(c); c.TLSClientSPIFFEBundles = app.List{"/nowhere"} },
		"TRUSTED_PROXIES":           func(c *app.Config) { c.TrustedProxies = app.List{"proxy.example"} },
	} {
		c := apptest.Config(t, testdb.SQLite(t))
		edit(&c)
		_, err := app.Start(t.Context(), c, app.Build{}, slog.New(slog.DiscardHandler))
		require.ErrorContains(t, err, says)
		require.NotContains(t, err.Error(), "\n")
	}
}
