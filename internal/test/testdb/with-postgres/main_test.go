package main

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/test/testdb"
)

// TestMain is the command itself when a test runs this binary again.
func TestMain(m *testing.M) {
	if os.Getenv("WITH_POSTGRES_TEST") == "" {
		os.Exit(m.Run())
	}
	_ = os.Unsetenv("WITH_POSTGRES_TEST")
	main()
}

func command(args ...string) (cmd *exec.Cmd, stderr *bytes.Buffer) {
	cmd, stderr = exec.Command(os.Args[0], args...), &bytes.Buffer{}
	cmd.Env = append(os.Environ(), "WITH_POSTGRES_TEST=1", testdb.EnvURL+"=")
	cmd.Stderr = stderr
	return cmd, stderr
}

func TestCommandGetsAClusterAndItsCodeIsPassedOn(t *testing.T) {
	t.Parallel()
	// The cluster of the outer command serves the inner one.
	cmd, stderr := command("sh", "-c", `cat; WITH_POSTGRES_TEST=1 "$0" sh -c 'echo $TEST_DATABASE_URL; exit 7'`, os.Args[0])
	cmd.Stdin = strings.NewReader("input\n")
	out, err := cmd.Output()
	require.Error(t, err)
	require.Equal(t, 7, cmd.ProcessState.ExitCode())
	require.Regexp(t, `^input\npostgres://postgres@127\.0\.0\.1:\d+/postgres\?sslmode=disable\n$`, string(out))
	require.Regexp(t, `^with-postgres: PostgreSQL \d+.* at 127\.0\.0\.1:\d+ \(.+\)\n`+
		`with-postgres: PostgreSQL \d+.* at 127\.0\.0\.1:\d+ \(TEST_DATABASE_URL\)\n$`, stderr.String())
}

func TestTheLastLineSaysWhatItRanOn(t *testing.T) {
	t.Parallel()
	cmd, stderr := command("true")
	require.NoError(t, cmd.Run())
	require.Regexp(t, `\nwith-postgres: passed, on SQLite 3\.\d+\.\d+ and PostgreSQL \d+.* at 127\.0\.0\.1:\d+ \(.+\)\n$`, stderr.String())
}

func TestSignalReachesTheCommand(t *testing.T) {
	t.Parallel()
	cmd, _ := command("sh", "-c", `trap 'exit 9' TERM; echo ready; while :; do sleep 0.05; done`)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "ready\n", line)
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	require.Error(t, cmd.Wait())
	require.Equal(t, 9, cmd.ProcessState.ExitCode())
}

func TestCodesOfCommandsThatDoNotExit(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		code int
		args []string
		says string
	}{
		{2, nil, "usage: with-postgres command"},
		{127, []string{"/no/such/command"}, "no such file"},
		{128 + 9, []string{"sh", "-c", "kill -9 $$"}, "PostgreSQL"},
	} {
		cmd, stderr := command(test.args...)
		require.Error(t, cmd.Run())
		require.Equal(t, test.code, cmd.ProcessState.ExitCode())
		require.Contains(t, stderr.String(), test.says)
	}
}
