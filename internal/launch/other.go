//go:build unix && !linux

package launch

import (
	"net"
	"net/http"
	"os/signal"
	"syscall"
)

const lastSignal = 31

func becomeParent() {}

// without runs f while sig is ignored.
func without(sig syscall.Signal, f func()) {
	if sig == syscall.SIGTTOU {
		signal.Ignore(sig)
		defer signal.Reset(sig)
	}
	f()
}

func quietClient() *http.Client { return nil }

func quieten(c net.Conn) net.Conn { return c }

// owned: whose a socket is only Linux tells.
func owned(int, net.Conn) error { return nil }
