package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/bench/load"
	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/test/apptest"
	"github.com/legivellum/metagate/internal/test/testdb"
)

func TestMain(m *testing.M) { testdb.Main(m) }

// result is what a run left behind.
type result struct {
	code     int
	out, log string
}

func ran(t *testing.T, args ...string) result {
	t.Helper()
	var out, log bytes.Buffer
	code := run(t.Context(), args, &out, &log)
	return result{code, out.String(), log.String()}
}

// loaded runs load on a server, as the admin. Tests keep it short: each connection
// sends one request at least, and of many a busy machine answers some with 503.
func loaded(t *testing.T, server string, args ...string) result {
	t.Helper()
	return ran(t, append([]string{"load", "--server=" + server, "--api-key=" + apptest.AdminKey}, args...)...)
}

// ok requires success, without a word on stderr or a colour.
func (r result) ok(t *testing.T) string {
	t.Helper()
	require.Zero(t, r.code, r.log)
	require.Empty(t, r.log)
	require.NotContains(t, r.out, "\x1b")
	return r.out
}

// fails requires the exit code and one line that says why.
func (r result) fails(t *testing.T, code int, why string) {
	t.Helper()
	require.Equal(t, code, r.code, r.log)
	line, rest, found := strings.Cut(r.log, "\n")
	require.True(t, found && rest == "", "one line: %q", r.log)
	require.True(t, strings.HasPrefix(line, "bench: "), line)
	require.Contains(t, line, why)
}

func (r result) report(t *testing.T) load.Report {
	t.Helper()
	var report load.Report
	require.NoError(t, json.Unmarshal([]byte(r.out), &report), r.out)
	return report
}

// bind lets the admin bootstrap.
func bind(t *testing.T, a *apptest.App) {
	t.Helper()
	apptest.Got(a.AdminClient(t).ApplyWorldWithResponse(t.Context(), nil, model.World{
		Profiles:  []model.ProfileCreate{{ProfileKey: "bench"}},
		Manifests: []model.ManifestCreate{{ManifestKey: "bench"}},
		Bindings:  []model.WorldBinding{{Principal: "admin", Profile: "bench", Manifest: "bench"}},
	})).Is(t, 200)
}

func TestWrongUsageIsOneLineThatSaysWhatToDoAndExits2(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		args []string
		why  string
	}{
		{[]string{"table", "--rounds=3"}, "--rounds"},
		{[]string{"pairs"}, "--old"},
		{[]string{"pairs", "--old=HEAD", "--rounds=0"}, "--rounds"},
		{[]string{"load"}, "METAGATE_API_KEY"},
		{[]string{"load", "--api-key=mgk_x", "-c0"}, "--concurrency"},
		{[]string{"load", "--api-key=mgk_x", "-d0s"}, "--duration"},
		{[]string{"load", "--api-key=mgk_x", "--herd=-1"}, "--herd"},
		{[]string{"load", "--api-key=mgk_x", "--what=nothing"}, "--what"},
	} {
		r := ran(t, tc.args...)
		r.fails(t, 2, tc.why)
		require.Empty(t, r.out, tc.args)
	}
}

func TestTheHelpOfLoadNamesTheVariableOfEachFlag(t *testing.T) {
	t.Parallel()
	help := ran(t, "load", "--help").ok(t)
	for _, variable := range []string{
		"METAGATE_URL", "METAGATE_API_KEY", "API_KEY_HEADER", "METAGATE_COMPONENT", "METAGATE_CONCURRENCY",
		"METAGATE_DURATION", "METAGATE_BENCH", "METAGATE_HERD", "METAGATE_YES", "METAGATE_OUTPUT",
	} {
		require.Contains(t, help, "($"+variable+")")
	}
}

