package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"

	"golang.org/x/term"

	"github.com/legivellum/metagate/gen/client"
)

// remote is how a command reaches a running server.
type remote struct {
	Server       string `env:"METAGATE_URL" default:"http://127.0.0.1:8000" help:"The server."`
	APIKey       string `name:"api-key" env:"METAGATE_API_KEY" placeholder:"KEY" help:"API key of an admin."`
	APIKeyHeader string `name:"api-key-header" env:"API_KEY_HEADER" default:"X-API-Key" help:"Header that carries the API key."`
	TLSFiles
	Output string `short:"o" env:"METAGATE_OUTPUT" default:"text" enum:"text,json,yaml" help:"text for people, json or yaml for scripts."`

	reason string // why something is changed
}

// writing is how a command that changes something reaches a running server.
type writing struct {
	remote
	Reason string `short:"m" env:"METAGATE_REASON" placeholder:"TEXT" help:"Why, for the audit log."`
}

func (w writing) connect(s streams) (*server, error) {
	w.reason = w.Reason
	return w.remote.connect(s)
}

const defaultServer = "http://127.0.0.1:8000" // remote.Server's

// coded is an error that ends the program with its own exit code.
type coded struct {
	error
	code int
}

func (c coded) Unwrap() error { return c.error }

// connect prepares to ask the server; nothing is sent yet.
func (r remote) connect(s streams) (*server, error) {
	if r.APIKey == "" && r.CertFile == "" {
		return nil, coded{errors.New("no API key: set METAGATE_API_KEY or --api-key (metagate admin-key makes one)"), exitUsage}
	}
	u, err := url.Parse(r.Server)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		if !strings.Contains(r.Server, "://") {
			return nil, coded{fmt.Errorf("METAGATE_URL: write http://%s", r.Server), exitUsage}
		}
		return nil, coded{fmt.Errorf("METAGATE_URL: %q is no address: write http://HOST:PORT", r.Server), exitUsage}
	}
	doer, err := r.client()
	if err != nil {
		return nil, coded{err, exitUsage}
	}
	m := &server{remote: r, log: s.log}
	m.Client, err = client.NewClient(strings.TrimRight(r.Server, "/"), client.WithHTTPClient(doer), client.WithRequestEditorFn(
		func(_ context.Context, q *http.Request) error {
			if m.APIKey != "" {
				q.Header.Set(m.APIKeyHeader, m.APIKey)
			}
			if m.reason != "" {
				q.Header.Set("Metagate-Reason", m.reason)
			}
			return nil
		}))
	return m, err
}

// passing is an error that may be over when one asks again: nobody answers, or
// the server starts or ends just now.
type passing struct{ error }

func (p passing) Unwrap() error { return p.error }

// unreached says in one line why the server could not be asked.
func (r remote) unreached(err error) error {
	server, _ := url.Parse(r.Server)
	switch {
	case errors.Is(err, http.ErrSchemeMismatch):
		return fmt.Errorf("METAGATE_URL: this server speaks plain HTTP: write http://%s", server.Host)
	case untrusted(err) != nil:
		return untrusted(err)
	case errors.Is(err, syscall.ECONNREFUSED) && r.Server == defaultServer:
		return passing{fmt.Errorf("nobody listens at %s (default; set METAGATE_URL)", r.Server)}
	case errors.Is(err, syscall.ECONNREFUSED):
		return passing{fmt.Errorf("METAGATE_URL: nobody listens at %s", r.Server)}
	case r.CertFile != "": // with TLS 1.3 a refused client may see no more than that the connection ends
		return passing{fmt.Errorf("METAGATE_URL: %w (or does the server not believe in METAGATE_CERT_FILE?)", err)}
	default:
		return passing{fmt.Errorf("METAGATE_URL: %w", err)}
	}
}

// isTerminal reports whether somebody may be looking at w.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// paint colours text on a terminal, unless NO_COLOR (no-color.org) is set.
type paint bool

func painter(w io.Writer) paint { return paint(isTerminal(w) && os.Getenv("NO_COLOR") == "") }

const (
	green  = "32"
	yellow = "33"
	red    = "31"
	dim    = "2"
	bold   = "1"
)

func (p paint) in(colour, text string) string {
	if !p || colour == "" {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}
