package componentcli

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
)

// built is metagate-component as it ships: a static binary.
func built(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "metagate")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", name, "../../cmd/metagate-component")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return name
}

// asRoot skips a test that needs root, for a namespace or a root of its own.
func asRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("skipped: not root")
	}
}

func TestAsPID1ItReapsWhatTheCommandLeavesBehind(t *testing.T) {
	t.Parallel()
	asRoot(t)
	unshare := needs(t, "unshare")
	l := sqlite(t)
	// Orphans end while the command runs: whoever is PID 1 has to wait for them.
	const script = `
		test "$PPID" = 1 || exit 9
		for i in $(seq 30); do (sh -c 'exit 7' &); done
		while ls /proc/*/stat | xargs cat 2>/dev/null | grep -q ') Z '; do :; done
		echo reaped; trap 'exit 6' TERM; while :; do sleep 0.05; done`
	self := command(t, l.env(), "exec", "--ready=log:reaped", "--", "sh", "-c", script)
	cmd := program(t, unshare, l.env(), append([]string{"--pid", "--fork", "--mount-proc", "--kill-child", "--"}, self.Args...)...)
	p := start(t, cmd)
	p.says(t, "reaped")
	l.becomes(t, model.StartupStatusREADY)
	children, err := os.ReadFile("/proc/" + strconv.Itoa(p.Process.Pid) + "/task/" + strconv.Itoa(p.Process.Pid) + "/children")
	require.NoError(t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(string(children)))
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(pid, syscall.SIGTERM)) // as a container's engine does
	require.Equal(t, 6, p.code(t))
}

func TestAsPID1ItEndsThoughOrphansRun(t *testing.T) {
	t.Parallel()
	asRoot(t)
	l := sqlite(t)
	self := command(t, l.env(), "exec", "--ready=log:x", "--stderr", "--", "sh", "-c", "(setsid sleep 600 &); echo bye; exit 3")
	p := start(t, program(t, needs(t, "unshare"), l.env(), append([]string{"--pid", "--fork", "--mount-proc", "--"}, self.Args...)...))
	require.Equal(t, 3, p.code(t), "the orphan has stdout and stderr still")
	require.Equal(t, "bye\n", p.out.String())
}

func TestInAnEmptyImageItIsAnEntrypoint(t *testing.T) {
	t.Parallel()
	asRoot(t)
	l, root := sqlite(t), t.TempDir()
	binary, err := os.ReadFile(built(t))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(root+"/metagate", binary, 0o700))
	chroot := func(env []string, args ...string) *process {
		cmd := exec.CommandContext(t.Context(), "/metagate", args...)
		cmd.Path, cmd.Dir, cmd.Env = "/metagate", "/", env
		cmd.Err = nil // it is looked for in the root
		cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: root, Cloneflags: syscall.CLONE_NEWPID}
		return start(t, cmd)
	}
	p := chroot(l.env(), "exec", "--ready=exit", "--", "/metagate", "version")
	require.Equal(t, 78, p.code(t), "there is no /tmp")
	require.Contains(t, p.log.String(), "set RUNTIME_DIRECTORY or TMPDIR")
	require.Equal(t, model.StartupStatusFAILED, l.startup(t).Status)

	require.NoError(t, os.Mkdir(root+"/run", 0o700))
	p = chroot(l.env("RUNTIME_DIRECTORY=/run:/other"), "exec", "--ready=exit", "--", "/metagate", "version")
	require.Zero(t, p.code(t), "%s", p.log)
	require.Equal(t, "metagate dev\n", p.out.String())
	require.Equal(t, model.StartupStatusREADY, l.startup(t).Status)
	left, err := os.ReadDir(root + "/run")
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestACommandOfAnotherUserCantReadTheKeyOfItsParent(t *testing.T) {
	t.Parallel()
	asRoot(t)
	l, dir := sqlite(t), t.TempDir()
	binary, err := os.ReadFile(built(t))
	require.NoError(t, err)
	for _, d := range []string{dir, filepath.Dir(dir)} {
		require.NoError(t, os.Chmod(d, 0o755))
	}
	require.NoError(t, os.WriteFile(dir+"/metagate", binary, 0o700))
	require.NoError(t, os.Chmod(dir+"/metagate", 0o755))
	p := start(t, program(t, needs(t, "setpriv"), l.env("TMPDIR=/tmp"), "--reuid=65534", "--regid=65534", "--clear-groups", dir+"/metagate",
		"exec", "--ready=exit", "--", "sh", "-c", "id -u; cat /proc/$PPID/environ; cat /proc/$$/environ > /dev/null && echo mine"))
	require.Zero(t, p.code(t), "%s", p.log)
	require.Equal(t, "65534\nmine\n", p.out.String())
	require.Contains(t, p.log.String(), "Permission denied")
}

// What runs beside every component has to be small.
func TestItTakesAtMost12MiB(t *testing.T) {
	t.Parallel()
	l := sqlite(t)
	p := start(t, program(t, built(t), l.env(), "exec", "--ready=after:1ms", "--", "sh", "-c", "exec sleep 60"))
	l.becomes(t, model.StartupStatusREADY)
	status, err := os.ReadFile("/proc/" + strconv.Itoa(p.Process.Pid) + "/status")
	require.NoError(t, err)
	_, peak, _ := strings.Cut(string(status), "VmHWM:")
	kib, err := strconv.Atoi(strings.Fields(peak)[0])
	require.NoError(t, err)
	t.Logf("%d KiB at its peak", kib)
	require.LessOrEqual(t, kib, 12<<10)
}
