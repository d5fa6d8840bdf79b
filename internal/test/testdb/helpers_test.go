package testdb

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

func start(t *testing.T, opts ...Option) *Cluster {
	t.Helper()
	c, err := Start(t.Context(), t.Output(), opts...)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Stop()) })
	return c
}

func foreign(databaseURL string) Option {
	return func(o *options) { o.finder = finder{testURL: databaseURL} }
}

func open(t *testing.T, databaseURL string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), databaseURL)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// ask gives the only column of the only row of a query's answer.
func ask[T any](t *testing.T, databaseURL, sql string) T {
	t.Helper()
	var answer T
	require.NoError(t, open(t, databaseURL).QueryRow(t.Context(), sql).Scan(&answer))
	return answer
}

// openTempDir is a t.TempDir that the user postgres can reach.
func openTempDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "testdb-test-")
	require.NoError(t, err)
	require.NoError(t, os.Chmod(dir, 0o777))
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// alive counts a zombie as dead: in a container nobody may collect it.
func alive(pid int) bool {
	if pid == 0 || syscall.Kill(pid, 0) != nil {
		return false
	}
	stat, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return !strings.Contains(string(stat), ") Z ")
}

// processes lists those that have marker in their command line.
func processes(t *testing.T, marker string) []string {
	t.Helper()
	var found []string
	lines, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for i, file := range lines {
		line, _ := os.ReadFile(file)
		lines[i] = string(line)
	}
	if len(lines) == 0 { // macOS
		out, err := exec.Command("ps", "-A", "-o", "args").Output()
		require.NoError(t, err)
		lines = strings.Split(string(out), "\n")
	}
	for _, line := range lines {
		if strings.Contains(line, marker) {
			found = append(found, line)
		}
	}
	return found
}

// failing is a test that notes how it failed.
type failing struct {
	testing.TB
	fatal   bool
	message string
}

func (f *failing) Fatal(args ...any) {
	f.fatal, f.message = true, fmt.Sprint(args...)
	runtime.Goexit()
}

func (f *failing) Fatalf(format string, args ...any) { f.Fatal(fmt.Sprintf(format, args...)) }
