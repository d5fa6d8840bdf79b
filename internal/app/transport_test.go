package app_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/test/apptest"
)

func TestEveryAnswerHasSecurityHeadersAndARequestID(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := newWireWorld(t, wire{a, apptest.AdminKey}, "1")
		packet := w.component.send(t, "POST", "/v1/bootstrap", `{"component_key":"c"}`)
		answers := map[string]wired{
			"200": packet,
			"304": w.component.send(t, "POST", "/v1/bootstrap", `{"component_key":"c"}`, "If-None-Match", packet.Header.Get("ETag")),
			"204": w.admin.send(t, "DELETE", "/v1/admin/api-keys/"+w.id, ""),
			"400": w.admin.send(t, "POST", "/v1/admin/principals", "{"), "401": wire{App: a}.knock(t), "404 row": w.admin.knock(t),
			"404 path": w.admin.send(t, "GET", "/nowhere", ""), "405": w.admin.send(t, "DELETE", "/v1/bootstrap", ""),
			"415": w.admin.send(t, "POST", "/v1/bootstrap", "{}", "Content-Type", "text/plain"), "HEAD": w.admin.send(t, "HEAD", "/health", ""),
		}
		for _, path := range []string{"/", "/health", "/ready", "/metrics", "/openapi.yaml", "/openapi.json", "/docs/", "/docs/swagger-ui.css", "/.well-known/metagate.json"} {
			answers[path] = w.admin.send(t, "GET", path, "")
		}
		require.Equal(t, 304, answers["304"].Status)
		for what, got := range answers {
			require.Equal(t, "nosniff", got.Header.Get("X-Content-Type-Options"), what)
			if strings.HasPrefix(what, "/docs/") {
				require.Equal(t, "DENY", got.Header.Get("X-Frame-Options"), what)
				require.Equal(t, "no-referrer", got.Header.Get("Referrer-Policy"), what)
			}
			if what != "200" && what != "304" { // of a bootstrap, which no browser renders
				require.Contains(t, got.Header.Get("Content-Security-Policy"), "default-src 'none'", what)
				require.Contains(t, got.Header.Get("Content-Security-Policy"), "frame-ancestors 'none'", what)
				require.NotContains(t, got.Header.Get("Content-Security-Policy"), "unsafe", what)
			}
			require.Equal(t, "no-store", got.Header.Get("Cache-Control"), what)
			require.Len(t, got.Header.Values("X-Request-ID"), 1, what)
			require.NoError(t, uuid.Validate(got.Header.Get("X-Request-ID")), what)
			require.Empty(t, got.Header.Get("Server"), what)
			for name := range got.Header {
				require.False(t, strings.HasPrefix(name, "Access-Control-"), "%s: %s", what, name)
			}
		}
	})
}

func TestHEADIsAnsweredAsGETWithoutABody(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := newWireWorld(t, wire{a, apptest.AdminKey}, "1")
		packet := w.component.send(t, "POST", "/v1/bootstrap", `{"component_key":"c"}`)
		for _, path := range []string{
			"/", "/health", "/ready", "/metrics", "/openapi.yaml", "/openapi.json", "/docs/", "/docs/swagger-ui.css", "/docs/none", "/.well-known/metagate.json",
			"/v1/startup/" + packet.Header.Get("Metagate-Startup-Id"), "/v1/startup/x", "/v1/admin/profiles/" + w.profile, "/v1/admin/profiles?limit=1",
			"/v1/admin/export", "/v1/admin/principals?limit=0", "/v1/admin/none", "/v1/bootstrap",
		} {
			get, head := w.admin.send(t, "GET", path, ""), w.admin.send(t, "HEAD", path, "")
			require.Equal(t, get.Status, head.Status, path)
			require.Empty(t, head.Body, path)
			for _, h := range []wired{get, head} { // what is of the moment
				for _, name := range []string{"Date", "X-Request-Id", "Content-Length"} {
					h.Header.Del(name)
				}
			}
			require.Equal(t, get.Header, head.Header, path)
		}
		require.Equal(t, 401, wire{App: a}.send(t, "HEAD", "/v1/admin/export", "").Status)
		require.NoError(t, a.Close())
		require.Contains(t, a.Log.String(), `"method":"HEAD","path":"/health"`)
	})
}

