package app_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/test/apptest"
)

// patience is when a test calls an answer a hang: far more than the second that
// the contract gives, so that a slow machine fails nothing.
const patience = 30 * time.Second

// until waits for what has to come.
func until(t *testing.T, done func() bool) {
	t.Helper()
	require.Eventually(t, done, patience, 5*time.Millisecond)
}

// knock makes every request of a component that needs the database, at once.
func (l *lab) knock(t *testing.T, startup uuid.UUID) map[string]apptest.Call[apptest.Result] {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	out := map[string]apptest.Call[apptest.Result]{}
	var wg sync.WaitGroup
	var mu sync.Mutex
	for name, call := range map[string]func() (apptest.Result, error){
		"bootstrap": func() (apptest.Result, error) {
			return l.component.BootstrapWithResponse(ctx, nil, model.BootstrapRequest{ComponentKey: "c"})
		},
		"report ready":  func() (apptest.Result, error) { return l.component.ReportReadyWithResponse(ctx, ready(startup)) },
		"report failed": func() (apptest.Result, error) { return l.component.ReportFailedWithResponse(ctx, failed(startup)) },
		"get startup":   func() (apptest.Result, error) { return l.component.GetStartupWithResponse(ctx, startup) },
		"ready":         func() (apptest.Result, error) { return l.component.GetReadyWithResponse(ctx) },
	} {
		wg.Go(func() {
			result, err := call()
			mu.Lock()
			defer mu.Unlock()
			out[name] = apptest.Got(result, err)
		})
	}
	wg.Wait()
	return out
}

// requireUnavailable asserts 503 with Retry-After.
func requireUnavailable(t *testing.T, name string, c apptest.Call[apptest.Result]) {
	t.Helper()
	p := c.Fails(t, 503, "UNAVAILABLE")
	require.NotContains(t, p.Detail, "dial", name)
	require.NotContains(t, p.Detail, "SQLSTATE", name)
}

// requireRetryAfter asks once more, for the header.
func (l *lab) requireRetryAfter(t *testing.T) {
	t.Helper()
	got := wire{l.App, l.key.APIKey}.send(t, http.MethodPost, "/v1/bootstrap", `{"component_key":"c"}`)
	got.refused(t, 503, "UNAVAILABLE")
	require.Regexp(t, `^[1-9][0-9]*$`, got.Header.Get("Retry-After"))
	got = wire{l.App, ""}.send(t, http.MethodGet, "/ready", "")
	got.refused(t, 503, "UNAVAILABLE")
	require.Regexp(t, `^[1-9][0-9]*$`, got.Header.Get("Retry-After"))
}

func (l *lab) requireAlive(t *testing.T) {
	t.Helper()
	apptest.Got(l.component.GetHealthWithResponse(t.Context())).Is(t, 200)
	apptest.Got(l.component.GetInfoWithResponse(t.Context())).Is(t, 200)
	apptest.Got(l.component.GetMetricsWithResponse(t.Context())).Is(t, 200)
}

// persist bootstraps as a component does: again, as long as the answer is 503.
func (l *lab) persist(ctx context.Context) (*model.WelcomePacket, int, error) {
	for {
		r, err := l.component.BootstrapWithResponse(ctx, nil, model.BootstrapRequest{ComponentKey: "c"})
		if err != nil {
			return nil, 0, err
		}
		if r.StatusCode() != http.StatusServiceUnavailable {
			return r.JSON200, r.StatusCode(), nil
		}
	}
}

// resumed demands that the program comes back by itself.
func (l *lab) resumed(t *testing.T) model.WelcomePacket {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	packet, status, err := l.persist(ctx)
	require.NoError(t, err)
	require.Equal(t, 200, status)
	for {
		r, err := l.component.GetReadyWithResponse(ctx)
		require.NoError(t, err)
		if r.StatusCode() == 200 {
			return *packet
		}
	}
}

// tarpit is a way to a server that can be made to swallow everything: it
// accepts, and never answers.
type tarpit struct {
	net.Listener
	server string

	mu     sync.Mutex
	open   *sync.Cond
	frozen bool
	closed bool
	conns  []net.Conn
}

// newTarpit gives the URL of the database through it.
func newTarpit(t *testing.T, databaseURL string) (*tarpit, string) {
	t.Helper()
	u, err := url.Parse(databaseURL)
	require.NoError(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &tarpit{Listener: l, server: u.Host}
	p.open = sync.NewCond(&p.mu)
	u.Host = l.Addr().String()
	go p.serve()
	t.Cleanup(p.close)
	return p, u.String()
}

func (p *tarpit) serve() {
	for {
		in, err := p.Accept()
		if err != nil {
			return
		}
		p.keep(in)
		go func() {
			defer in.Close()
			p.wait()
			out, err := net.Dial("tcp", p.server)
			if err != nil {
				return
			}
			defer out.Close()
			p.keep(out)
			go func() { _, _ = io.Copy(gate{p, out}, in); _ = out.Close() }()
			_, _ = io.Copy(gate{p, in}, out)
		}()
	}
}

func (p *tarpit) keep(c net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns = append(p.conns, c)
}

func (p *tarpit) wait() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.frozen && !p.closed {
		p.open.Wait()
	}
}

func (p *tarpit) freeze(frozen bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.frozen = frozen
	p.open.Broadcast()
}

func (p *tarpit) close() {
	_ = p.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	p.open.Broadcast()
	for _, c := range p.conns {
		_ = c.Close()
	}
}

// gate writes when the tarpit is not frozen.
type gate struct {
	*tarpit
	io.Writer
}

func (g gate) Write(b []byte) (int, error) {
	g.wait()
	return g.Writer.Write(b)
}
