package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// build builds the server of the sources in dir.
func build(ctx context.Context, dir, binary string) error {
	c := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", binary, "./cmd/metagate")
	c.Dir = dir
	c.Env = append(os.Environ(), "CGO_ENABLED=0")
	c.Stderr = os.Stderr
	return c.Run()
}

// server is a process of its own, logging to a file as in production.
type server struct {
	cmd                *exec.Cmd
	url, key, adminKey string
	client             http.Client
}

func start(ctx context.Context, binary, database string, settings ...string) (*server, error) {
	s := &server{url: "http"}
	return s, s.start(ctx, binary, database, settings...)
}

// start serves a database; s.url is the scheme, and becomes the address.
func (s *server) start(ctx context.Context, binary, database string, settings ...string) error {
	port, err := freePort(ctx)
	if err != nil {
		return err
	}
	s.url += "://127.0.0.1:" + port
	env := append(os.Environ(), "DATABASE_URL="+database, "HOST=127.0.0.1", "PORT="+port, "APPLY_MAX_BYTES=33554432",
		"DEFAULT_STARTUP_SLA_SECONDS=86400") // else all that one turn leaves OPEN falls due in another: bench overdue is about that
	env = append(env, settings...)
	for command, key := range map[string]*string{"seed": &s.key, "admin-key": &s.adminKey} {
		c := exec.CommandContext(ctx, binary, command)
		c.Env = env
		out, err := c.Output()
		if err != nil {
			return fmt.Errorf("metagate %s: %w", command, err)
		}
		*key = strings.TrimSpace(string(out))
	}
	s.cmd = exec.CommandContext(ctx, binary, "serve")
	s.cmd.Env = env
	if err := s.exec(); err != nil {
		return err
	}
	return s.await(ctx)
}

func (s *server) exec() error {
	log, err := os.CreateTemp("", "metagate-bench-*.log")
	if err != nil {
		return err
	}
	defer log.Close()
	defer func() { _ = os.Remove(log.Name()) }()
	s.cmd.Stderr = log
	return s.cmd.Start()
}

// restarts stops and starts the server n times and returns how long it took from
// each exec to the first answered bootstrap.
func (s *server) restarts(ctx context.Context, n int) ([]time.Duration, error) {
	took := make([]time.Duration, n)
	for i := range took {
		s.stop()
		again := exec.CommandContext(ctx, s.cmd.Path, s.cmd.Args[1:]...)
		again.Env = s.cmd.Env
		s.cmd = again
		start := time.Now()
		if err := s.exec(); err != nil {
			return nil, err
		}
		for status := 0; status != http.StatusOK; time.Sleep(time.Millisecond) {
			if time.Since(start) > time.Minute {
				return nil, errors.New("the server does not come up again")
			}
			r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+"/v1/bootstrap", strings.NewReader(`{"component_key":"`+component+`"}`))
			if err != nil {
				return nil, err
			}
			r.Header = http.Header{"Content-Type": {"application/json"}, "X-Api-Key": {s.key}}
			if answer, err := http.DefaultClient.Do(r); err == nil { // until it listens it refuses
				status = answer.StatusCode
				_ = answer.Body.Close()
			}
		}
		took[i] = time.Since(start)
	}
	slices.Sort(took)
	return took, nil
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
	answer, err := s.client.Do(r)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	return string(body), err
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
