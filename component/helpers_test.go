package component_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/legivellum/metagate/component"
	"github.com/legivellum/metagate/component/componenttest"
)

// packet is what the servers of the tests answer with.
const packet = `{
	"profile": "gate", "manifest": "mesh", "manifest_version": 3, "policy": {"max_memory_mb": 1024},
	"services": {"memorygate": {"type": "memorygate", "endpoint": "http://memorygate:8001/mcp", "config": {"auth": "jwt"}}},
	"required_env": []
}`

// newServer is a MetaGate, and a configuration to start worker_1 with whose time passes
// by sleeping alone.
func newServer(t *testing.T) (*componenttest.Server, component.Config, *timeline) {
	t.Helper()
	server := componenttest.NewServer(t, packet)
	tl := &timeline{at: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)}
	return server, tl.of(server.Config("worker_1")), tl
}

// start starts what has to start.
func start(t *testing.T, c component.Config) *component.Startup {
	t.Helper()
	s, err := component.Start(t.Context(), c)
	noError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// timeline is time that passes when somebody sleeps.
type timeline struct {
	mu      sync.Mutex
	at      time.Time
	slept   []time.Duration
	onSleep func()
}

func (tl *timeline) of(c component.Config) component.Config {
	return component.WithClock(c, tl.now, tl.sleep, func(d time.Duration) time.Duration { return d / 2 })
}

func (tl *timeline) now() time.Time {
	tl.mu.Lock()
	defer tl.mu.Unlock()
	return tl.at
}

func (tl *timeline) sleep(ctx context.Context, d time.Duration) error {
	if ctx == context.Background() { // of who tells in the background, perhaps for ever
		time.Sleep(time.Millisecond)
	}
	tl.mu.Lock()
	defer tl.mu.Unlock()
	if tl.onSleep != nil {
		tl.onSleep()
	}
	tl.at, tl.slept = tl.at.Add(d), append(tl.slept, d)
	return ctx.Err()
}

// sleeps are those that there were.
func (tl *timeline) sleeps() []time.Duration {
	tl.mu.Lock()
	defer tl.mu.Unlock()
	return slices.Clone(tl.slept)
}

// arrived waits until n requests have arrived, or for ever.
func arrived(server *componenttest.Server, n int) {
	for len(server.Requests()) < n {
		runtime.Gosched()
	}
}

// nobody is an address where nobody listens.
func nobody(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	noError(t, err)
	noError(t, l.Close())
	return "http://" + l.Addr().String()
}

// only is the one startup that there is.
func only(t *testing.T, server *componenttest.Server) componenttest.Startup {
	t.Helper()
	all := server.Startups()
	if len(all) != 1 {
		t.Fatalf("%d startups", len(all))
	}
	return all[0]
}

// problem demands a *component.Problem of this status and code.
func problem(t *testing.T, err error, status int, code string) component.Problem {
	t.Helper()
	var p *component.Problem
	if !errors.As(err, &p) {
		t.Fatalf("no Problem: %v", err)
	}
	equal(t, p.Status, status)
	equal(t, p.Code, code)
	return *p
}

func noError(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func isError(t *testing.T, err, target error) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Fatalf("%v, not %v", err, target)
	}
}

func equal[T comparable](t *testing.T, got, want T) {
	t.Helper()
	if got != want {
		t.Fatalf("%v, not %v", got, want)
	}
}

func says(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Fatalf("%q doesn't say %q", text, part)
		}
	}
}

// logged is a log that several goroutines may write and read.
type logged struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func (l *logged) logger() *slog.Logger {
	return slog.New(slog.NewJSONHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	noError(t, os.WriteFile(name, []byte(text), 0o600))
	return name
}

func asError[T error](err error, target *T) bool { return errors.As(err, target) }

func half(d time.Duration) time.Duration { return d / 2 }

// pass lets time pass.
func (tl *timeline) pass(d time.Duration) {
	tl.mu.Lock()
	defer tl.mu.Unlock()
	tl.at = tl.at.Add(d)
}

// sleepThenStop sleeps as tl does within a Start, and for ever afterwards: as in a
// process that has ended.
func (tl *timeline) sleepThenStop(t *testing.T) func(context.Context, time.Duration) error {
	t.Helper()
	return func(ctx context.Context, d time.Duration) error {
		if ctx == context.Background() {
			<-t.Context().Done()
			return t.Context().Err()
		}
		return tl.sleep(ctx, d)
	}
}
