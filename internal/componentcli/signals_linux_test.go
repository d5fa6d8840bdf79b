package componentcli

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
)

// listener writes down each signal that arrives; it is ready by a file.
const listener = `
import os, signal, time
def got(n, frame): os.write(1, b"got %d\n" % n)
for n in range(1, 65):
    if n not in (signal.SIGKILL, signal.SIGSTOP, 32, 33): signal.signal(n, got)
print("listening", os.getpid(), flush=True)
while True: time.sleep(0.1) # not pause(): a signal just before it would be told with the next one
`

// kept are signals that can't be passed on: nobody catches KILL and STOP, CHLD is the kernel's word to a parent, and the
// Go runtime takes PROF and 32 to 34 for itself.
var kept = map[syscall.Signal]bool{
	syscall.SIGKILL: true, syscall.SIGSTOP: true, syscall.SIGCHLD: true, syscall.SIGPROF: true, 32: true, 33: true, 34: true,
}

func TestEverySignalIsPassedOnOnceBeforeAndAfterREADY(t *testing.T) {
	t.Parallel()
	python := needs(t, "python3")
	l := sqlite(t)
	p := start(t, command(t, l.env(), "exec", "--ready=file:up", "--", python, "-c", listener))
	p.says(t, "listening")
	t.Cleanup(func() {
		if t.Failed() {
			ends(t, p.out.String())
		}
	})
	for round := 1; round <= 2; round++ {
		for n := syscall.Signal(1); n <= 64; n++ {
			if !kept[n] {
				p.send(t, n)
				until(t, func() bool { return strings.Count(p.out.String(), fmt.Sprintf("got %d\n", n)) >= round }, "signal %d", n)
			}
		}
		require.NoError(t, os.WriteFile(p.Dir+"/up", nil, 0o600))
		l.becomes(t, model.StartupStatusREADY)
	}
	for n := syscall.Signal(1); n <= 64; n++ {
		want := 2
		if kept[n] {
			want = 0
		}
		if n != syscall.SIGURG { // the runtime sends itself some, which nobody can tell apart
			require.Equal(t, want, strings.Count(p.out.String(), fmt.Sprintf("got %d\n", n)), "signal %d", n)
		}
	}
	ends(t, p.out.String()) // before the test's context does: with that comes a SIGTERM
	require.Equal(t, 128+9, p.code(t))
}

// ends ends a listener, which only SIGKILL does; exec ends as it does.
func ends(t *testing.T, said string) {
	t.Helper()
	_, pid, _ := strings.Cut(said, "listening ")
	pid, _, _ = strings.Cut(pid, "\n")
	n, err := strconv.Atoi(strings.TrimSpace(pid))
	require.NoError(t, err, said)
	require.NoError(t, syscall.Kill(n, syscall.SIGKILL))
}

func TestASignalBeforeTheCommandIsStartedEndsExecAndIsReported(t *testing.T) {
	t.Parallel()
	l := sqlite(t)
	asked, sent := make(chan struct{}, 9), make(chan struct{})
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		<-sent
		forward(t, w, r, l.URL)
	}))
	t.Cleanup(proxy.Close)
	p := start(t, command(t, append(l.env(), "METAGATE_URL="+proxy.URL), "exec", "--", "sh", "-c", "echo started; exec sleep 60"))
	<-asked
	p.send(t, syscall.SIGWINCH) // ends nobody
	p.send(t, syscall.SIGHUP)
	until(t, func() bool { return pending(t, p.Process.Pid) == 0 }, "the signals have been taken")
	close(sent)
	require.Equal(t, 128+1, p.code(t))
	require.Equal(t, "SIGHUP", l.details(t)["signal"])
	require.NotContains(t, p.out.String(), "started")

	stuck := make(chan struct{}, 9)
	hangs := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		read(t, r.Body) // or its end isn't seen
		stuck <- struct{}{}
		<-r.Context().Done()
	}))
	t.Cleanup(hangs.Close)
	p = start(t, command(t, append(l.env(), "METAGATE_URL="+hangs.URL, "METAGATE_BUDGET=10m"), "exec", "--", "true"))
	<-stuck
	p.send(t, syscall.SIGTERM)
	require.Equal(t, 128+15, p.code(t))
}

