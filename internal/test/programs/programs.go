// Package programs finds the servers of others that tests run beside MetaGate, such as
// proxies, and installs them where that can be done.
package programs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// places are where programs are that only root has in its PATH.
var places = []string{"/usr/sbin", "/usr/local/sbin", "/opt/homebrew/bin", "/usr/local/bin"}

// Find returns the path of a program whose Debian package has the same name: the one
// on this machine, else as apt-get installs it. Without one the test is skipped and
// says so; with CI=true it fails.
func Find(tb testing.TB, name string) string {
	tb.Helper()
	path := find(name)
	if path != "" {
		return path
	}
	err := install(tb.Context(), name)
	if path = find(name); err == nil && path != "" {
		return path
	}
	if os.Getenv("CI") == "true" {
		tb.Fatalf("no %s here, and none could be installed: %v", name, err)
	}
	tb.Skipf("no %s here, and none could be installed: %v", name, err)
	return ""
}

func find(name string) string {
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	for _, dir := range places {
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path
		}
	}
	return ""
}

// policy keeps Debian's packages from starting what they install (invoke-rc.d(8)).
const policy = "/usr/sbin/policy-rc.d"

// install brings a program with apt-get. apt-get update does not wait for its lock, so
// the test processes of one "go test ./..." take turns, those of testdb too.
func install(ctx context.Context, name string) error {
	apt, err := exec.LookPath("apt-get")
	switch {
	case err != nil:
		return err
	case os.Geteuid() != 0:
		return errors.New("apt-get needs root")
	}
	lock, err := os.Open(apt)
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return err
	}
	if find(name) != "" {
		return nil // another process was faster
	}
	f, err := os.OpenFile(policy, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if err == nil {
		defer func() { _ = os.Remove(policy) }()
		_, err = f.WriteString("#!/bin/sh\nexit 101\n")
		err = errors.Join(err, f.Close())
	} else if errors.Is(err, fs.ErrExist) { // somebody else's, in containers
		err = nil
	}
	if err != nil {
		return err
	}
	run := func(args ...string) ([]byte, error) {
		cmd := exec.CommandContext(ctx, apt, append([]string{"-o", "DPkg::Lock::Timeout=300"}, args...)...)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		return cmd.CombinedOutput()
	}
	_, _ = run("update") // only the installation decides
	if out, err := run("install", "-y", "--no-install-recommends", name); err != nil {
		return fmt.Errorf("apt-get install %s: %s", name, strings.Join(strings.Fields(string(out)), " "))
	}
	return nil
}
