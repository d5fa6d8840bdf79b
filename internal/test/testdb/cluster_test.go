package testdb

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) {
	if how := os.Getenv("TESTDB_DIE"); how != "" {
		die(how)
	}
	Main(m)
}

func TestStopLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	c := start(t, Private())
	dir := c.server.dir
	require.DirExists(t, dir)
	require.Equal(t, "off", ask[string](t, c.URL(""), "SHOW fsync"))
	require.Equal(t, "off", ask[string](t, c.URL(""), "SHOW synchronous_commit"))
	require.Contains(t, c.String(), "PostgreSQL "+strings.Fields(ask[string](t, c.URL(""), "SHOW server_version"))[0])
	pids := ask[[]int](t, c.URL(""), "SELECT array_agg(pid) FROM pg_stat_activity")
	require.Greater(t, len(pids), 3, "checkpointer and the like are listed")
	pids = append(pids, c.server.cmd.Process.Pid, c.server.watcher.group())

	require.NoError(t, c.Stop())
	require.NoDirExists(t, dir)
	for _, pid := range pids {
		require.False(t, alive(pid), "process %d is left", pid)
	}
	require.NoError(t, c.Stop(), "the second time does nothing")
	require.ErrorIs(t, c.Kill(), errStopped)
	require.ErrorIs(t, c.Restart(t.Context()), errStopped)
}

func TestCommittedRowsOutliveKillAndRestart(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	c := OwnCluster(t)
	require.Equal(t, "on", ask[string](t, c.URL(""), "SHOW fsync"))
	require.NoError(t, c.CreateDatabase(ctx, "a database", ""))
	databaseURL := c.URL("a database")
	conn := open(t, databaseURL)
	_, err := conn.Exec(ctx, "CREATE TABLE t (n int)")
	require.NoError(t, err)
	_, err = conn.Exec(ctx, "INSERT INTO t VALUES (42)")
	require.NoError(t, err)

	require.NoError(t, c.Kill())
	require.NoError(t, c.Kill(), "dead already")
	require.Error(t, conn.Ping(ctx))
	_, err = pgx.Connect(ctx, databaseURL)
	require.Error(t, err)

	require.NoError(t, c.Restart(ctx), "after Kill")
	require.Equal(t, 42, ask[int](t, databaseURL, "SELECT n FROM t"))
	require.NoError(t, c.Restart(ctx), "of a running server")
	require.Equal(t, 42, ask[int](t, databaseURL, "SELECT n FROM t"))
}

func TestForeignServerIsUsedAsItIs(t *testing.T) {
	t.Parallel()
	own := OwnCluster(t)
	c := start(t, foreign(own.URL("")))
	require.Contains(t, c.String(), EnvURL)
	require.NoError(t, c.CreateDatabase(t.Context(), "d", ""))
	require.Equal(t, "d", ask[string](t, c.URL("d"), "SELECT current_database()"))
	require.NoError(t, c.DropDatabase(t.Context(), "d"))
	require.NoError(t, c.DropDatabase(t.Context(), "d"), "there is none")

	require.EqualError(t, c.Kill(), "kill PostgreSQL: not possible with TEST_DATABASE_URL")
	require.EqualError(t, c.Restart(t.Context()), "restart PostgreSQL: not possible with TEST_DATABASE_URL")
	require.NoError(t, c.Stop())
	require.Equal(t, 1, ask[int](t, own.URL(""), "SELECT 1"), "it still runs")
}

func TestForeignServerErrorsAreOneLineWithoutPassword(t *testing.T) {
	t.Parallel()
	for _, databaseURL := range []string{
		"host=127.0.0.1 password=secret",
		"postgres://u:secret@127.0.0.1:bad/",
		"mysql://u:secret@127.0.0.1/d",
		"postgres://u:secret@127.0.0.1:1,127.0.0.1:2/d",
	} {
		_, err := Start(t.Context(), io.Discard, foreign(databaseURL))
		require.ErrorContains(t, err, EnvURL)
		require.NotContains(t, err.Error(), "secret")
		require.NotContains(t, err.Error(), "\n")
	}
}

func TestStartFailureSaysWhyAndCleansUp(t *testing.T) {
	t.Parallel()
	p, err := systemFinder().find(t.Context(), io.Discard)
	require.NoError(t, err)
	s, err := newServer(t.Context(), p, false)
	require.NoError(t, err)
	s.settings = append(s.settings, "no_such_setting=1")
	err = s.start(t.Context(), func(context.Context) error { return errors.New("no answer") })
	require.ErrorContains(t, err, "no_such_setting")
	require.NotContains(t, err.Error(), "\n")
	require.NoError(t, s.remove())
	require.NoDirExists(t, s.dir)
}

// TestNothingIsLeftWhenTheProcessDies runs this test binary again to end it in
// ways that run no clean-up.
func TestNothingIsLeftWhenTheProcessDies(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"panic", "exit", "kill", "kill while it starts"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			tmp := openTempDir(t)
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), "TESTDB_DIE="+how, "TMPDIR="+tmp)
			out, err := cmd.StdoutPipe()
			require.NoError(t, err)
			require.NoError(t, cmd.Start())
			pid := 0
			if how == "kill while it starts" {
				require.Eventually(t, func() bool {
					initialising, _ := filepath.Glob(tmp + "/*/data/base")
					return len(initialising) > 0
				}, time.Minute, time.Millisecond)
			} else {
				line, err := bufio.NewReader(out).ReadString('\n')
				require.NoError(t, err)
				pid, err = strconv.Atoi(strings.TrimSpace(line))
				require.NoError(t, err)
			}
			if strings.HasPrefix(how, "kill") {
				require.NoError(t, cmd.Process.Kill())
			}
			require.Error(t, cmd.Wait())
			require.Eventually(t, func() bool {
				left, err := os.ReadDir(tmp)
				return err == nil && len(left) == 0 && !alive(pid) && len(processes(t, tmp)) == 0
			}, time.Minute, 10*time.Millisecond, "files or processes are left")
		})
	}
}

// die starts a cluster, prints the process id of postgres and ends.
func die(how string) {
	c, err := Start(context.Background(), os.Stderr, Private())
	if err != nil {
		panic(err)
	}
	_, _ = os.Stdout.WriteString(strconv.Itoa(c.server.cmd.Process.Pid) + "\n")
	switch how {
	case "panic":
		panic("as a failing test would")
	case "exit":
		os.Exit(3)
	}
	select {} // until killed
}