// pending are the signals that a process hasn't taken yet, as a mask.
func pending(t *testing.T, pid int) (mask uint64) {
	t.Helper()
	status, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	require.NoError(t, err)
	for line := range strings.Lines(string(status)) {
		if name, value, _ := strings.Cut(line, ":"); name == "ShdPnd" || name == "SigPnd" {
			n, err := strconv.ParseUint(strings.TrimSpace(value), 16, 64)
			require.NoError(t, err)
			mask |= n
		}
	}
	return mask
}

func TestASignalThatWasIgnoredStaysIgnored(t *testing.T) {
	t.Parallel()
	l := sqlite(t)
	self := command(t, l.env(), "exec", "--ready=exit", "--", "sh", "-c", "kill -HUP $$; kill -HUP $PPID; echo lives")
	cmd := exec.CommandContext(t.Context(), needs(t, "nohup"), self.Args...)
	cmd.Dir, cmd.Env = self.Dir, self.Env
	p := start(t, cmd)
	require.Zero(t, p.code(t), "%s", p.log)
	require.Equal(t, "lives\n", p.out.String())
}

func TestWhatIsTypedReachesTheCommandOnce(t *testing.T) {
	t.Parallel()
	python := needs(t, "python3")
	l := sqlite(t)
	r, w := terminal(t)
	cmd := command(t, l.env(), "exec", "--ready=after:1ms", "--", python, "-c", listener)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = w, w, w
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	require.NoError(t, cmd.Start())
	require.NoError(t, w.Close())
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait(); _ = r.Close() })
	var said strings.Builder
	buffer := make([]byte, 4096)
	expect := func(text string) {
		for !strings.Contains(said.String(), text) {
			n, err := r.Read(buffer)
			require.NoError(t, err, said.String())
			said.Write(buffer[:n])
		}
	}
	expect("listening")
	expect("\n")
	t.Cleanup(func() { ends(t, said.String()) })
	for key, sig := range map[string]syscall.Signal{"\x03": syscall.SIGINT, "\x1c": syscall.SIGQUIT, "\x1a": syscall.SIGTSTP} {
		_, err := r.WriteString(key)
		require.NoError(t, err)
		expect(fmt.Sprintf("got %d\r\n", sig))
	}
	require.NoError(t, cmd.Process.Signal(syscall.SIGUSR1)) // behind whatever would have come twice
	expect(fmt.Sprintf("got %d\r\n", syscall.SIGUSR1))
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTSTP} {
		require.Equal(t, 1, strings.Count(said.String(), fmt.Sprintf("got %d\r\n", sig)), "%v", sig)
	}
}

// A shell with job control is stopped and continued with what it runs.
func TestACommandThatIsStoppedFromTheTerminalGivesTheShellBack(t *testing.T) {
	t.Parallel()
	bash := needs(t, "bash")
	l := sqlite(t)
	r, w := terminal(t)
	self := command(t, l.env())
	cmd := exec.CommandContext(t.Context(), bash, "--norc", "-i")
	cmd.Env, cmd.Dir = slices.Concat(self.Env, []string{"PS1=$ ", "SELF=" + self.Path}), self.Dir
	cmd.Stdin, cmd.Stdout, cmd.Stderr = w, w, w
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	require.NoError(t, cmd.Start())
	require.NoError(t, w.Close())
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait(); _ = r.Close() })
	var said strings.Builder
	buffer := make([]byte, 4096)
	expect := func(text string) {
		t.Helper()
		for !strings.Contains(said.String(), text) {
			n, err := r.Read(buffer)
			require.NoError(t, err, said.String())
			said.Write(buffer[:n])
		}
		_, rest, _ := strings.Cut(said.String(), text)
		said.Reset()
		said.WriteString(rest)
	}
	write := func(text string) {
		t.Helper()
		_, err := r.WriteString(text)
		require.NoError(t, err)
	}
	write("$SELF exec --ready=after:1ms -- sh -c 'echo run''ning; read x; echo read $x; exit 4'\n")
	expect("running\r\n")
	write("\x1a")
	expect("Stopped")
	write("echo the shell is ba''ck\n")
	expect("the shell is back\r\n")
	write("fg\n")
	expect("$SELF exec")
	write("a line\n")
	expect("read a line\r\n")
	write("echo status $?\n")
	expect("status 4\r\n")
	write("$SELF exec --ready=exit -- sh -c 'read x; echo read $x' | cat\n") // its terminal is the pipeline's, until it reads
	write("piped\n")
	expect("read piped\r\n")
	write("echo e''nd\n")
	expect("end\r\n")
}
