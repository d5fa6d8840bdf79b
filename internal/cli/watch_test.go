package cli

import (
	"context"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/store"
	"github.com/legivellum/metagate/internal/test/apptest"
)

// lines is what a command says while it runs; closed at its end.
type lines chan string

func (l lines) Write(b []byte) (int, error) {
	for line := range strings.Lines(string(b)) {
		l <- strings.TrimSuffix(line, "\n")
	}
	return len(b), nil
}

func (l lines) next(t *testing.T) string {
	t.Helper()
	line, ok := <-l
	require.True(t, ok, "it ended")
	return line
}

// watching is a watch that goes on beside the test.
type watching struct {
	out, log lines
	code     chan int
	stop     func()
}

func watch(t *testing.T, server string, args ...string) watching {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	t.Cleanup(stop)
	w := watching{make(lines, 10_000), make(lines, 10_000), make(chan int, 1), stop}
	go func() {
		defer close(w.out)
		defer close(w.log)
		w.code <- run(ctx, append([]string{"startups", "--watch", "--every=5ms", "--server=" + server, "--api-key=" + apptest.AdminKey}, args...), "dev", w.out, w.log)
	}()
	return w
}

// over ends it, and nothing more was said.
func (w watching) over(t *testing.T) {
	t.Helper()
	w.stop()
	require.Zero(t, <-w.code)
	for _, l := range []lines{w.out, w.log} {
		line, more := <-l
		require.False(t, more, line)
	}
}

func TestWatchedStartupsAreShownOnceUntilTheWatchEnds(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		ok(t, a, "apply", "-f", meshFile)
		overdue(t, a)
		w := watch(t, a.URL)
		require.Regexp(t, `^STATE +AGE `, w.out.next(t))
		require.Contains(t, w.out.next(t), "OVERDUE")
		id := starts(t, a, "asyncgate@mesh", "new")
		require.Regexp(t, `^OPEN .* asyncgate +new .*`+id.String(), w.out.next(t))
		apptest.Got(a.AdminClient(t).ReportReadyWithResponse(t.Context(), model.ReadyReport{StartupID: id, BuildVersion: "1"})).Is(t, 200)
		require.Regexp(t, `^READY .* asyncgate +new .*`+id.String()+`  1$`, w.out.next(t))
		w.over(t)
	})
}

// front stands before a server, as a proxy does, and can be told how to fail.
type front struct {
	url   string
	asked chan url.Values // the query of each request that comes through
	fails atomic.Pointer[http.HandlerFunc]
	older atomic.Bool // than the stream
	cut   func()      // ends all connections
}

func before(t *testing.T, server string) *front {
	t.Helper()
	u, err := url.Parse(server)
	require.NoError(t, err)
	f, proxy := &front{asked: make(chan url.Values, 10_000)}, httputil.NewSingleHostReverseProxy(u)
	proxy.ErrorLog = log.New(io.Discard, "", 0) // a watch that ends hangs up
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if fail := f.fails.Load(); fail != nil {
			(*fail)(w, r)
			return
		}
		if f.older.Load() && r.URL.Path == "/v1/admin/stream" {
			http.NotFound(w, r)
			return
		}
		f.asked <- r.URL.Query()
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	f.url, f.cut = s.URL, s.CloseClientConnections
	return f
}

// fail has so many requests fail before it returns, and then lets the others through.
func (f *front) fail(requests int, how http.HandlerFunc) {
	var once sync.Once
	var n atomic.Int64
	done := make(chan struct{})
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if int(n.Add(1)) >= requests {
			once.Do(func() { f.fails.Store(nil); close(done) })
		}
		how(w, r)
	})
	f.fails.Store(&handler)
	if !f.older.Load() { // else it asks again by itself
		f.cut()
	}
	<-done
}

func TestAWatchAsksAnOlderServerNowAndThen(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, sqliteURL(t))
	ok(t, a, "apply", "-f", meshFile)
	f := before(t, a.URL)
	f.older.Store(true)
	w := watch(t, f.url)
	id := starts(t, a, "asyncgate@mesh", "new")
	w.out.next(t)
	require.Regexp(t, `^OPEN .* asyncgate +new .*`+id.String(), w.out.next(t))
	apptest.Got(a.AdminClient(t).ReportReadyWithResponse(t.Context(), model.ReadyReport{StartupID: id, BuildVersion: "1"})).Is(t, 200)
	require.Regexp(t, `^READY .* asyncgate +new .*`+id.String(), w.out.next(t))
	w.over(t)
}

