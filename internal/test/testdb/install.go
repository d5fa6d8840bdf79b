package testdb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// install brings PostgreSQL with apt-get.
func (f finder) install(ctx context.Context, w io.Writer) error {
	apt := f.tool("apt-get")
	switch {
	case apt == "":
		return errors.New("no apt-get in PATH")
	case !f.root:
		return errors.New("apt-get needs root")
	}
	// apt-get update does not wait for its lock, so the test processes of one
	// "go test ./..." take turns.
	unlock, err := lock(apt)
	if err != nil {
		return err
	}
	defer unlock()
	if f.binaries() != "" {
		return nil // another process was faster
	}
	_, _ = fmt.Fprintln(w, "testdb: installing PostgreSQL with apt-get")
	// Without this Debian's packages create a cluster of their own and start it.
	if err := os.MkdirAll(filepath.Dir(f.conf), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(f.conf, []byte("create_main_cluster = false\n"), 0o644); err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.conf) }()

	run := func(args ...string) (string, error) {
		cmd := exec.CommandContext(ctx, apt, append([]string{"-o", "DPkg::Lock::Timeout=300"}, args...)...)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		return output(cmd)
	}
	// An update fails as a whole for one repository that does not answer; only
	// the installation decides.
	_, _ = run("update")
	if out, err := run("install", "-y", "--no-install-recommends", "postgresql"); err != nil {
		return fmt.Errorf("apt-get install postgresql failed: %s", out)
	}
	return nil
}

// lock waits for an exclusive lock on a file that exists, so that no lock file
// is left behind.
func lock(file string) (unlock func(), err error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() { _ = f.Close() }, nil
}
