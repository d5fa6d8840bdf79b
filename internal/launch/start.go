package launch

import (
	"errors"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"runtime/debug"
	"slices"
	"syscall"
	"time"
)

// start starts the command, with pumps on its streams where somebody looks at them.
func (l *launch) start(path string, c *command, looks []func([]byte)) (err error) {
	h := l.files
	notifies := slices.ContainsFunc(l.Ready, func(r Condition) bool { return r.kind == "notify" })
	if notifies || l.outer != nil {
		var extra string
		c.inner, extra, err = newInner(h.dir, l.outer)
		h.extra = extra
		if err != nil {
			return err
		}
		h.set("NOTIFY_SOCKET=" + c.inner.name)
	}
	h.unset("WATCHDOG_PID") // this process's: where it isn't set, WATCHDOG_USEC holds for whoever reads it

	files := []*os.File{os.Stdin, os.Stdout, os.Stderr}
	var ours []*os.File // the command's ends of pipes, once it has them
	attach := func(i int, lines func([]byte), t *tail) error {
		if i == 2 && lines != nil && sameFile(os.Stdout, os.Stderr) && files[1] != os.Stdout {
			files[2], c.pumps[0].tail = files[1], t // one stream: its order stays
			return nil
		}
		r, w, err := os.Pipe()
		if err != nil {
			return err
		}
		c.pumps = append(c.pumps, &pump{from: r, to: files[i], lines: lines, tail: t, done: make(chan struct{})})
		files[i] = w
		ours = append(ours, w)
		return nil
	}
	var look func([]byte)
	if len(looks) > 0 {
		look = func(line []byte) {
			for _, one := range looks {
				one(line)
			}
		}
		err = attach(1, look, nil)
	}
	if l.ReportStderr {
		c.tail = &tail{}
	}
	if look != nil || c.tail != nil {
		err = errors.Join(err, attach(2, look, c.tail))
	}
	defer func() {
		for _, w := range ours {
			_ = w.Close()
		}
	}()
	if err != nil {
		return err
	}
	c.started = time.Now()
	c.pid, err = l.kids.start(path, l.Command, &syscall.ProcAttr{
		Env: h.environ, Files: []uintptr{files[0].Fd(), files[1].Fd(), files[2].Fd()}, Sys: c.terminal.attributes(),
	}, func(s syscall.WaitStatus) {
		if !s.Stopped() {
			c.status <- s
			return
		}
		select {
		case c.stopped <- s.StopSignal():
		default: // it stops faster than anybody looks
		}
	})
	if err != nil {
		return err
	}
	for _, p := range c.pumps {
		go p.run()
	}
	return nil
}

func sameFile(a, b *os.File) bool {
	one, err := a.Stat()
	if err != nil {
		return false
	}
	other, err := b.Stat()
	return err == nil && os.SameFile(one, other)
}

// ownerOf says what is wrong with who accepted a connection, where the command is pid.
func (l *launch) ownerOf(pid int) func(net.Conn) error {
	return func(conn net.Conn) error { return owned(pid, conn) }
}

// quieterMemory gives back what the start needed: from here on hardly anything is allocated. Without collections the
// runtime sends itself no SIGURG either, which would be passed on.
func quieterMemory() {
	debug.FreeOSMemory()
	debug.SetGCPercent(-1)
	debug.SetMemoryLimit(16 << 20)
}

// lookPath finds a program in PATH.
func lookPath(name string) (string, error) { return exec.LookPath(name) }

// jitter is a random time up to d, so that those who report together don't return together.
func jitter(d time.Duration) time.Duration { return d/2 + rand.N(d) } //nolint:gosec // nobody gains by guessing it
