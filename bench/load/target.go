package load

import (
	"context"
	"crypto/tls"
	"fmt"
	"maps"
	"net/http"
	"sync/atomic"
	"time"
)

// Target is a running MetaGate and how hard to press it.
type Target struct {
	URL                  string
	TLS                  *tls.Config // of an https URL
	Kept                 *Kept       // see Load
	APIKeyHeader, APIKey string
	Component            string
	Concurrency          int
	Duration             time.Duration
	Source               string  // of the startups; empty leaves it to the server, as older ones know none
	Opened               *Opened // where startups are kept that wait for their report; nil forgets them
	MCP                  bool    // Bootstraps go through POST /mcp, as LegiVellum's programs send them
}

// Open opens the connections that a load will use.
func (t Target) Open(ctx context.Context) (*Kept, error) { return t.load(nil, nil).Open(ctx) }

func (t Target) bootstrap() string {
	if t.Source == "" {
		return fmt.Sprintf(`{"component_key":%q}`, t.Component)
	}
	return fmt.Sprintf(`{"component_key":%q,"source":%q}`, t.Component, t.Source)
}

func (t Target) request(path, key string, extra http.Header, body string) ([]byte, error) {
	h := http.Header{t.APIKeyHeader: {key}}
	maps.Copy(h, extra)
	return t.post(path, h, body)
}

func (t Target) post(path string, h http.Header, body string) ([]byte, error) {
	h.Set("Content-Type", "application/json")
	return Request(http.MethodPost, t.URL+path, h, body)
}

func (t Target) load(next func(int) []byte, want func(int, *http.Response, []byte) bool) Load {
	if t.Opened != nil {
		want = t.Opened.keeping(want)
	}
	return Load{URL: t.URL, TLS: t.TLS, Kept: t.Kept, Concurrency: t.Concurrency, Duration: t.Duration, Next: next, Want: want}
}

// EachOnce sends each request once, Concurrency at a time, until all are answered.
func (t Target) EachOnce(ctx context.Context, requests [][]byte, sent *atomic.Int64) (Result, error) {
	var next atomic.Int64
	l := t.load(func(int) []byte {
		if i := next.Add(1) - 1; i < int64(len(requests)) {
			return requests[i]
		}
		return nil
	}, status(http.StatusOK))
	l.Duration = 0
	return Run(ctx, l, sent)
}

func status(want int) func(int, *http.Response, []byte) bool {
	return func(_ int, r *http.Response, _ []byte) bool { return r.StatusCode == want }
}

// Bootstraps repeats one bootstrap.
func (t Target) Bootstraps(ctx context.Context, sent *atomic.Int64) (Result, error) {
	path, body := "/v1/bootstrap", t.bootstrap()
	if t.MCP {
		path, body = "/mcp", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"metagate.bootstrap","arguments":`+body+`}}`
	}
	request, err := t.request(path, t.APIKey, nil, body)
	if err != nil {
		return Result{}, err
	}
	return Run(ctx, t.load(func(int) []byte { return request }, status(http.StatusOK)), sent)
}

// NotModified repeats one bootstrap that is answered with 304.
func (t Target) NotModified(ctx context.Context, sent *atomic.Int64) (Result, error) {
	request, err := t.request("/v1/bootstrap", t.APIKey, http.Header{"If-None-Match": {"*"}}, t.bootstrap())
	if err != nil {
		return Result{}, err
	}
	return Run(ctx, t.load(func(int) []byte { return request }, status(http.StatusNotModified)), sent)
}
