package launch

import (
	"sync"
	"syscall"
)

// kids are the children of this process. As it may be PID 1, or the subreaper of what the command leaves behind, it
// waits for any child: so nobody else may wait, and whoever starts one is told here how it ended.
type kids struct {
	mu      sync.Mutex
	waiting map[int]func(syscall.WaitStatus)
}

func newKids() *kids { return &kids{waiting: map[int]func(syscall.WaitStatus){}} }

// start starts a program; told is called when it stops or ends.
func (k *kids) start(path string, argv []string, attr *syscall.ProcAttr, told func(syscall.WaitStatus)) (pid int, err error) {
	k.mu.Lock() // it may end before it is known
	defer k.mu.Unlock()
	pid, err = syscall.ForkExec(path, argv, attr) //nolint:gosec // to start what it is told to is what it is for
	if err == nil {
		k.waiting[pid] = told
	}
	return pid, err
}

// reap takes the status of every child that has one.
func (k *kids) reap() {
	k.mu.Lock()
	defer k.mu.Unlock()
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG|syscall.WUNTRACED, nil)
		switch {
		case err == syscall.EINTR:
			continue
		case err != nil || pid <= 0:
			return
		}
		told := k.waiting[pid]
		if !status.Stopped() {
			delete(k.waiting, pid)
		}
		if told != nil {
			told(status)
		}
	}
}

// signal sends sig to a child that was not reaped, so that its number is still its own; to its process group where
// group says so.
func (k *kids) signal(pid int, sig syscall.Signal, group bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.waiting[pid] == nil {
		return
	}
	if group {
		pid = -pid
	}
	_ = syscall.Kill(pid, sig) // another user's, after setuid: there is nothing to do then
}