func TestARequestIDIsEchoedWhenItIsSane(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := wire{a, apptest.AdminKey}
		for _, id := range []string{"a", "3f0e0c6a-1", strings.Repeat("x", 128), `!"#$%&'()*+,-./:;<=>?@[\]^_{|}~`} {
			require.Equal(t, id, w.send(t, "GET", "/health", "", "X-Request-ID", id).Header.Get("X-Request-ID"))
			require.Equal(t, id, w.knock(t, "X-Request-ID", id).refused(t, 404, "SESSION_NOT_FOUND").RequestID)
		}
		for _, id := range []string{strings.Repeat("x", 129), "a b", "a\tb", "é", "\u202e", "\xff", strings.Repeat("x", 60_000)} {
			got := w.knock(t, "X-Request-ID", id)
			require.NoError(t, uuid.Validate(got.refused(t, 404, "SESSION_NOT_FOUND").RequestID), "%q", id[:1])
		}
		one, two := w.knock(t), w.knock(t)
		require.NotEqual(t, one.Header.Get("X-Request-ID"), two.Header.Get("X-Request-ID"))

		w.create(t, "/v1/admin/profiles", `{"profile_key":"before"}`)
		got := w.send(t, "POST", "/v1/admin/profiles", `{"profile_key":"k"}`, "X-Request-ID", "mine-1")
		require.Equal(t, 201, got.Status, got.Body)
		entry := w.census(t)["audit-log"]
		require.Contains(t, fmt.Sprintf("%s", entry), "mine-1", "the audit log knows it")
		require.NoError(t, a.Close())
		require.Contains(t, a.Log.String(), `"request_id":"mine-1"`)
		require.NotContains(t, a.Log.String(), "\u202e")
	})
}

// raw speaks HTTP by hand: what net/http's client would never send.
func raw(t *testing.T, a *apptest.App) net.Conn {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(a.URL, "http://"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	// A bound for a server that never answers; no verdict hangs on it.
	require.NoError(t, conn.SetDeadline(time.Now().Add(2*time.Minute)))
	return conn
}

func TestARequestThatBreaksHTTPIsRefusedAndTheServerLivesOn(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		for _, request := range []string{
			"nonsense\r\n\r\n", "GET / HTTP/9.9\r\nHost: x\r\n\r\n", "GET / HTTP/1.1\r\n\r\n", "GET /\x00 HTTP/1.1\r\nHost: x\r\n\r\n",
			"GET /health HTTP/1.1\r\nHost: x\r\nX-Request-ID: a\x01b\r\n\r\n", "GET /health HTTP/1.1\r\nHost: x\r\nBad Name: a\r\n\r\n",
			"GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n", "POST /v1/bootstrap HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
			"POST /v1/bootstrap HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
			"GET /health HTTP/1.1\r\nHost: x\r\nX-Big: " + strings.Repeat("x", 80<<10) + "\r\n\r\n",
		} {
			conn := raw(t, a)
			go func() { _, _ = io.WriteString(conn, request) }() // the answer may come before its end
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			require.NoError(t, err, "%.60q", request)
			require.GreaterOrEqual(t, resp.StatusCode, 400, "%.60q", request)
			require.Less(t, resp.StatusCode, 506, "%.60q", request)
			require.NoError(t, resp.Body.Close())
		}
		wire{a, apptest.AdminKey}.knock(t).opened(t)
	})
}

func TestAConnectionThatNeverEndsItsHeaderIsClosed(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		conn := raw(t, a)
		_, err := io.WriteString(conn, "GET /health HTTP/1.1\r\nHost: x\r\nX-Slow: ")
		require.NoError(t, err)
		answer, err := io.ReadAll(conn) // returns when the server closes
		require.NoError(t, err)
		require.NotContains(t, string(answer), "200 OK")
		wire{a, apptest.AdminKey}.knock(t).opened(t)
	})
}
