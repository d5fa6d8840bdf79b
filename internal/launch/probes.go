package launch

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"syscall"
	"time"
)

// How long one look may take.
const (
	lookFor = 2 * time.Second
	execFor = 10 * time.Second
)

// Prober looks whether conditions hold that can be seen from outside.
type Prober struct {
	// Owner says what is wrong with who listens at an address that a connection was made to; nil asks nobody.
	Owner func(net.Conn) error
	// Run runs a program and says whether it ended with 0.
	Run func(ctx context.Context, argv []string) error

	before map[string]fs.FileInfo // files that were there before
}

// Look looks once; an error says what is not so.
func (p *Prober) Look(ctx context.Context, c Condition) error {
	limit := lookFor
	if c.kind == "exec" {
		limit = execFor
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	switch c.kind {
	case "tcp":
		conn, err := p.dial(ctx, "tcp", c.arg)
		if err != nil {
			return err
		}
		return conn.Close()
	case "http":
		return p.get(ctx, c.arg)
	case "exec":
		return p.Run(ctx, c.argv)
	case "file":
		return p.file(c.arg)
	}
	return errors.New("can't be seen from outside")
}

// Remember notes what the files of conditions are before the command is started: they don't say that it is ready.
func (p *Prober) Remember(all []Condition) {
	p.before = map[string]fs.FileInfo{}
	for _, c := range all {
		if info, err := os.Stat(c.arg); c.kind == "file" && err == nil {
			p.before[c.arg] = info
		}
	}
}

func (p *Prober) file(name string) error {
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	if old := p.before[name]; old != nil && os.SameFile(old, info) && old.ModTime().Equal(info.ModTime()) {
		return fmt.Errorf("%s was there before", name)
	}
	return nil
}

// dial connects to who listens, if that is the right one.
func (p *Prober) dial(ctx context.Context, network, address string) (net.Conn, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	if p.Owner != nil {
		if err := p.Owner(conn); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
	}
	return quieten(conn), nil
}

func (p *Prober) get(ctx context.Context, url string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	r.Header.Set("User-Agent", "metagate-exec")
	client := http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext: p.dial, DisableKeepAlives: true,
			// As Kubernetes' probes: a certificate is for the name that others use, and nothing secret is sent.
			TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // as above
		},
	}
	answer, err := client.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode < http.StatusOK || answer.StatusCode >= http.StatusBadRequest {
		return fmt.Errorf("%s answers %s", url, answer.Status)
	}
	return nil
}

// runProbe runs a probe's program beside the command, in the command's environment.
func (l *launch) runProbe(ctx context.Context, argv []string) error {
	path, err := lookPath(argv[0])
	if err != nil {
		return err
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer null.Close()
	ended := make(chan syscall.WaitStatus, 1)
	pid, err := l.kids.start(path, argv, &syscall.ProcAttr{
		Env: l.files.environ, Files: []uintptr{null.Fd(), null.Fd(), null.Fd()}, Sys: &syscall.SysProcAttr{Setpgid: true},
	}, func(s syscall.WaitStatus) {
		if !s.Stopped() {
			ended <- s
		}
	})
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	select {
	case status := <-ended:
		if status.ExitStatus() == 0 {
			return nil
		}
		return fmt.Errorf("%s %s", argv[0], how(status))
	case <-ctx.Done():
		l.kids.signal(pid, syscall.SIGKILL, true) // the probe is ours, not the command's
		return fmt.Errorf("%s: %w", argv[0], ctx.Err())
	}
}
