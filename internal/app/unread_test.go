package app_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/test/apptest"
)

// half sends a request with the beginning of a body of that length.
func half(t *testing.T, a *apptest.App, line string, length int, header ...string) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn := raw(t, a)
	_, err := fmt.Fprintf(conn, "%s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n%s\r\n{", line, length, strings.Join(append(header, "Content-Type: application/json", ""), "\r\n"))
	require.NoError(t, err)
	return conn, bufio.NewReader(conn)
}

func answerOf(t *testing.T, r *bufio.Reader) wired {
	t.Helper()
	resp, err := http.ReadResponse(r, nil)
	require.NoError(t, err)
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	if resp.Close {
		resp.Header.Set("Connection", "close") // which net/http takes out
	}
	return wired{resp.StatusCode, resp.Header, string(body)}
}

func TestARefusalWaitsForNoBodyAndEndsTheConnection(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		admin := "X-API-Key: " + apptest.AdminKey
		for what, c := range map[string]struct {
			line   string
			length int
			header []string
			status int
			code   string
		}{
			"apply, nobody":      {"POST /v1/admin/apply", 1000, nil, 401, "UNAUTHENTICATED"},
			"large apply":        {"POST /v1/admin/apply", 1_000_000, []string{"X-API-Key: mgk_wrong"}, 401, "UNAUTHENTICATED"},
			"export, nobody":     {"GET /v1/admin/export", 1000, nil, 401, "UNAUTHENTICATED"},
			"bootstrap, nobody":  {"POST /v1/bootstrap", 1000, nil, 401, "UNAUTHENTICATED"},
			"a body too large":   {"POST /v1/bootstrap", 70_000, []string{admin}, 413, "PAYLOAD_TOO_LARGE"},
			"a world too large":  {"POST /v1/admin/apply", 9 << 20, []string{admin}, 413, "PAYLOAD_TOO_LARGE"},
			"another media type": {"POST /v1/admin/apply", 1000, []string{"Content-Type: text/plain", admin}, 415, "UNSUPPORTED_MEDIA_TYPE"},
			"no such path":       {"POST /nowhere", 1000, []string{admin}, 404, "NOT_FOUND"},
			"no such method":     {"POST /v1/admin/export", 1000, []string{admin}, 405, "METHOD_NOT_ALLOWED"},
		} {
			conn, r := half(t, a, c.line, c.length, c.header...)
			got := answerOf(t, r)
			got.refused(t, c.status, c.code)
			require.Equal(t, "close", got.Header.Get("Connection"), what)
			_, err := r.ReadByte()
			require.Error(t, err, "%s: the connection ends", what)
			require.NotErrorIs(t, err, os.ErrDeadlineExceeded, what)
			require.NoError(t, conn.Close())
		}
		wire{a, apptest.AdminKey}.knock(t).opened(t)
		got := wire{App: a}.send(t, http.MethodPost, "/v1/bootstrap", "")
		got.refused(t, 401, "UNAUTHENTICATED")
		require.Empty(t, got.Header.Get("Connection"), "there was nothing to read")
	})
}

func TestABodyThatComesTooSlowlyIs408AndNoFaultOfTheDatabase(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := newWireWorld(t, wire{a, apptest.AdminKey}, "1")
		before := w.admin.census(t)
		for _, line := range []string{"POST /v1/bootstrap", "POST /v1/startup/failed"} {
			_, r := half(t, a, line, 1000, "X-API-Key: "+w.component.credential)
			got := answerOf(t, r)
			got.refused(t, 408, "REQUEST_TIMEOUT")
			require.Equal(t, "close", got.Header.Get("Connection"))
		}
		require.Equal(t, before, w.admin.census(t))
		require.NoError(t, a.Close())
		require.Equal(t, 2, strings.Count(a.Log.String(), `"status":408`))
		require.NotContains(t, a.Log.String(), `"level":"ERROR"`)
	})
}

func TestALargeApplyWaitsForTheOneBeforeItAndASmallOneDoesNot(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		const size = 300 << 10
		world := `{"profiles":[{"profile_key":"large"}]}`
		large := func(line string) (net.Conn, *bufio.Reader) {
			conn := raw(t, a)
			_, err := fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nX-API-Key: %s\r\nContent-Type: application/json\r\nExpect: 100-continue\r\n%s\r\n\r\n", "/v1/admin/apply", apptest.AdminKey, line)
			require.NoError(t, err)
			return conn, bufio.NewReader(conn)
		}
		goesOn := func(r *bufio.Reader) string { // the server asks for a body when it is about to read it
			line, err := r.ReadString('\n')
			require.NoError(t, err)
			_, err = r.ReadString('\n')
			require.NoError(t, err)
			return line
		}
		first, fromFirst := large(fmt.Sprintf("Content-Length: %d", size))
		require.Contains(t, goesOn(fromFirst), "100 Continue")
		second, fromSecond := large("Transfer-Encoding: chunked")
		asked := make(chan string, 1)
		go func() {
			line, _ := fromSecond.ReadString('\n')
			asked <- line
		}()
		w := wire{a, apptest.AdminKey}
		for range 30 {
			require.Equal(t, 200, w.send(t, http.MethodPost, "/v1/admin/apply?dry_run=true", `{"profiles":[{"profile_key":"small"}]}`).Status)
		}
		select {
		case line := <-asked:
			require.Fail(t, "it didn't wait its turn", line)
		default:
		}
		_, err := io.WriteString(first, world+strings.Repeat(" ", size-len(world)))
		require.NoError(t, err)
		require.Equal(t, 200, answerOf(t, fromFirst).Status)
		require.Contains(t, <-asked, "100 Continue")
		_, err = fromSecond.ReadString('\n')
		require.NoError(t, err)
		_, err = fmt.Fprintf(second, "%x\r\n%s\r\n0\r\n\r\n", len(world), world)
		require.NoError(t, err)
		require.Equal(t, 200, answerOf(t, fromSecond).Status)
	})
}
