package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/legivellum/metagate/gen/client"
	"github.com/legivellum/metagate/gen/model"
)

// remote is how a command reaches a running server.
type remote struct {
	Server       string `env:"METAGATE_URL" default:"http://127.0.0.1:8000" help:"The server."`
	APIKey       string `name:"api-key" env:"METAGATE_API_KEY" placeholder:"KEY" help:"API key of an admin."`
	APIKeyHeader string `name:"api-key-header" env:"API_KEY_HEADER" default:"X-API-Key" help:"Header that carries the API key."`
	Output       string `short:"o" env:"METAGATE_OUTPUT" default:"text" enum:"text,json" help:"text for people, json for scripts."`
}

// coded is an error that ends the program with its own exit code.
type coded struct {
	error
	code int
}

func (r remote) client() (*client.ClientWithResponses, error) {
	if r.APIKey == "" {
		return nil, coded{errors.New("no API key: set METAGATE_API_KEY or --api-key (metagate admin-key makes one)"), exitUsage}
	}
	return client.NewClientWithResponses(strings.TrimRight(r.Server, "/"), client.WithRequestEditorFn(
		func(_ context.Context, q *http.Request) error {
			q.Header.Set(r.APIKeyHeader, r.APIKey)
			return nil
		}))
}

// reached says in one line why the server could not be asked.
func (r remote) reached(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("METAGATE_URL: %w", err)
}

// answer is the body of a 200; an error where the server refused, or it is another
// server that answers 200 to everything.
func answer[T any](log io.Writer, r *http.Response, raw []byte, body *T) (T, error) {
	var none T
	if err := refused(log, r, raw); err != nil {
		return none, err
	}
	if body == nil {
		return none, stranger(r)
	}
	return *body, nil
}

// refused is a problem document as an error; nil for a 2xx.
func refused(log io.Writer, r *http.Response, body []byte) error {
	if r.StatusCode < http.StatusBadRequest {
		return nil
	}
	var p model.Problem
	if json.Unmarshal(body, &p) != nil || p.Code == "" {
		return stranger(r)
	}
	for _, place := range p.Errors {
		fmt.Fprintf(log, "  %s: %s\n", place.Pointer, place.Detail)
	}
	return coded{fmt.Errorf("%s: %s (request %s)", p.Code, p.Detail, p.RequestID), exitRefused}
}

// stranger is the error of an answer that no MetaGate gives.
func stranger(r *http.Response) error {
	return coded{fmt.Errorf("METAGATE_URL: the server answers %d with %q: is it a MetaGate? (curl %s://%s/ tells)",
		r.StatusCode, r.Header.Get("Content-Type"), r.Request.URL.Scheme, r.Request.URL.Host), exitRefused}
}

// asJSON prints v for scripts.
func asJSON(out io.Writer, v any) error {
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
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
	if !p {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}