func TestAWatchShowsOnlyWhatItsFiltersLetThrough(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		ok(t, a, "apply", "-f", meshFile)
		w := watch(t, a.URL, "--component=wanted", "--output=json")
		starts(t, a, "asyncgate@mesh", "unwanted")
		id := starts(t, a, "asyncgate@mesh", "wanted")
		for {
			line := w.out.next(t)
			require.NotContains(t, line, "unwanted")
			if strings.Contains(line, id.String()) {
				break
			}
		}
		w.stop()
		require.Zero(t, <-w.code)
	})
}

func TestAWatchOutlivesAServerThatRestarts(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		ok(t, a, "apply", "-f", meshFile)
		starts(t, a, "asyncgate@mesh", "before")
		f := before(t, a.URL)
		w := watch(t, f.url)
		w.out.next(t)
		require.Contains(t, w.out.next(t), "before")
		for name, how := range map[string]http.HandlerFunc{
			"cut":      func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
			"a proxy":  func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) },
			"starting": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) },
		} {
			f.fail(3, how)
			id := starts(t, a, "asyncgate@mesh", "meanwhile")
			require.Contains(t, w.out.next(t), id.String(), name)
			require.Contains(t, w.log.next(t), "reconnecting: METAGATE_URL: ", name)
		}
		w.over(t)
	})
}

func TestAWatchEndsWhereAskingAgainDoesNotHelp(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, sqliteURL(t))
	f := before(t, a.URL)
	f.older.Store(true)
	w := watch(t, f.url)
	<-f.asked
	f.fail(1, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) })
	require.Contains(t, w.log.next(t), "the server answers 404")
	require.Equal(t, exitRefused, <-w.code)
}

func TestAWatchNeverLosesSightOfWhereItBegan(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		ok(t, a, "apply", "-f", meshFile)
		starts(t, a, "asyncgate@mesh", "old")
		starts(t, a, "asyncgate@mesh", "new")
		for args, want := range map[string]struct{ asked, log string }{
			"--since=1h": {asked: "since"},
			"--limit=2":  {},
			"--limit=1":  {asked: "since", log: "watching those since "},
		} {
			f := before(t, a.URL)
			f.older.Store(true)
			w := watch(t, f.url, args)
			first, then := <-f.asked, []string{}
			for range 3 {
				q := <-f.asked
				require.Equal(t, want.asked != "", q.Has("since"), args)
				require.Equal(t, "1000", q.Get("limit"), "all that there are by now")
				then = append(then, q.Get("since"))
			}
			require.Len(t, slices.Compact(then), 1, args)
			if strings.HasPrefix(args, "--since") {
				require.Equal(t, first.Get("since"), then[0])
			}
			if want.log != "" {
				require.Contains(t, w.log.next(t), want.log)
			}
			w.stop()
			require.Zero(t, <-w.code)
		}
	})
}

func TestAWatchFollowsThePages(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		ok(t, a, "apply", "-f", meshFile)
		starts(t, a, "asyncgate@mesh", "before")
		w := watch(t, a.URL)
		w.out.next(t)
		require.Contains(t, w.out.next(t), "before")
		at, err := a.Store.GetRevision(t.Context(), "default")
		require.NoError(t, err)
		want := map[string]bool{}
		require.NoError(t, a.Store.InTx(t.Context(), func(q store.Queries) error {
			for range pageSize + 1 {
				now := store.Now()
				id := store.NewID(now)
				want[id.String()] = true
				if _, err := q.OpenStartup(t.Context(), store.OpenStartupParams{
					ID: id, TenantKey: "default", Epoch: at.Epoch, Source: "live", PrincipalID: uuid.New(), PrincipalKey: "many", ComponentKey: "c",
					ProfileKey: "p", ManifestKey: "m", ManifestVersion: 1, PacketID: uuid.New(), PacketEtag: strings.Repeat("0", 64), OpenedAt: now, DeadlineAt: now.Add(1 << 40),
				}); err != nil {
					return err
				}
			}
			return nil
		}))
		for range pageSize + 1 {
			delete(want, strings.Fields(w.out.next(t))[8])
		}
		require.Empty(t, want)
		w.over(t)

		require.Equal(t, pageSize+3, strings.Count(ok(t, a, "startups", "--all"), "\n"))
		cut := remotely(t.Context(), a, "startups", "--limit=1000")
		require.Equal(t, "1,000 of more: --all shows them\n", cut.log)
		require.Equal(t, pageSize+3, strings.Count(ok(t, a, "startups", "--limit=5000"), "\n"))
	})
}
