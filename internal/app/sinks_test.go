package app_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/app"
	"github.com/legivellum/metagate/internal/test/apptest"
	"github.com/legivellum/metagate/internal/test/testdb"
)

// receiver is somebody who is told of events.
type receiver struct {
	*httptest.Server

	mu     sync.Mutex
	answer int    // 0 is 200
	only   string // the type of event that is answered so, where it isn't all
	header map[string]string
	got    []told
}

type told struct {
	header http.Header
	body   string
	event  struct {
		ID, Type, Subject, Sequence string
		Data                        map[string]any
	}
}

func receive(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		r.mu.Lock()
		defer r.mu.Unlock()
		for k, v := range r.header {
			w.Header().Set(k, v)
		}
		one := told{header: req.Header, body: string(body)}
		if err := json.Unmarshal(body, &one.event); err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		if r.answer != 0 && (r.only == "" || r.only == one.event.Type) {
			w.WriteHeader(r.answer)
			return
		}
		r.got = append(r.got, one)
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) answers(code int, header ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer, r.header, r.only = code, map[string]string{}, ""
	for n := 0; n < len(header); n += 2 {
		r.header[header[n]] = header[n+1]
	}
}

func (r *receiver) refuses(only string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.only = only
}

func (r *receiver) all() []told {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.got)
}

func (r *receiver) types() (out []string) {
	for _, e := range r.all() {
		out = append(out, strings.TrimPrefix(e.event.Type, "metagate."))
	}
	return out
}

var webhookSecret = "whsec_" + base64.StdEncoding.EncodeToString([]byte("0123456789abcdef0123456789abcdef"))

// sinkFile names sinks, each with its members.
func sinkFile(t *testing.T, sinks ...string) func(*app.Config) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "sinks.yaml")
	text := "sinks:\n"
	for _, s := range sinks {
		text += "- {kind: webhook, allow_private: true, secret: " + webhookSecret + ", " + s + "}\n"
	}
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return func(c *app.Config) { c.SinksFile = path }
}

// named is the state of a sink.
func (l *lab) named(t *testing.T, name string) model.Sink {
	t.Helper()
	for _, s := range *apptest.Got(l.admin.ListSinksWithResponse(t.Context())).Is(t, 200).JSON200 {
		if s.Name == name {
			return s
		}
	}
	return model.Sink{}
}

func (l *lab) fails(t *testing.T, n int) {
	t.Helper()
	for range n {
		apptest.Got(l.component.ReportFailedWithResponse(t.Context(), failed(l.start(t, "c").Startup.StartupID))).Is(t, 200)
	}
}

func TestASinkIsToldOfItsEventsInOrderBesideADeadOne(t *testing.T) {
	t.Parallel()
	testdb.Each(t, apptest.Migrate, func(t *testing.T, url string) {
		good, dead := receive(t), receive(t)
		dead.answers(503)
		l := newLab(t, apptest.Start(t, url, sinkFile(t, "name: good, types: [startup.failed], url: "+good.URL, "name: dead, url: "+dead.URL)))
		until(t, func() bool { return l.named(t, "good").Name != "" && l.named(t, "dead").Name != "" })
		l.fails(t, 10)
		until(t, func() bool { return len(good.all()) >= 10 })
		events := l.events(t, model.EventTypeStartupFailed)
		for n, e := range good.all() {
			require.Equal(t, events[n].ID.String(), e.event.ID)
			require.Equal(t, e.event.ID, e.header.Get("Webhook-Id"))
			require.Equal(t, fmt.Sprint(events[n].Seq), e.event.Sequence)
		}
		until(t, func() bool { return l.named(t, "dead").State == model.SinkStateFailing })
		s := l.named(t, "dead")
		require.Contains(t, s.LastError.MustGet(), "503")
		require.Positive(t, s.Attempts)
		require.False(t, s.RetryAt.IsNull())
		until(t, func() bool { return l.named(t, "good").Delivered == 10 && l.named(t, "good").Pending == 0 })
		require.Equal(t, "10", scrape(t, l.App)[`metagate_sink_events_delivered_total{sink="good"}`])
		dead.answers(0)
		l.fails(t, 1) // something new is told before the schedule is over
		until(t, func() bool { return l.named(t, "dead").State == model.SinkStateOk && l.named(t, "dead").Pending == 0 })
		require.Contains(t, dead.types(), "startup.failed")
	})
}

// burst is a sink that is away while more fails than it wants to be told of one by one.
func burst(t *testing.T, url string) (l *lab, r *receiver, sinks func(*app.Config)) {
	t.Helper()
	r = receive(t)
	r.answers(503)
	sinks = sinkFile(t, "name: pager, digest_above: 20, types: [startup.failed, world.changed], url: "+r.URL)
	l = newLab(t, apptest.Start(t, url, sinks))
	until(t, func() bool { return l.named(t, "pager").Attempts > 0 })
	l.fails(t, 30)
	l.told(t, model.EventTypeStartupFailed, 30)
	return l, r, sinks
}

