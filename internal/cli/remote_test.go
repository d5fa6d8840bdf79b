package cli

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// somethingElse is a web server, but no MetaGate: it answers everything with 200.
func somethingElse(t *testing.T, contentType string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		_, _ = io.WriteString(w, "<html>Please sign in</html>")
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func TestA200OfAnotherServerIsAnErrorThatSaysWhatToDoAndPrintsNothing(t *testing.T) {
	t.Parallel()
	world := file(t, "profiles: []\n")
	for _, args := range [][]string{
		{"apply", "-f", world},
		{"apply", "-f", world, "-o", "json"},
		{"startups"},
		{"startups", "-o", "json"},
		{"export"},
		{"export", "-o", "json"},
		{"explain", "indexer", "indexer_01"},
		{"startups", "-o", "yaml"},
		{"startups", "--watch"},
		{"startup", "0192d6b0-6f3a-7c12-8e7f-0a1b2c3d4e5f"},
		{"startup", "0192d6b0-6f3a-7c12-8e7f-0a1b2c3d4e5f", "--ack=gone"},
		{"get", "principals"},
		{"get", "profile", "worker", "-o", "yaml"},
		{"get", "binding", "indexer"},
		{"get", "api-keys", "first", "-o", "json"},
		{"keys", "issue", "indexer"},
		{"keys", "list"},
		{"keys", "rotate", "0192d6b0-6f3a-7c12-8e7f-0a1b2c3d4e5f"},
		{"keys", "revoke", "0192d6b0-6f3a-7c12-8e7f-0a1b2c3d4e5f"},
		{"audit"},
		{"audit", "--diff", "-o", "json"},
		{"explain", "0192d6b0-6f3a-7c12-8e7f-0a1b2c3d4e5f", "indexer_01"},
	} {
		for _, contentType := range []string{"text/html; charset=utf-8", ""} {
			url := somethingElse(t, contentType)
			var out, log bytes.Buffer
			code := run(t.Context(), append(args, "--server="+url, "--api-key=mgk_x"), "dev", &out, &log)
			require.Equal(t, exitRefused, code, args)
			require.Empty(t, out.String(), args)
			require.Contains(t, oneLine(t, log.String()), "METAGATE_URL", args)
			require.Contains(t, log.String(), "curl "+url+"/", args)
		}
	}
}

func TestAnAddressThatIsWrongIsToldHowToWriteIt(t *testing.T) {
	t.Parallel()
	plain := somethingElse(t, "text/plain")
	host := strings.TrimPrefix(plain, "http://")
	closed := "http://127.0.0.1:" + closedPort(t)
	for name, tc := range map[string]struct {
		server string
		code   int
		want   string
	}{
		"no scheme":                  {host, exitUsage, "METAGATE_URL: write http://" + host},
		"a name that looks like one": {"localhost:8101", exitUsage, "METAGATE_URL: write http://localhost:8101"},
		"a scheme of others":         {"ftp://localhost", exitUsage, "write http://HOST:PORT"},
		"no host":                    {"http://", exitUsage, "write http://HOST:PORT"},
		"TLS where there is none":    {"https://" + host, exitFailed, "this server speaks plain HTTP: write http://" + host},
		"nobody listens":             {closed, exitFailed, "METAGATE_URL: nobody listens at " + closed},
	} {
		var out, log bytes.Buffer
		code := run(t.Context(), []string{"startups", "--server=" + tc.server, "--api-key=mgk_x"}, "dev", &out, &log)
		require.Equal(t, tc.code, code, name)
		require.Contains(t, oneLine(t, log.String()), tc.want, name)
		require.Empty(t, out.String(), name)
	}
}

func TestWhereNobodyListensAtTheDefaultAddressItSaysThatItIsOne(t *testing.T) {
	t.Parallel()
	err := remote{Server: defaultServer}.unreached(&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED})
	require.EqualError(t, err, "nobody listens at http://127.0.0.1:8000 (default; set METAGATE_URL)")
	for _, f := range flagsOf(t, "startups") {
		if f.Name == "server" {
			require.Equal(t, defaultServer, f.Default)
		}
	}
}

func TestABodyThatAProxyRefusesIsBlamedOnIt(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]string{413: "a proxy in front of it that takes no body as large as this?", 502: "a proxy in front of it, and no MetaGate behind?", 404: "is it a MetaGate?"} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
		t.Cleanup(s.Close)
		var out, log bytes.Buffer
		code := run(t.Context(), []string{"apply", "-f", file(t, "profiles: []"), "--server=" + s.URL, "--api-key=mgk_x"}, "dev", &out, &log)
		require.Equal(t, exitRefused, code)
		require.Contains(t, oneLine(t, log.String()), want)
	}
}
