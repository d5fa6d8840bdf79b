package bench

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"sync/atomic"
	"time"
)

// Target is a running MetaGate and how hard to press it.
type Target struct {
	URL                  string
	APIKeyHeader, APIKey string
	Component            string
	Concurrency          int
	Duration             time.Duration
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

func (t Target) load(next func(int) []byte, want func(int, *http.Response) bool) Load {
	return Load{URL: t.URL, Concurrency: t.Concurrency, Duration: t.Duration, Next: next, Want: want}
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

func status(want int) func(int, *http.Response) bool {
	return func(_ int, r *http.Response) bool { return r.StatusCode == want }
}

// Bootstraps repeats one bootstrap.
func (t Target) Bootstraps(ctx context.Context, sent *atomic.Int64) (Result, error) {
	request, err := t.request("/v1/bootstrap", t.APIKey, nil, fmt.Sprintf(`{"component_key":%q}`, t.Component))
	if err != nil {
		return Result{}, err
	}
	return Run(ctx, t.load(func(int) []byte { return request }, status(http.StatusOK)), sent)
}

// NotModified repeats one bootstrap that is answered with 304.
func (t Target) NotModified(ctx context.Context, sent *atomic.Int64) (Result, error) {
	request, err := t.request("/v1/bootstrap", t.APIKey, http.Header{"If-None-Match": {"*"}}, fmt.Sprintf(`{"component_key":%q}`, t.Component))
	if err != nil {
		return Result{}, err
	}
	return Run(ctx, t.load(func(int) []byte { return request }, status(http.StatusNotModified)), sent)
}

// Ready opens startups for Duration, which is not measured, and then reports
// each of them READY, once.
func (t Target) Ready(ctx context.Context, sent *atomic.Int64) (Result, error) {
	request, err := t.request("/v1/bootstrap", t.APIKey, nil, fmt.Sprintf(`{"component_key":%q}`, t.Component))
	if err != nil {
		return Result{}, err
	}
	opened := make([][]string, t.Concurrency)
	_, err = Run(ctx, t.load(func(int) []byte { return request }, func(i int, r *http.Response) bool {
		opened[i] = append(opened[i], r.Header.Get("Metagate-Startup-Id"))
		return r.StatusCode == http.StatusOK
	}), new(atomic.Int64))
	if err != nil {
		return Result{}, err
	}
	l := t.load(func(i int) []byte {
		if len(opened[i]) == 0 {
			return nil
		}
		id := opened[i][0]
		opened[i] = opened[i][1:]
		report, _ := t.request("/v1/startup/ready", t.APIKey, nil, fmt.Sprintf(`{"startup_id":%q,"build_version":"1.0.0"}`, id)) // the URL was parsed before
		return report
	}, status(http.StatusOK))
	l.Duration = 0 // until all are reported
	return Run(ctx, l, sent)
}
