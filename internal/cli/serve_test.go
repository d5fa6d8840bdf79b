package cli

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/test/testdb"
)

const adminKey = "an-admin-key-for-tests-0123456789-0123456789"

func TestTheServerEndsWith0OnASignalAndKeepsItsReceipts(t *testing.T) {
	t.Parallel()
	for _, sig := range []os.Signal{syscall.SIGTERM, os.Interrupt} {
		t.Run(sig.String(), func(t *testing.T) {
			t.Parallel()
			testdb.Each(t, nil, func(t *testing.T, databaseURL string) {
				env := []string{"DATABASE_URL=" + databaseURL}
				k := key(t, env, "seed")
				p := serve(t, env)
				r, err := p.client(t, k).BootstrapWithResponse(t.Context(), nil, model.BootstrapRequest{ComponentKey: "memorygate_main"})
				require.NoError(t, err)
				require.Equal(t, 200, r.StatusCode(), string(r.Body))
				code, log := p.stop(t, sig)
				require.Zero(t, code, log)
				require.Empty(t, withoutRecords(strings.Join(log, "\n")))
				require.Empty(t, p.printed(t), "stdout")

				s, err := serve(t, env).client(t, k).GetStartupWithResponse(t.Context(), r.JSON200.Startup.StartupID)
				require.NoError(t, err)
				require.Equal(t, 200, s.StatusCode(), string(s.Body))
			})
		})
	}
}

func TestSIGTERMStopsAcceptingAndFinishesWhatIsInFlight(t *testing.T) {
	t.Parallel()
	testdb.Each(t, nil, func(t *testing.T, databaseURL string) {
		p := serve(t, []string{"DATABASE_URL=" + databaseURL, "ADMIN_API_KEY=" + adminKey})
		finish := inFlight(t, p)
		require.NoError(t, p.cmd.Process.Signal(syscall.SIGTERM))
		p.waitFor(t, "shutting down")
		refusesConnections(t, p)
		status, body := finish()
		require.Equal(t, 201, status, body)
		require.Contains(t, body, `"principal_key":"late"`)
		code, log := p.wait(t)
		require.Zero(t, code, log)
	})
}

func TestARequestThatOutlastsTheShutdownIsCutOffAndTheExitSaysSo(t *testing.T) {
	t.Parallel()
	p := serve(t, []string{"DATABASE_URL=" + testdb.SQLite(t), "ADMIN_API_KEY=" + adminKey, "SHUTDOWN_SECONDS=0"})
	inFlight(t, p)
	code, log := p.stop(t, syscall.SIGTERM)
	require.Equal(t, 1, code)
	require.Contains(t, oneLine(t, withoutRecords(strings.Join(log, "\n")+"\n")), "SHUTDOWN_SECONDS")
}

// inFlight sends the head of a request. The server has asked for the body when
// it returns; finish sends that and reads the answer.
func inFlight(t *testing.T, p *process) (finish func() (status int, body string)) {
	t.Helper()
	u, err := url.Parse(p.url)
	require.NoError(t, err)
	conn, err := net.Dial("tcp", u.Host)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	const create = `{"principal_key":"late","auth_subject":"late","principal_type":"component"}`
	_, err = fmt.Fprintf(conn, "POST /v1/admin/principals HTTP/1.1\r\nHost: x\r\nX-API-Key: %s\r\nContent-Type: application/json\r\n"+
		"Content-Length: %d\r\nExpect: 100-continue\r\n\r\n", adminKey, len(create))
	require.NoError(t, err)
	from := bufio.NewReader(conn)
	line, err := from.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "HTTP/1.1 100 Continue\r\n", line)
	_, err = from.ReadString('\n')
	require.NoError(t, err)
	return func() (int, string) {
		_, err := io.WriteString(conn, create)
		require.NoError(t, err)
		r, err := http.ReadResponse(from, nil)
		require.NoError(t, err)
		defer r.Body.Close()
		body, err := io.ReadAll(r.Body)
		require.NoError(t, err)
		return r.StatusCode, string(body)
	}
}

// refusesConnections waits until nobody is let in any more.
func refusesConnections(t *testing.T, p *process) {
	t.Helper()
	u, err := url.Parse(p.url)
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		conn, err := net.Dial("tcp", u.Host)
		if err == nil {
			_ = conn.Close()
		}
		return err != nil
	}, time.Minute, 5*time.Millisecond)
}

func TestTheLogIsJSONElsewhereThanOnATerminal(t *testing.T) {
	t.Parallel()
	p := serve(t, []string{"DATABASE_URL=" + testdb.SQLite(t)})
	_, log := p.stop(t, os.Interrupt)
	require.NotEmpty(t, log)
	for _, line := range log {
		require.True(t, strings.HasPrefix(line, `{"time":"20`), line)
	}
}

func TestTheLogIsTextWhereItWasAskedFor(t *testing.T) {
	t.Parallel()
	env := []string{"DATABASE_URL=" + testdb.SQLite(t), "LOG_FORMAT=text"}
	cmd := command(t, env, "serve", "--host=127.0.0.1", "--port=0")
	stderr, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	first, err := bufio.NewReader(stderr).ReadString('\n')
	require.NoError(t, err)
	require.Regexp(t, `^time=20\S+ level=INFO msg="migration applied" version=1 `, first)
}

func TestAServerThatListensEverywhereNamesAnAddressThatCanBeOpened(t *testing.T) {
	t.Parallel()
	for _, host := range []string{"0.0.0.0", "::", ""} {
		p := start(t, []string{"DATABASE_URL=" + testdb.SQLite(t)}, "serve", "--host="+host, "--port=0")
		require.Regexp(t, `^http://localhost:\d+$`, p.url, host)
		r, err := p.client(t, "mgk_x").GetHealthWithResponse(t.Context())
		require.NoError(t, err)
		require.Equal(t, 200, r.StatusCode())
	}
}
