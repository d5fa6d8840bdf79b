package launch

import (
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// outer is the service manager that waits for this process (sd_notify(3)); nil where there is none.
type outer struct{ socket string }

func newOuter(environ []string) *outer {
	if socket := lookup(environ, "NOTIFY_SOCKET"); socket != "" {
		return &outer{socket}
	}
	return nil
}

// send sends a datagram, with file descriptors that it is about. A manager that doesn't listen changes nothing.
func (o *outer) send(text string, fds ...int) {
	if o == nil {
		return
	}
	syscall.ForkLock.RLock()
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_DGRAM, 0)
	if err == nil {
		syscall.CloseOnExec(fd)
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return
	}
	defer syscall.Close(fd)
	_ = syscall.SetsockoptTimeval(fd, syscall.SOL_SOCKET, syscall.SO_SNDTIMEO, &syscall.Timeval{Sec: 1}) // it may be busy
	var rights []byte
	if len(fds) > 0 {
		rights = syscall.UnixRights(fds...)
	}
	_ = syscall.Sendmsg(fd, []byte(text), rights, &syscall.SockaddrUnix{Name: o.socket}, 0)
}

// inner is the socket that the command notifies: what it says goes on to the outer one, but READY=1 only when all of
// readiness holds.
type inner struct {
	conn  *net.UnixConn
	name  string
	outer *outer
	ready chan struct{} // closed at the first READY=1
	open  chan struct{} // closed when READY=1 may pass
}

// longest is the longest name that a socket can have, in bytes (unix(7)).
const longest = 107

// newInner listens in dir or, where its name is too long for a socket, in a directory that is to be removed, too.
func newInner(dir string, o *outer) (_ *inner, extra string, err error) {
	name := filepath.Join(dir, "notify")
	if len(name) > longest {
		if extra, err = ownDir([]string{"RUNTIME_DIRECTORY=/tmp"}); err != nil {
			return nil, "", err
		}
		name = filepath.Join(extra, "notify")
	}
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		return nil, extra, err
	}
	if err := os.Chmod(name, 0o666); err != nil { //nolint:gosec // the command may notify as another user, who knows the name
		return nil, extra, err
	}
	n := &inner{c, name, o, make(chan struct{}), make(chan struct{})}
	go n.serve()
	return n, extra, nil
}

func (n *inner) serve() {
	text, rights := make([]byte, 64<<10), make([]byte, 4<<10)
	said := false
	for {
		size, many, _, _, err := n.conn.ReadMsgUnix(text, rights)
		if err != nil {
			return // closed at the end
		}
		fds := descriptors(rights[:many])
		lines := strings.Split(strings.TrimSuffix(string(text[:size]), "\n"), "\n")
		first := !said && slices.Contains(lines, "READY=1")
		select {
		case <-n.open: // READY=1 after a reload, as Type=notify-reload wants it
			if !first {
				break
			}
			lines = withoutReady(lines)
		default:
			lines = withoutReady(lines)
		}
		if len(lines) > 0 {
			n.outer.send(strings.Join(lines, "\n"), fds...)
		}
		if first {
			said = true
			close(n.ready)
		}
		for _, fd := range fds {
			_ = syscall.Close(fd) // BARRIER=1 waits for that
		}
	}
}

func withoutReady(lines []string) []string {
	return slices.DeleteFunc(lines, func(line string) bool { return line == "READY=1" })
}

// descriptors are the file descriptors that came with a datagram.
func descriptors(rights []byte) (fds []int) {
	messages, _ := syscall.ParseSocketControlMessage(rights)
	for i := range messages {
		some, _ := syscall.ParseUnixRights(&messages[i])
		fds = append(fds, some...)
	}
	return fds
}
