package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/legivellum/metagate/internal/bench"
)

func build(ctx context.Context, binary string) error {
	c := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", binary, "./cmd/metagate")
	c.Env = append(os.Environ(), "CGO_ENABLED=0")
	c.Stderr = os.Stderr
	return c.Run()
}

// server is a process of its own, logging to a file as in production.
type server struct {
	cmd                *exec.Cmd
	url, key, adminKey string
}

func start(ctx context.Context, binary, database string, settings ...string) (*server, error) {
	port, err := freePort(ctx)
	if err != nil {
		return nil, err
	}
	s := &server{url: "http://127.0.0.1:" + port}
	env := append(os.Environ(), "DATABASE_URL="+database, "HOST=127.0.0.1", "PORT="+port, "APPLY_MAX_BYTES=33554432")
	env = append(env, settings...)
	for command, key := range map[string]*string{"seed": &s.key, "admin-key": &s.adminKey} {
		c := exec.CommandContext(ctx, binary, command)
		c.Env = env
		out, err := c.Output()
		if err != nil {
			return nil, fmt.Errorf("metagate %s: %w", command, err)
		}
		*key = strings.TrimSpace(string(out))
	}
	log, err := os.CreateTemp("", "metagate-bench-*.log")
	if err != nil {
		return nil, err
	}
	defer log.Close()
	defer func() { _ = os.Remove(log.Name()) }()
	s.cmd = exec.CommandContext(ctx, binary, "serve")
	s.cmd.Env, s.cmd.Stderr = env, log
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	return s, s.await(ctx)
}

func (s *server) await(ctx context.Context) error {
	for range 200 {
		if body, err := s.get(ctx, "/ready"); err == nil && strings.Contains(body, "ready") {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return errors.New("the server does not come up")
}

func (s *server) stop() {
	_ = s.cmd.Process.Signal(os.Interrupt)
	_ = s.cmd.Wait()
}

func (s *server) get(ctx context.Context, path string) (string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+path, http.NoBody)
	if err != nil {
		return "", err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	return string(body), err
}

// mallocs is how many objects the server has allocated so far.
func (s *server) mallocs(ctx context.Context) float64 {
	body, _ := s.get(ctx, "/metrics") // 0 shows in the table
	for line := range strings.Lines(body) {
		if v, ok := strings.CutPrefix(line, "go_memstats_mallocs_total "); ok {
			n, _ := strconv.ParseFloat(strings.TrimSpace(v), 64)
			return n
		}
	}
	return 0
}

// peakMiB is the most memory the process has had resident, residentMiB what it
// has now; 0 where /proc isn't.
func (s *server) peakMiB() float64     { return s.memory("VmHWM") }
func (s *server) residentMiB() float64 { return s.memory("VmRSS") }

func (s *server) memory(name string) float64 {
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var kib float64
		if _, err := fmt.Sscanf(lines.Text(), name+": %f kB", &kib); err == nil {
			return kib / 1024
		}
	}
	return 0
}

func freePort(ctx context.Context) (string, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, err
}

// limits are this machine's own.
type limits struct{ commits, http float64 }

func measureLimits(ctx context.Context, database string, t bench.Target) (l limits, err error) {
	if l.commits, err = bench.SingleRowCommits(ctx, database, t.Concurrency, each/2); err != nil {
		return l, err
	}
	port, err := freePort(ctx)
	if err != nil {
		return l, err
	}
	c := exec.CommandContext(ctx, os.Args[0])
	c.Env = append(os.Environ(), bareEnv+"=127.0.0.1:"+port)
	if err := c.Start(); err != nil {
		return l, err
	}
	defer c.Wait()         //nolint:errcheck // killed
	defer c.Process.Kill() //nolint:errcheck // it may be gone
	s := &server{url: "http://127.0.0.1:" + port}
	for range 100 {
		if _, err = s.get(ctx, "/"); err == nil {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.URL, t.Duration = s.url, each/2
	r, err := t.Bootstraps(ctx, new(atomic.Int64))
	l.http = r.PerSecond()
	return l, err
}

// bareEnv makes this program the bare server, a process of its own like the real one.
const bareEnv = "METAGATE_BENCH_BARE"

func bare(address string) {
	if err := bench.BareHTTP(address, make([]byte, packetBytes)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// packetBytes is the demo world's packet.
const packetBytes = 1094
