package cli

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/test/testdb"
)

// beMetagate in its environment turns this test binary into metagate: the real
// main, with its signals and exit codes, under the race detector too.
const beMetagate = "TEST_MAIN_IS_METAGATE"

func TestMain(m *testing.M) {
	if os.Getenv(beMetagate) != "" {
		os.Exit(Main(os.Args[1:], "dev"))
	}
	testdb.Main(m)
}

// result is what a run of metagate left behind.
type result struct {
	code     int
	out, log string
}

// metagate runs one command to its end, in a directory of its own and with
// nothing in its environment but env.
func metagate(t *testing.T, env []string, args ...string) result {
	t.Helper()
	var out, log bytes.Buffer
	cmd := command(t, env, args...)
	cmd.Stdout, cmd.Stderr = &out, &log
	if err := cmd.Run(); err != nil {
		require.ErrorAs(t, err, new(*exec.ExitError))
	}
	return result{cmd.ProcessState.ExitCode(), out.String(), log.String()}
}

// done runs a command that must succeed and returns its output.
func done(t *testing.T, env []string, args ...string) string {
	t.Helper()
	r := metagate(t, env, args...)
	require.Zero(t, r.code, "metagate %q: %s", args, r.log)
	return r.out
}

func command(t *testing.T, env []string, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), self, args...) // a test that is over leaves nothing behind
	cmd.Dir = t.TempDir()
	cmd.Env = append([]string{beMetagate + "=1", "DRAIN_SECONDS=0", "PATH=" + os.Getenv("PATH")}, env...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGKILL) }
	return cmd
}

// oneLine requires that text is one line of metagate's own, no stack trace.
func oneLine(t *testing.T, text string) string {
	t.Helper()
	line, rest, found := strings.Cut(text, "\n")
	require.True(t, found && rest == "", "one line: %q", text)
	require.True(t, strings.HasPrefix(line, "metagate: "), line)
	return line
}

// modelOf is the command line as kong sees it.
func modelOf(t *testing.T) *kong.Application {
	t.Helper()
	k, err := kong.New(&cli{}, kong.Name("metagate"))
	require.NoError(t, err)
	return k.Model
}

// walk calls f with each node below n, n too.
func walk(n *kong.Node, f func(*kong.Node)) {
	f(n)
	for _, child := range n.Children {
		walk(child, f)
	}
}
