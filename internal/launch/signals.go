package launch

import (
	"os"
	"os/signal"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// signals are those that arrive here.
type signals struct {
	all      <-chan syscall.Signal // to be passed on
	children <-chan os.Signal      // SIGCHLD: it means this process, and isn't passed on
	raw      chan os.Signal
	kids     chan os.Signal
	ended    chan struct{}
}

// listen catches every signal that can be caught. Those that were ignored when this process started (nohup) stay so,
// for the command, too. The Go runtime keeps SIGPROF and what is below 35 of the realtime signals for itself.
func listen() *signals {
	// The kernel holds a classic signal once, so a buffer of this size drops none.
	raw, all, children := make(chan os.Signal, 256), make(chan syscall.Signal, 256), make(chan os.Signal, 1)
	var caught []os.Signal
	for n := syscall.Signal(1); n <= lastSignal; n++ {
		switch {
		case n == syscall.SIGKILL, n == syscall.SIGSTOP, n == syscall.SIGCHLD, n == syscall.SIGPROF, n > 31 && n < 35:
		case signal.Ignored(n):
		default:
			caught = append(caught, n)
		}
	}
	signal.Notify(raw, caught...)
	signal.Notify(children, syscall.SIGCHLD)
	s := &signals{all, children, raw, children, make(chan struct{})}
	go func() {
		for {
			select {
			case sig := <-raw:
				if n, ok := sig.(syscall.Signal); ok {
					all <- n
				}
			case <-s.ended:
				return
			}
		}
	}()
	return s
}

func (s *signals) stop() {
	signal.Stop(s.raw)
	signal.Stop(s.kids)
	close(s.ended)
}

// ends reports whether a program that does nothing about sig ends by it.
func ends(sig syscall.Signal) bool {
	switch sig {
	case syscall.SIGURG, syscall.SIGWINCH, syscall.SIGCONT, syscall.SIGCHLD:
		return false
	}
	return !stops(sig)
}

// stops reports whether a program that does nothing about sig stops by it, until SIGCONT.
func stops(sig syscall.Signal) bool {
	return sig == syscall.SIGTSTP || sig == syscall.SIGTTIN || sig == syscall.SIGTTOU
}

// name is SIGTERM for 15.
func name(sig syscall.Signal) string {
	if text := unix.SignalName(sig); text != "" {
		return text
	}
	return "signal " + strconv.Itoa(int(sig))
}