func TestLoadWantsToBeToldBeforeItLoadsAnotherMachine(t *testing.T) {
	t.Parallel()
	for _, server := range []string{"http://192.0.2.1:8000", "http://metagate.example", "http://[2001:db8::1]:8000", "http://127.0.0.1.example:8000", "127.0.0.1:8000"} {
		loaded(t, server).fails(t, 2, "--yes")
	}
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		bind(t, a)
		everywhere := strings.Replace(a.URL, "127.0.0.1", "0.0.0.0", 1) // this machine, under a name that doesn't say so
		r := loaded(t, everywhere, "-c1", "-d1ms")
		r.fails(t, 2, "--yes")
		require.Empty(t, r.out)
		loaded(t, everywhere, "-c1", "-d1ms", "--yes").ok(t)
		loaded(t, a.URL+"/", "-c1", "-d1ms").ok(t)
	})
}

func TestLoadFailsWhereRequestsFailedWhateverItPrints(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) { // nothing is bound: 403
		for _, what := range []string{"bootstrap", "not-modified", "ready"} {
			r := loaded(t, a.URL, "-c2", "-d1ms", "-ojson", "--what="+what)
			r.fails(t, 1, "requests failed")
			report := r.report(t)
			require.Zero(t, report.Requests)
			require.Positive(t, report.Failed)
			require.Equal(t, map[string]int64{"403": report.Failed}, report.Failures)
		}
		r := loaded(t, a.URL, "-c2", "-d1ms")
		r.fails(t, 1, "requests failed")
		require.Regexp(t, ` (\d+) failed \(403: \d+\)\n`, r.out)
	})
}

func TestLoadOnWhatIsNoMetaGateFailsWhateverItPrints(t *testing.T) {
	t.Parallel()
	broken := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }))
	t.Cleanup(broken.Close)
	for _, output := range []string{"text", "json"} {
		r := loaded(t, broken.URL, "-c1", "-d1ms", "-o", output)
		r.fails(t, 1, "requests failed")
		require.NotEmpty(t, r.out, output)
	}
}

func TestLoadClosesTheStartupsThatItOpened(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		bind(t, a)
		for _, what := range []string{"--what=bootstrap", "--what=not-modified", "--what=ready", "--herd=8"} {
			r := loaded(t, a.URL, "-c4", "-d1ms", "-ojson", what)
			r.ok(t)
			report := r.report(t)
			require.Positive(t, report.Requests)
			require.Zero(t, report.Failed)
			require.Zero(t, report.Open)
			if what != "--what=ready" { // which closes what it opens as its load
				require.GreaterOrEqual(t, report.Closed, report.Requests)
			}
			startups := *apptest.Got(a.AdminClient(t).ListStartupsWithResponse(t.Context(), &model.ListStartupsParams{Limit: new(int64(1000))})).Is(t, 200).JSON200
			require.NotEmpty(t, startups, what)
			for _, s := range startups {
				require.Equal(t, model.StartupSourceBench, s.Source, what)
			}
			open := &model.ListStartupsParams{Status: new(model.StartupFilterStatusOPEN)}
			require.Empty(t, *apptest.Got(a.AdminClient(t).ListStartupsWithResponse(t.Context(), open)).Is(t, 200).JSON200, what)
		}
		text := loaded(t, a.URL, "-c4", "-d1ms").ok(t)
		require.Contains(t, text, " 0 failed\n")
		require.Regexp(t, `closed \d+ startups that it opened, 0 stay open\n$`, text)
	})
}

func TestLoadSaysHowManyStartupsItCouldNotClose(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		bind(t, a)
		u, err := url.Parse(a.URL)
		require.NoError(t, err)
		server := httputil.NewSingleHostReverseProxy(u)
		refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/v1/startup/ready" {
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			server.ServeHTTP(w, r)
		}))
		t.Cleanup(refusing.Close)
		r := loaded(t, refusing.URL, "-c2", "--herd=8", "-ojson")
		r.fails(t, 1, "startups stay open")
		report := r.report(t)
		require.Zero(t, report.Failed)
		require.Zero(t, report.Closed)
		require.EqualValues(t, 8, report.Open)
	})
}