func TestABurstAfterAnOutageIsOneDigest(t *testing.T) {
	t.Parallel()
	testdb.Each(t, apptest.Migrate, func(t *testing.T, url string) {
		l, r, _ := burst(t, url)
		r.answers(0)
		l.fails(t, 1)
		until(t, func() bool { return slices.Contains(r.types(), "digest") && l.named(t, "pager").Pending == 0 })
		require.NotContains(t, r.types(), "startup.failed")
		require.Contains(t, r.types(), "world.changed", "what there are few of is told one by one")
		for _, e := range r.all() {
			if e.event.Type == "metagate.digest" {
				require.Equal(t, map[string]any{"startup.failed": 31.0}, e.event.Data["types"])
				require.Contains(t, e.event.Data["read"], "/v1/admin/events?after=")
			}
		}
		l.fails(t, 1)
		until(t, func() bool { return slices.Contains(r.types(), "startup.failed") })
	})
}

func TestAnEventThatIsRefusedForGoodIsSaidAndPassed(t *testing.T) {
	t.Parallel()
	testdb.Each(t, apptest.Migrate, func(t *testing.T, url string) {
		r := receive(t)
		r.answers(422)
		l := newLab(t, apptest.Start(t, url, sinkFile(t, "name: pager, types: [startup.failed], url: "+r.URL)))
		until(t, func() bool { return l.named(t, "pager").Name != "" })
		l.fails(t, 1)
		until(t, func() bool { return l.named(t, "pager").Refused == 1 })
		require.Contains(t, l.named(t, "pager").LastRefusal.MustGet(), "422")
		r.answers(0)
		l.fails(t, 1)
		until(t, func() bool { return len(r.all()) == 1 })
		r.answers(410)
		l.fails(t, 1)
		until(t, func() bool { return l.named(t, "pager").State == model.SinkStateDisabled })
		r.answers(0)
		require.NoError(t, l.Close())
		l.App = apptest.Start(t, url, sinkFile(t, "name: pager, types: [startup.failed], url: "+r.URL))
		until(t, func() bool { return len(r.all()) == 2 })
	})
}

// Redirects aren't followed, and nothing of this host is reached by a name either.
func TestASinkReachesNothingThatItsOperatorDidNotMean(t *testing.T) {
	t.Parallel()
	testdb.Each(t, apptest.Migrate, func(t *testing.T, url string) {
		inside, leads := receive(t), receive(t)
		leads.answers(307, "Location", inside.URL)
		port := inside.URL[strings.LastIndexByte(inside.URL, ':'):]
		path := filepath.Join(t.TempDir(), "sinks.yaml")
		text := "sinks:\n- {name: leads, kind: webhook, allow_private: true, secret: " + webhookSecret + ", url: " + leads.URL + "}\n"
		for name, host := range map[string]string{"address": "127.0.0.1", "name": "localhost", "six": "'[::1]", "mapped": "'[::ffff:127.0.0.1]", "zero": "0.0.0.0"} {
			text += "- {name: " + name + ", kind: webhook, secret: " + webhookSecret + ", url: " + strings.Replace(host, "'", "'https://", 1)
			if !strings.HasPrefix(host, "'") {
				text = strings.TrimSuffix(text, host) + "'https://" + host
			}
			text += port + "/'}\n"
		}
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		l := newLab(t, apptest.Start(t, url, func(c *app.Config) { c.SinksFile = path }))
		l.fails(t, 1)
		for _, name := range []string{"address", "name", "six", "mapped", "zero"} {
			until(t, func() bool { return l.named(t, name).Attempts > 0 })
			require.Contains(t, l.named(t, name).LastError.MustGet(), "is no public address", name)
		}
		until(t, func() bool { return l.named(t, "leads").Attempts > 0 })
		require.Contains(t, l.named(t, "leads").LastError.MustGet(), "redirects are not followed")
		require.Empty(t, inside.all())
	})
}

func TestAnotherReplicaTellsASinkWhereOneEnded(t *testing.T) {
	t.Parallel()
	testdb.Each(t, apptest.Migrate, func(t *testing.T, url string) {
		r := receive(t)
		config := sinkFile(t, "name: pager, types: [startup.failed], url: "+r.URL)
		first := newLab(t, apptest.Start(t, url, config))
		until(t, func() bool { return first.named(t, "pager").Name != "" })
		l := &lab{App: apptest.Start(t, url, config), key: first.key}
		l.admin, l.component = l.AdminClient(t), l.Client(t, first.key.APIKey)
		l.fails(t, 5)
		until(t, func() bool { return len(r.all()) == 5 })
		require.NoError(t, first.Close())
		l.fails(t, 5)
		until(t, func() bool { // at least once each
			ids := map[string]bool{}
			for _, e := range r.all() {
				ids[e.event.ID] = true
			}
			return len(ids) == 10
		})
	})
}

func TestSinksThatCannotBeAreRefusedAtTheStart(t *testing.T) {
	t.Parallel()
	c := apptest.Config(t, "sqlite:"+filepath.Join(t.TempDir(), "x.db"))
	c.SinksFile = filepath.Join(t.TempDir(), "none.yaml")
	_, err := app.Start(t.Context(), c, app.Build{}, nil)
	require.ErrorContains(t, err, "SINKS_FILE")
	require.NoError(t, os.WriteFile(c.SinksFile, []byte("sinks: [{name: receiptgate, kind: receiptgate, url: 'https://l.example'}]"), 0o600))
	c.Endpoint = "https://other.example"
	_, err = app.Start(t.Context(), c, app.Build{}, nil)
	require.ErrorContains(t, err, "RECEIPTGATE_ENDPOINT")
}
