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
	c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: o.socket, Net: "unixgram"})
	if err != nil {
		return
	}
	defer c.Close()
	var rights []byte
	if len(fds) > 0 {
		rights = syscall.UnixRights(fds...)
	}
	_, _, _ = c.WriteMsgUnix([]byte(text), rights, nil)
}

// inner is the socket that the command notifies: what it says goes on to the outer one, but READY=1 only when all of
// readiness holds.
type inner struct {
	conn  *net.UnixConn
	outer *outer
	ready chan struct{} // closed at the first READY=1
	open  chan struct{} // closed when READY=1 may pass
}

func newInner(dir string, o *outer) (*inner, error) {
	name := filepath.Join(dir, "notify")
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(name, 0o666); err != nil { //nolint:gosec // the command may notify as another user, who knows the name
		return nil, err
	}
	n := &inner{c, o, make(chan struct{}), make(chan struct{})}
	go n.serve()
	return n, nil
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
		if slices.Contains(lines, "READY=1") {
			if !said {
				close(n.ready)
			}
			said = true
			select {
			case <-n.open: // after a reload, as Type=notify-reload wants it
			default:
				lines = slices.DeleteFunc(lines, func(line string) bool { return line == "READY=1" })
			}
		}
		if len(lines) > 0 {
			n.outer.send(strings.Join(lines, "\n"), fds...)
		}
		for _, fd := range fds {
			_ = syscall.Close(fd) // BARRIER=1 waits for that
		}
	}
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
