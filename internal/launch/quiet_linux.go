package launch

import (
	"context"
	"net"
	"net/http"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

const lastSignal = 64

// becomeParent makes this process the parent of what the command leaves behind, as PID 1 is, and hides its memory and
// environment, which has the key, from other processes of its user.
func becomeParent() {
	_ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) // an old kernel: they go to PID 1
	_ = unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)
}

// without runs f on a thread of its own that sig can't reach, and waits for it. A write to a pipe that nobody reads
// raises SIGPIPE in the thread that writes: caught elsewhere, it would be passed on to the command, and end it.
func without(sig syscall.Signal, f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		var set unix.Sigset_t
		set.Val[0] = 1 << (uint(sig) - 1)
		_ = unix.PthreadSigmask(unix.SIG_BLOCK, &set, nil)
		f()
	}()
	<-done
}

// quietClient is an HTTP client that raises no SIGPIPE where the other side has hung up.
func quietClient() *http.Client {
	t, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		return nil
	}
	t = t.Clone()
	var d net.Dialer
	t.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := d.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return quieten(c), nil
	}
	return &http.Client{Transport: t}
}

// quieten is a connection that raises no SIGPIPE.
func quieten(c net.Conn) net.Conn {
	if tcp, ok := c.(*net.TCPConn); ok {
		if raw, err := tcp.SyscallConn(); err == nil {
			return quietConn{c, raw}
		}
	}
	return c
}

type quietConn struct {
	net.Conn
	raw syscall.RawConn
}

func (c quietConn) Write(p []byte) (n int, err error) {
	for n < len(p) && err == nil {
		var written int
		var failed error
		err = c.raw.Write(func(fd uintptr) bool {
			written, failed = unix.SendmsgN(int(fd), p[n:], nil, nil, unix.MSG_NOSIGNAL)
			return failed != unix.EAGAIN
		})
		n += max(written, 0)
		if err == nil && failed != unix.EINTR {
			err = failed
		}
	}
	return n, err
}
