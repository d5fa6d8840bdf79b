package testdb

import (
	"errors"
	"io"
	"os/exec"
	"syscall"
)

// script waits for the end of its standard input, whose other end this process
// holds: the kernel closes that when the process is gone, by kill -9 too. Then
// it ends its process group, which postgres is in ("kill 0"), CONT in case a
// test has suspended it, and removes the container and the files.
const script = `
trap '' QUIT
read -r _
kill -QUIT 0
kill -CONT 0
[ -z "$2" ] || "$2" rm --force --volumes "$3"
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
	rm -rf "$1" && exit
	sleep 0.5
done
exit 1
`

// watcher is a process that cleans up behind this one.
type watcher struct {
	dir   string
	cmd   *exec.Cmd
	stdin io.Closer
	done  chan error
}

func watch(dir, docker, container string) (*watcher, error) {
	cmd := exec.Command("/bin/sh", "-c", script, "testdb-watcher", dir, docker, container)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	w := &watcher{dir: dir, cmd: cmd, stdin: stdin, done: make(chan error, 1)}
	// The wait also keeps stdin from the garbage collector, which would close it.
	go func() { w.done <- cmd.Wait() }()
	return w, nil
}

// group is the process group that the watcher ends.
func (w *watcher) group() int { return w.cmd.Process.Pid }

// release has the watcher clean up now and waits for it.
func (w *watcher) release() error {
	_ = w.stdin.Close()
	if err := <-w.done; err != nil {
		return errors.New("cannot remove " + w.dir + ": " + err.Error())
	}
	return nil
}
