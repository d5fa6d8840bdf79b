package componentcli

import (
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
)

// manager is the service manager's end of NOTIFY_SOCKET, as systemd has it.
type manager struct {
	*net.UnixConn
	name string
}

func newManager(t *testing.T) manager {
	t.Helper()
	dir, err := os.MkdirTemp("", "notify") //nolint:usetesting // t.TempDir may be longer than a socket's name
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: dir + "/s", Net: "unixgram"})
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return manager{c, dir + "/s"}
}

// hears is the next datagram that says more than how far exec is.
func (m manager) hears(t *testing.T) string {
	t.Helper()
	buffer := make([]byte, 4096)
	require.NoError(t, m.SetReadDeadline(time.Now().Add(time.Minute)))
	for {
		n, err := m.Read(buffer)
		require.NoError(t, err)
		if text := string(buffer[:n]); text != "STATUS=asking MetaGate for the packet" {
			return text
		}
	}
}

// silent requires that nothing has come.
func (m manager) silent(t *testing.T) {
	t.Helper()
	require.NoError(t, m.SetReadDeadline(time.Now().Add(10*time.Millisecond)))
	buffer := make([]byte, 4096)
	n, err := m.Read(buffer)
	require.ErrorIs(t, err, os.ErrDeadlineExceeded, "%s", buffer[:n])
}

const notifies = `
import os, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.connect(os.environ["NOTIFY_SOCKET"])
print("watchdog", os.environ.get("WATCHDOG_PID"), os.environ.get("WATCHDOG_USEC"), flush=True)
for line in sys.stdin:
    s.send(line.rstrip("\n").replace("|", "\n").encode())
    print("sent", line, flush=True)
`

func TestACommandThatNotifiesIsHeardByExecAndByTheServiceManager(t *testing.T) {
	t.Parallel()
	python := needs(t, "python3")
	l, m := sqlite(t), newManager(t)
	cmd := command(t, l.env("NOTIFY_SOCKET="+m.name, "WATCHDOG_USEC=30000000", "WATCHDOG_PID=1"), "exec", "--ready=notify", "--", python, "-c", notifies)
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	p := start(t, cmd)
	say := func(text string) {
		t.Helper()
		_, err := in.Write([]byte(text + "\n"))
		require.NoError(t, err)
	}
	p.says(t, "watchdog None 30000000")
	say("STATUS=warming up")
	require.Equal(t, "STATUS=warming up", m.hears(t))
	require.Equal(t, model.StartupStatusOPEN, l.startup(t).Status)
	say("READY=1|MAINPID=4711|STATUS=serving")
	require.Equal(t, "MAINPID=4711\nSTATUS=serving", m.hears(t))
	require.Equal(t, "READY=1", m.hears(t))
	l.becomes(t, model.StartupStatusREADY)
	say("RELOADING=1|MONOTONIC_USEC=1")
	require.Equal(t, "RELOADING=1\nMONOTONIC_USEC=1", m.hears(t))
	say("READY=1")
	require.Equal(t, "READY=1", m.hears(t), "after a reload")
	say("WATCHDOG=1")
	require.Equal(t, "WATCHDOG=1", m.hears(t))
	require.NoError(t, in.Close())
	require.Zero(t, p.code(t))
}

func TestTheServiceManagerHearsThatACommandIsReadyWhichNotifiesNobody(t *testing.T) {
	t.Parallel()
	l, m := sqlite(t), newManager(t)
	p := start(t, command(t, l.env("NOTIFY_SOCKET="+m.name), "exec", "--ready=file:up", "--", "sh", "-c", "echo started; exec sleep 60"))
	p.says(t, "started")
	require.NoError(t, m.SetReadDeadline(time.Now().Add(time.Minute)))
	buffer := make([]byte, 4096)
	n, err := m.Read(buffer)
	require.NoError(t, err)
	require.Equal(t, "STATUS=asking MetaGate for the packet", string(buffer[:n]))
	m.silent(t)
	require.NoError(t, os.WriteFile(p.Dir+"/up", nil, 0o600))
	require.Equal(t, "READY=1", m.hears(t))
	l.becomes(t, model.StartupStatusREADY)
}

// systemd-notify waits until the file descriptor that it sends is closed.
func TestSystemdNotifyIsHeardWithAndWithoutAServiceManager(t *testing.T) {
	t.Parallel()
	tool := needs(t, "systemd-notify")
	l := sqlite(t)
	p := start(t, command(t, l.env(), "exec", "--ready=notify", "--", "sh", "-c", tool+" --ready && echo heard; exec sleep 60"))
	p.says(t, "heard")
	l.becomes(t, model.StartupStatusREADY)

	m := newManager(t)
	p = start(t, command(t, l.env("NOTIFY_SOCKET="+m.name), "exec", "--ready=notify", "--", "sh", "-c", tool+" --ready --status=up && echo heard; exec sleep 60"))
	rest := []string{m.hears(t), m.hears(t), m.hears(t)} // with the barrier, whose descriptor the test's read has dropped
	require.Contains(t, strings.Join(rest, "\n"), "STATUS=up")
	require.Contains(t, rest, "READY=1")
	require.Contains(t, rest, "BARRIER=1")
	p.says(t, "heard")
}
