package testdb

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	readyWithin   = time.Minute
	stoppedWithin = 30 * time.Second
)

// server is the process of a private cluster: postgres itself, or a docker
// client that passes its signals on to the postgres in a container.
type server struct {
	programs programs
	dir      string
	port     int
	settings []string
	user     *syscall.Credential // nil: the user of this process
	watcher  *watcher

	cmd    *exec.Cmd
	exited chan struct{} // closed when cmd has ended
}

// newServer prepares the files of a cluster; start runs it.
func newServer(ctx context.Context, p programs, durable bool) (_ *server, err error) {
	s := &server{programs: p, settings: []string{"max_connections=300", "timezone=UTC"}}
	if !durable {
		s.settings = append(s.settings, "fsync=off", "synchronous_commit=off", "full_page_writes=off")
	}
	if s.port, err = freePort(ctx); err != nil {
		return nil, err
	}
	if p.bin != "" {
		if s.user, err = unprivileged(); err != nil {
			return nil, err
		}
	}
	if s.dir, err = makeDir(s.user); err != nil {
		return nil, err
	}
	if s.watcher, err = watch(s.dir, p.docker, s.container()); err != nil {
		return nil, errors.Join(err, os.RemoveAll(s.dir))
	}
	if p.bin != "" {
		if err = s.initdb(ctx); err != nil {
			return nil, errors.Join(err, s.remove())
		}
	}
	return s, nil
}

func (s *server) address() string   { return loopback(s.port) }
func (s *server) data() string      { return filepath.Join(s.dir, "data") }
func (s *server) container() string { return filepath.Base(s.dir) }

func (s *server) initdb(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, filepath.Join(s.programs.bin, "initdb"), "--pgdata", s.data(),
		"--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync")
	s.confine(cmd)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", cmd.Path, err, oneLine(string(out)))
	}
	return nil
}

// confine runs cmd as the unprivileged user, in the process group that the
// watcher ends, and out of reach of a Ctrl-C at the terminal.
func (s *server) confine(cmd *exec.Cmd) {
	cmd.Dir = s.dir
	// On macOS postgres does not start without a locale.
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.user, Setpgid: true, Pgid: s.watcher.group()}
}

func (s *server) command() *exec.Cmd {
	if s.programs.bin != "" {
		args := []string{"-D", s.data(), "-p", strconv.Itoa(s.port), "-h", "127.0.0.1", "-k", ""}
		return exec.Command(filepath.Join(s.programs.bin, "postgres"), append(args, s.flags()...)...)
	}
	if s.cmd != nil {
		return exec.Command(s.programs.docker, "start", "--attach", s.container())
	}
	args := []string{
		"run", "--name", s.container(), "--publish", s.address() + ":5432",
		"--env", "POSTGRES_HOST_AUTH_METHOD=trust",
		"--env", "POSTGRES_INITDB_ARGS=--encoding=UTF8 --locale=C", image,
	}
	return exec.Command(s.programs.docker, append(args, s.flags()...)...)
}

func (s *server) flags() []string {
	var flags []string
	for _, setting := range s.settings {
		flags = append(flags, "-c", setting)
	}
	return flags
}

// start runs PostgreSQL and returns once ping succeeds.
func (s *server) start(ctx context.Context, ping func(context.Context) error) error {
	// A file, not a pipe: go test waits for whoever holds its output open.
	log, err := os.OpenFile(s.log(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	cmd := s.command()
	s.confine(cmd)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return err
	}
	exited := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(exited)
	}()
	s.cmd, s.exited = cmd, exited

	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	for {
		err := ping(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-exited:
			return fmt.Errorf("PostgreSQL did not start: %s", s.lastWords())
		case <-ctx.Done():
			return fmt.Errorf("PostgreSQL did not answer: %w; %s", err, s.lastWords())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// end sends a signal that ends PostgreSQL and waits until it has.
func (s *server) end(signal syscall.Signal) error {
	if s.cmd == nil {
		return nil
	}
	_ = s.cmd.Process.Signal(signal) // fails only when it has ended
	select {
	case <-s.exited:
		return nil
	case <-time.After(stoppedWithin):
		_ = s.cmd.Process.Kill()
		<-s.exited
		return fmt.Errorf("PostgreSQL had to be killed: no end within %v of %v", stoppedWithin, signal)
	}
}

// remove leaves it to the watcher, so that there is one way to clean up.
func (s *server) remove() error { return s.watcher.release() }

func (s *server) log() string { return filepath.Join(s.dir, "log") }

// lastWords is the end of the log, on one line.
func (s *server) lastWords() string {
	log, _ := os.ReadFile(s.log())
	lines := strings.Split(strings.TrimSpace(string(log)), "\n")
	return oneLine(strings.Join(lines[max(0, len(lines)-4):], " | "))
}

// unprivileged gives root another user to run as: PostgreSQL refuses root.
func unprivileged() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, errUID := strconv.ParseUint(u.Uid, 10, 32)
		gid, errGID := strconv.ParseUint(u.Gid, 10, 32)
		if errUID == nil && errGID == nil {
			return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
		}
	}
	return nil, errors.New("PostgreSQL refuses to run as root, and there is no user postgres or nobody")
}

// makeDir makes a directory for owner, who must be able to reach it.
func makeDir(owner *syscall.Credential) (string, error) {
	parent := os.TempDir()
	if owner != nil && !openToAll(parent) {
		parent = "/tmp"
	}
	dir, err := os.MkdirTemp(parent, "metagate-testdb-")
	if err != nil || owner == nil {
		return dir, err
	}
	if err := os.Chown(dir, int(owner.Uid), int(owner.Gid)); err != nil {
		return "", errors.Join(err, os.Remove(dir))
	}
	return dir, nil
}

func openToAll(dir string) bool {
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if info, err := os.Stat(dir); err != nil || info.Mode()&0o001 == 0 {
			return false
		}
	}
	return true
}

// freePort keeps below the ports that systems hand to outgoing connections:
// one of those could take it between Kill and Restart.
func freePort(ctx context.Context) (int, error) {
	for range 100 {
		port := 15000 + rand.IntN(17000)
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", loopback(port))
		if err == nil {
			return port, l.Close()
		}
	}
	return 0, errors.New("no free port on 127.0.0.1")
}
