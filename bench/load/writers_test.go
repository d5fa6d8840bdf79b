package load_test

import (
	"bytes"
	"context"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/bench/load"
	"github.com/legivellum/metagate/internal/test/apptest"
	"github.com/legivellum/metagate/internal/test/testdb"
)

func TestMain(m *testing.M) { testdb.Main(m) }

// besideWriters ends after so many patches were answered. Through answers for the
// server, whose own answer it may take.
func besideWriters(t *testing.T, a *apptest.App, admins int, patches int64, through func(http.ResponseWriter, *http.Request, http.Handler)) load.Beside {
	t.Helper()
	ctx, end := context.WithCancel(t.Context())
	defer end()
	address, err := url.Parse(a.URL)
	require.NoError(t, err)
	server := httputil.NewSingleHostReverseProxy(address)
	var patched atomic.Int64
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPatch && patched.Add(1) > patches {
			end()
		}
		through(w, r, server)
	}))
	defer proxy.Close()
	target := load.Target{URL: proxy.URL, APIKeyHeader: "X-Api-Key", APIKey: apptest.AdminKey, Component: "memorygate_main", Concurrency: 4}
	out, err := target.BesideWriters(ctx, admins)
	require.NoError(t, err)
	require.Positive(t, out.Bootstraps.Requests)
	require.Positive(t, out.Writes.Requests)
	return out
}

func TestAnAnswerOfBeforeAPatchThatWasAnsweredIsCountedAsStale(t *testing.T) {
	t.Parallel()
	type answer struct {
		header http.Header
		body   []byte
	}
	for name, take := range map[string]func(*http.Request) bool{
		"the packet": func(*http.Request) bool { return true },
		"a 304":      func(r *http.Request) bool { return r.Header.Get("If-None-Match") != "" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			apptest.Each(t, func(t *testing.T, a *apptest.App) {
				var first atomic.Pointer[answer]
				out := besideWriters(t, a, 2, 40, func(w http.ResponseWriter, r *http.Request, server http.Handler) {
					if old := first.Load(); old != nil && r.URL.Path == "/v1/bootstrap" && take(r) {
						w.Header().Set("Etag", old.header.Get("Etag"))
						if r.Header.Get("If-None-Match") != "" {
							w.WriteHeader(http.StatusNotModified)
							return
						}
						_, _ = w.Write(old.body)
						return
					}
					kept := httptest.NewRecorder()
					server.ServeHTTP(kept, r)
					if kept.Code == http.StatusOK && r.URL.Path == "/v1/bootstrap" {
						first.CompareAndSwap(nil, &answer{kept.Header(), kept.Body.Bytes()})
					}
					maps.Copy(w.Header(), kept.Header())
					w.WriteHeader(kept.Code)
					_, _ = io.Copy(w, bytes.NewReader(kept.Body.Bytes()))
				})
				require.Positive(t, out.Stale)
			})
		})
	}
}

func TestTheServersOwnAnswersAreNotStale(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		out := besideWriters(t, a, 3, 60, func(w http.ResponseWriter, r *http.Request, server http.Handler) { server.ServeHTTP(w, r) })
		require.Zero(t, out.Stale)
	})
}
