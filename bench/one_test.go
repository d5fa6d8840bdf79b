package cli

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/bench/load"
	"github.com/legivellum/metagate/internal/test/apptest"
)

// benchWorld lets the admin bootstrap.
const benchWorld = `
profiles: [{profile_key: bench}]
manifests: [{manifest_key: bench}]
bindings: [{principal: admin, profile: bench, manifest: bench}]
`

func measured(t *testing.T, out string) load.Report {
	t.Helper()
	var r load.Report
	require.NoError(t, json.Unmarshal([]byte(out), &r), out)
	return r
}

func TestBenchWantsToBeToldBeforeItLoadsAnotherMachine(t *testing.T) {
	t.Parallel()
	for _, server := range []string{"http://192.0.2.1:8000", "http://metagate.example", "http://[2001:db8::1]:8000", "http://127.0.0.1.example:8000", "127.0.0.1:8000"} {
		r := metagate(t, nil, "bench", "--api-key=mgk_x", "--server="+server)
		require.Equal(t, 2, r.code, r.log)
		require.Contains(t, oneLine(t, r.log), "--yes")
	}
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		ok(t, a, "apply", "-f", file(t, benchWorld))
		everywhere := strings.Replace(a.URL, "127.0.0.1", "0.0.0.0", 1) // this machine, under a name that doesn't say so
		args := []string{"bench", "-c1", "-d50ms", "--server=" + everywhere, "--api-key=" + apptest.AdminKey}
		var out, log bytes.Buffer
		require.Equal(t, 2, run(t.Context(), args, "dev", &out, &log))
		require.Empty(t, out.String())
		require.Zero(t, run(t.Context(), append(args, "--yes"), "dev", &out, &log), log.String())
		ok(t, a, "bench", "-c1", "-d50ms")
	})
}

func TestBenchFailsWhereRequestsFailedWhateverItPrints(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) { // nothing is bound: 403
		for _, what := range []string{"bootstrap", "not-modified", "ready"} {
			r := remotely(t.Context(), a, "bench", "-c2", "-d50ms", "-ojson", "--what="+what)
			require.Equal(t, 1, r.code, r.out)
			require.Contains(t, oneLine(t, r.log), "requests failed")
			report := measured(t, r.out)
			require.Zero(t, report.Requests)
			require.Positive(t, report.Failed)
			require.Equal(t, map[string]int64{"403": report.Failed}, report.Failures)
		}
		r := remotely(t.Context(), a, "bench", "-c2", "-d50ms")
		require.Equal(t, 1, r.code, r.out)
		require.Regexp(t, ` (\d+) failed \(403: \d+\)\n`, r.out)
	})
}

func TestBenchClosesTheStartupsThatItOpened(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		ok(t, a, "apply", "-f", file(t, benchWorld))
		for _, load := range [][]string{{"--what=bootstrap"}, {"--what=not-modified"}, {"--what=ready"}, {"--herd=20"}} {
			r := measured(t, ok(t, a, append([]string{"bench", "-c4", "-d100ms", "-ojson"}, load...)...))
			require.Positive(t, r.Requests)
			require.Zero(t, r.Failed)
			require.Zero(t, r.Open)
			if load[0] != "--what=ready" { // which closes what it opens as its load
				require.GreaterOrEqual(t, r.Closed, r.Requests)
			}
			require.Equal(t, "[]\n", ok(t, a, "startups", "--status=OPEN", "-ojson"), load)
			require.Equal(t, []string{"bench"}, sources(t, a), load)
		}
		text := ok(t, a, "bench", "-c4", "-d100ms")
		require.Contains(t, text, " 0 failed\n")
		require.Regexp(t, `closed \d+ startups that it opened, 0 stay open\n$`, text)
	})
}

func TestBenchSaysWhichStartupsItCouldNotClose(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		ok(t, a, "apply", "-f", file(t, benchWorld))
		refusing := before(t, a, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			if r.URL.Path == "/v1/startup/ready" {
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			next.ServeHTTP(w, r)
		})
		var out, log bytes.Buffer
		require.Equal(t, 1, run(t.Context(), []string{"bench", "-c2", "--herd=20", "-ojson", "--server=" + refusing, "--api-key=" + apptest.AdminKey}, "dev", &out, &log))
		require.Contains(t, oneLine(t, log.String()), "startups stay open")
		r := measured(t, out.String())
		require.Zero(t, r.Failed)
		require.Zero(t, r.Closed)
		require.EqualValues(t, 20, r.Open)
	})
}

// sources are those of all startups, each once.
func sources(t *testing.T, a *apptest.App) []string {
	t.Helper()
	var rows []struct{ Source string }
	require.NoError(t, json.Unmarshal([]byte(ok(t, a, "startups", "--limit=1000", "-ojson")), &rows))
	all := map[string]bool{}
	for _, r := range rows {
		all[r.Source] = true
	}
	return slices.Collect(maps.Keys(all))
}

// before puts f between the caller and the server.
func before(t *testing.T, a *apptest.App, f func(http.ResponseWriter, *http.Request, http.Handler)) (address string) {
	t.Helper()
	u, err := url.Parse(a.URL)
	require.NoError(t, err)
	proxy := httputil.NewSingleHostReverseProxy(u)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { f(w, r, proxy) }))
	t.Cleanup(s.Close)
	return s.URL
}
