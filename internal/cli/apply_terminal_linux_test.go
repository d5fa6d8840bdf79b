package cli

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/test/apptest"
)

func TestAPlanIsColouredOnATerminalUnlessNOCOLORIsSet(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, sqliteURL(t))
	world := file(t, "profiles: [{profile_key: p}]")
	for _, noColor := range []string{"", "1"} {
		r, w := terminal(t)
		cmd := command(t, []string{"METAGATE_URL=" + a.URL, "METAGATE_API_KEY=" + apptest.AdminKey, "NO_COLOR=" + noColor}, "apply", "--dry-run", "-f", world)
		cmd.Stdout, cmd.Stderr = w, os.Stderr
		require.NoError(t, cmd.Start())
		require.NoError(t, w.Close())
		text, _ := io.ReadAll(r) // ends with an error when the other end is closed
		require.NoError(t, cmd.Wait())
		require.NoError(t, r.Close())
		if noColor == "" {
			require.Contains(t, string(text), "\x1b[32m+\x1b[0m profile \x1b[1mp\x1b[0m")
		} else {
			require.Contains(t, string(text), "+ profile p")
			require.NotContains(t, string(text), "\x1b")
		}
	}
}

// converse runs a command on a terminal and answers where it asks.
func converse(t *testing.T, a *apptest.App, reply string, args ...string) (code int, said, log string) {
	t.Helper()
	r, w := terminal(t)
	cmd := command(t, []string{"METAGATE_URL=" + a.URL, "METAGATE_API_KEY=" + apptest.AdminKey, "NO_COLOR=1"}, args...)
	var stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = w, w, &stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true} // its Ctrl-C is a signal
	require.NoError(t, cmd.Start())
	require.NoError(t, w.Close())
	var text strings.Builder
	buffer := make([]byte, 4096)
	for asked := false; ; {
		n, err := r.Read(buffer)
		text.Write(buffer[:n])
		if !asked && strings.HasSuffix(text.String(), "apply? [y/N] ") {
			asked = true
			_, err = r.WriteString(reply)
			require.NoError(t, err)
		}
		if err != nil { // the other end is closed
			break
		}
	}
	_ = cmd.Wait() // the code says it
	require.NoError(t, r.Close())
	return cmd.ProcessState.ExitCode(), strings.ReplaceAll(text.String(), "\r\n", "\n"), stderr.String()
}

func TestApplyAsksOnATerminalAfterItHasShownWhatWouldChange(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, sqliteURL(t))
	const (
		plan = "\npackets that change: 9\n"
		todo = "\ndry run, nothing was changed: 25 to create, 0 to update, 0 to delete, 0 unchanged\n"
		done = "done: 25 created, 0 updated, 0 deleted, 0 unchanged\npackets that changed: 9\n"
	)
	for _, reply := range []string{"\n", "n\n", "yesterday\n", "\x04"} {
		code, said, log := converse(t, a, reply, "apply", "-f", absolute(t, meshFile))
		require.Equal(t, 1, code, "%q", reply)
		require.Contains(t, said, plan)
		require.Contains(t, said, todo)
		require.NotContains(t, said, "done")
		require.Equal(t, "metagate: nothing was applied\n", log)
	}
	code, said, log := converse(t, a, "\x03", "apply", "-f", absolute(t, meshFile))
	require.Equal(t, 1, code, "Ctrl-C")
	require.NotContains(t, said, "done")
	require.Equal(t, "metagate: nothing was applied\n", log)
	require.Equal(t, 25, strings.Count(ok(t, a, "apply", "--dry-run", "-f", meshFile), "\n+")+1, "nothing was applied")

	code, said, log = converse(t, a, "Yes\n", "apply", "-f", absolute(t, meshFile))
	require.Zero(t, code, log)
	require.Contains(t, said, todo+"apply? [y/N] Yes\n"+done)
	code, said, log = converse(t, a, "", "apply", "-f", absolute(t, meshFile))
	require.Zero(t, code, log)
	require.Equal(t, "dry run, nothing was changed: 0 to create, 0 to update, 0 to delete, 25 unchanged\n", said, "nothing to ask")

	changed := file(t, strings.ReplaceAll(textOf(t, meshFile), "rate_limit_rps: 20,", "rate_limit_rps: 50,"))
	code, said, log = converse(t, a, "", "apply", "--yes", "-f", changed)
	require.Zero(t, code, log)
	require.Contains(t, said, "packets that change: 1\n")
	require.NotContains(t, said, "apply?")
	require.True(t, strings.HasSuffix(said, "done: 0 created, 1 updated, 0 deleted, 24 unchanged\npackets that changed: 1\n"), said)
}

func absolute(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(name)
	require.NoError(t, err)
	return path
}
