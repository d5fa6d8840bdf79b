package cli

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/test/testdb"
)

// takenPort is a port that somebody listens on, closedPort one where nobody does.
func takenPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}

func closedPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}

func TestAFailureToStartIsOneLineThatNamesTheSettingAndExits1(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "not-a-database")
	require.NoError(t, os.WriteFile(file, []byte(strings.Repeat("plain text, ", 100)), 0o600))
	for name, tc := range map[string]struct{ env, want string }{
		"a port that is taken":               {"PORT=" + takenPort(t), "PORT"},
		"a port that there is not":           {"PORT=65536", "PORT"},
		"a host of somebody else":            {"HOST=192.0.2.1", "HOST"},
		"a database that refuses":            {"DATABASE_URL=postgres://u:hunter2@127.0.0.1:" + closedPort(t) + "/d", "DATABASE_URL"},
		"a database URL that can't be read":  {"DATABASE_URL=postgres://u:hunter2@127.0.0.1:port/d", "DATABASE_URL"},
		"a database of another kind":         {"DATABASE_URL=mysql://u:hunter2@127.0.0.1/d", "DATABASE_URL"},
		"a database that is a mere word":     {"DATABASE_URL=hunter2", "DATABASE_URL"},
		"a database in memory":               {"DATABASE_URL=sqlite::memory:", "DATABASE_URL"},
		"a database in no directory":         {"DATABASE_URL=sqlite:/nowhere/at/all.db", "DATABASE_URL"},
		"a database file that is none":       {"DATABASE_URL=sqlite:" + file, "DATABASE_URL"},
		"migrations pending and not applied": {"AUTO_MIGRATE=false", "AUTO_MIGRATE"},
		"a secret that is too short":         {"JWT_SECRET=hunter2", "JWT_SECRET"},
		"an algorithm that there is not":     {"JWT_ALGORITHM=none", "JWT_ALGORITHM"},
		"a key algorithm without a key":      {"JWT_ALGORITHM=RS256", "JWT_PUBLIC_KEY_FILE"},
		"a key file for a secret algorithm":  {"JWT_JWKS_FILE=/nowhere", "JWT_JWKS_FILE"},
		"an admin key that is too short":     {"ADMIN_API_KEY=hunter2", "ADMIN_API_KEY"},
		"an admin key with a space":          {"ADMIN_API_KEY=hunter2 " + strings.Repeat("x", 40), "ADMIN_API_KEY"},
		"a header that can't be one":         {"API_KEY_HEADER=X API Key", "API_KEY_HEADER"},
		"an origin that is none":             {"CORS_ALLOWED_ORIGINS=example.org", "CORS_ALLOWED_ORIGINS"},
		"a deadline before the start":        {"DEFAULT_STARTUP_SLA_SECONDS=0", "DEFAULT_STARTUP_SLA_SECONDS"},
		"receipts kept for less than none":   {"RECEIPT_RETENTION_HOURS=-1", "RECEIPT_RETENTION_HOURS"},
		"room for no body":                   {"MAX_BODY_BYTES=0", "MAX_BODY_BYTES"},
		"a drain that is over already":       {"DRAIN_SECONDS=-1", "DRAIN_SECONDS"},
		"a shutdown that is over already":    {"SHUTDOWN_SECONDS=-1", "SHUTDOWN_SECONDS"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := []string{"HOST=127.0.0.1", "PORT=0", tc.env}
			r := metagate(t, env, "serve")
			require.Equal(t, 1, r.code, r.log)
			require.Empty(t, r.out)
			require.NotContains(t, r.log, "hunter2", "a secret in the log")
			own := withoutRecords(r.log)
			require.Contains(t, oneLine(t, own), tc.want)
			require.True(t, strings.HasSuffix(r.log, own), "the last word")
		})
	}
}

func TestAPortThatIsTakenLeavesNoDatabaseBehind(t *testing.T) {
	t.Parallel()
	url := testdb.SQLite(t)
	r := metagate(t, []string{"DATABASE_URL=" + url, "HOST=127.0.0.1", "PORT=" + takenPort(t)}, "serve")
	require.Equal(t, 1, r.code)
	left, err := os.ReadDir(filepath.Dir(strings.TrimPrefix(url, "sqlite:")))
	require.NoError(t, err)
	require.Empty(t, left)
}

// withoutRecords leaves the log's JSON records out.
func withoutRecords(log string) string {
	var b strings.Builder
	for line := range strings.Lines(log) {
		if !strings.HasPrefix(line, `{"time":`) {
			b.WriteString(line)
		}
	}
	return b.String()
}

func TestEveryCommandThatNeedsADatabaseNamesItsSettingWhenThereIsNone(t *testing.T) {
	t.Parallel()
	env := []string{"DATABASE_URL=postgres://u:hunter2@127.0.0.1:" + closedPort(t) + "/d"}
	for _, args := range [][]string{{"seed"}, {"admin-key"}, {"migrate", "up"}, {"migrate", "down"}, {"migrate", "status"}} {
		r := metagate(t, env, args...)
		require.Equal(t, 1, r.code, args)
		require.Empty(t, r.out, args)
		require.Contains(t, oneLine(t, r.log), "DATABASE_URL", args)
		require.NotContains(t, r.log, "hunter2", args)
	}
}
