//go:build unix

package launch

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// terminal is the controlling terminal, and who has it. The command is in a process group of its own, so that what is
// typed (Ctrl-C) or sent to this process's group reaches it once: from the terminal where it has that, else from here.
type terminal struct {
	file *os.File // nil: none
	fd   int
	had  bool // by the command, before it was stopped
}

func openTerminal() *terminal {
	f, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return &terminal{}
	}
	return &terminal{file: f, fd: int(f.Fd())}
}

// foreground reports whether a process group has the terminal.
func (t *terminal) foreground(group int) bool {
	if t.file == nil {
		return false
	}
	has, err := unix.IoctlGetInt(t.fd, unix.TIOCGPGRP)
	return err == nil && has == group
}

// give gives the terminal to a process group.
func (t *terminal) give(group int) {
	if t.file != nil {
		without(syscall.SIGTTOU, func() { _ = unix.IoctlSetPointerInt(t.fd, unix.TIOCSPGRP, group) })
	}
}

// attributes are those of the command's process: a group of its own, in the foreground where this process is and
// nobody else in its group needs the terminal, as the other ends of a pipeline might.
func (t *terminal) attributes() *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{Setpgid: true}
	if t.foreground(unix.Getpgrp()) && isTerminal(os.Stdin) && isTerminal(os.Stdout) {
		a.Foreground, a.Ctty = true, t.fd
	}
	return a
}

func isTerminal(f *os.File) bool {
	_, err := unix.IoctlGetInt(int(f.Fd()), unix.TIOCGPGRP)
	return err == nil
}

// stopped does what a shell has to see when the command stopped: this process stops, too, until it is continued. Where
// the command only wanted the terminal, and this process has it, the command gets it.
func (t *terminal) stopped(kids *kids, pid int, sig syscall.Signal) {
	if t.file == nil {
		return
	}
	if (sig == syscall.SIGTTIN || sig == syscall.SIGTTOU) && t.foreground(unix.Getpgrp()) {
		t.give(pid)
		kids.signal(pid, syscall.SIGCONT, true)
		return
	}
	if session, err := unix.Getsid(0); err == nil && session == os.Getpid() {
		kids.signal(pid, syscall.SIGCONT, true) // nobody could ever continue it
		return
	}
	t.had = t.foreground(pid)
	_ = syscall.Kill(0, syscall.SIGSTOP) // as the terminal stops a whole group
}

// continued gives the terminal back to a command that had it when it was stopped, and reports whether it was stopped.
func (t *terminal) continued(pid int) bool {
	if !t.had {
		return false
	}
	if t.foreground(unix.Getpgrp()) {
		t.give(pid)
		t.had = false
	}
	return true
}

// restore gives the terminal back from the command's group to this process's.
func (t *terminal) restore(pid int) {
	if t.file == nil {
		return
	}
	if t.foreground(pid) {
		t.give(unix.Getpgrp())
	}
	_ = t.file.Close()
}
