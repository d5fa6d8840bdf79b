package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
)

// binary is the program itself, as make build leaves it behind.
const binary = "bin/metagate"

// server is a running metagate with the demo world.
type server struct {
	url, key, adminKey string
	cmd                *exec.Cmd
}

// start seeds the database and serves it on a free port of the loopback.
func start(ctx context.Context, databaseURL string) (*server, error) {
	s := &server{adminKey: "mgk_" + rand.Text() + rand.Text()}
	env := []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "DATABASE_URL=" + databaseURL, "ADMIN_API_KEY=" + s.adminKey,
		"HOST=127.0.0.1", "PORT=0", "DRAIN_SECONDS=0",
		"AUTH_FAILURE_BURST=0", // what is tested includes wrong credentials
	}
	seed := exec.CommandContext(ctx, binary, "seed")
	seed.Env, seed.Stderr = env, io.Discard
	key, err := seed.Output()
	if err != nil {
		return nil, fmt.Errorf("%s seed: %w (make build)", binary, err)
	}
	s.key = strings.TrimSpace(string(key))
	s.cmd = exec.CommandContext(ctx, binary, "serve")
	s.cmd.Env = env
	log, err := s.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	lines := bufio.NewReader(log)
	for s.url == "" {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return nil, errors.Join(errors.New("metagate ended before it listened"), s.cmd.Wait())
		}
		var said struct{ URL string }
		_ = json.Unmarshal(line, &said) // the one line that has it is the one waited for
		s.url = said.URL
	}
	go func() { _, _ = io.Copy(io.Discard, lines) }() // a full pipe would stop it
	return s, nil
}

// stop ends it as an operator would: it has to go in peace.
func (s *server) stop() error {
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return s.cmd.Wait()
}

// ready is how many startups the server knows as READY.
func (s *server) ready(ctx context.Context) (int, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/v1/admin/startups?status=READY&limit=1000", http.NoBody)
	if err != nil {
		return 0, err
	}
	r.Header.Set("X-API-Key", s.adminKey)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	var startups []json.RawMessage
	err = json.NewDecoder(answer.Body).Decode(&startups)
	return len(startups), err
}

// stumbling passes everything on to the server but the first request, which it answers
// with a 503 that asks for a second's patience: a server whose database is just coming back.
func (s *server) stumbling() (http.Handler, error) {
	target, err := url.Parse(s.url)
	if err != nil {
		return nil, err
	}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }}
	var requests atomic.Int64
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if requests.Add(1) == 1 {
			w.Header().Set("Retry-After", "1")
			http.Error(w, "not yet", http.StatusServiceUnavailable)
			return
		}
		proxy.ServeHTTP(w, r)
	}), nil
}

// sqlite is a database in a directory of its own, and what removes it.
func sqlite() (databaseURL string, remove func() error, err error) {
	dir, err := os.MkdirTemp("", "metagate-clients-*")
	return "sqlite:" + filepath.Join(dir, "metagate.db"), func() error { return os.RemoveAll(dir) }, err
}
