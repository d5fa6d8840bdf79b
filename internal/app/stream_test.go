package app_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/oapi-codegen/nullable"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/app"
	"github.com/legivellum/metagate/internal/sse"
	"github.com/legivellum/metagate/internal/store"
	"github.com/legivellum/metagate/internal/stream"
	"github.com/legivellum/metagate/internal/test/apptest"
	"github.com/legivellum/metagate/internal/test/testdb"
)

const streamPath = "/v1/admin/stream"

func TestStreamsThatCannotBeAreRefused(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w, l := adminWire(a), newLab(t, a)
		for _, id := range []string{
			"x", "7", "c1", "c1.t1.e1.w1", "c1.t1.e1.w1-0", "c1.t1.e1.w1-0000000g", "c-1.t1.e1.w1-00000000", "c01.t1.e1.w1-00000000", "c1.t1.e1.w1-00000000x",
			"c1.t1.e1.w1-00000000 ", "c99999999999999999999.t1.e1.w1-00000000", strings.Repeat("c", 300),
		} {
			if strings.TrimSpace(id) != id {
				continue // which HTTP takes off
			}
			w.send(t, "GET", streamPath, "", "Last-Event-ID", id).refused(t, 400, "INVALID_REQUEST")
		}
		for _, query := range []string{"types=weather", "types=", "types=startup,weather", "status=LOST", "profile_key=%20", "component_key=", "tenant_key=%20", "stat=OPEN", "instance_id="} {
			w.send(t, "GET", streamPath+"?"+query, "").refused(t, 400, "INVALID_REQUEST")
		}
		w.send(t, "GET", streamPath+"?tenant_key=another", "").refused(t, 403, "FORBIDDEN")
		wire{a, l.key.APIKey}.send(t, "GET", streamPath, "").refused(t, 403, "FORBIDDEN")
	})
}

func TestAStreamTellsWhatBecomesOfStartups(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l := newLab(t, a)
		l.start(t, "before")
		h := adminWire(a).listen(t, streamPath+"?types=startup")
		up, down := l.start(t, "up").Startup.StartupID, l.start(t, "down").Startup.StartupID
		require.False(t, h.until(t, up, isIn(model.StartupStatusOPEN)).Overdue)
		h.until(t, down, isIn(model.StartupStatusOPEN))
		apptest.Got(l.component.ReportReadyWithResponse(t.Context(), ready(up))).Is(t, 200)
		told := h.until(t, up, isIn(model.StartupStatusREADY))
		require.JSONEq(t, string(marshalled(t, (*apptest.Got(l.admin.ListStartupsWithResponse(t.Context(), &model.ListStartupsParams{ComponentKey: new("up")})).Is(t, 200).JSON200)[0])), string(marshalled(t, told)))
		require.Contains(t, string(told.Health.MustGet()), "1.10") // with its digits
		apptest.Got(l.component.ReportFailedWithResponse(t.Context(), failed(down))).Is(t, 200)
		h.until(t, down, isIn(model.StartupStatusFAILED))

		// Nothing is written when a deadline passes.
		now := store.Now()
		late := l.opened(t, store.OpenStartupParams{ComponentKey: "late", OpenedAt: now, DeadlineAt: now.Add(time.Second)})
		require.False(t, h.until(t, late, func(model.StartupSession) bool { return true }).Overdue)
		require.True(t, h.until(t, late, func(model.StartupSession) bool { return true }).Overdue)
		apptest.Got(l.admin.AcknowledgeStartupWithResponse(t.Context(), late, model.Acknowledgement{Reason: "known"})).Is(t, 200)
		require.Equal(t, "known", h.until(t, late, func(s model.StartupSession) bool { return !s.Overdue }).AcknowledgedReason.MustGet())
	})
}

func marshalled(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	require.NoError(t, err)
	return b
}

func TestAStreamIsFiltered(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l := newLab(t, a)
		other := newLab(t, a)
		now := store.Now()
		listening := map[string]*hearing{}
		for _, query := range []string{
			"component_key=wanted", "profile_key=" + l.profile.ProfileKey, "principal_key=" + l.principal.PrincipalKey, "instance_id=one", "status=FAILED", "status=OVERDUE", "types=world",
		} {
			if query != "types=world" {
				query = "types=startup&" + query
			}
			listening[query] = adminWire(a).listen(t, streamPath+"?"+query)
		}
		unwanted := other.start(t, "unwanted").Startup.StartupID
		wanted := *apptest.Got(l.component.BootstrapWithResponse(t.Context(), nil, model.BootstrapRequest{ComponentKey: "wanted", InstanceID: "one"})).Is(t, 200).JSON200
		overdue := l.opened(t, store.OpenStartupParams{OpenedAt: now.Add(-time.Hour), DeadlineAt: now.Add(-time.Minute), ComponentKey: "wanted", InstanceID: new("one")})
		apptest.Got(l.component.ReportFailedWithResponse(t.Context(), failed(wanted.Startup.StartupID))).Is(t, 200)
		l.addProfile(t)
		for query, h := range listening {
			e, err := h.Next()
			require.NoError(t, err, query)
			if query == "types=world" {
				require.Equal(t, "world", e.Type)
				continue
			}
			id := says[model.StartupSession](t, e).StartupID
			require.NotEqual(t, unwanted, id, query)
			switch query {
			case "types=startup&status=OVERDUE":
				require.Equal(t, overdue, id)
			case "types=startup&status=FAILED":
				require.Equal(t, wanted.Startup.StartupID, id)
			}
		}
	})
}

func TestAStreamTellsChangesOfTheWorld(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l := newLab(t, a)
		h := adminWire(a).listen(t, streamPath+"?types=world")
		var last sse.Event
		for range 3 {
			l.addProfile(t)
			at, err := l.Store.GetRevision(t.Context(), l.principal.TenantKey)
			require.NoError(t, err)
			for {
				last = h.next(t, "world")
				change := says[model.WorldChange](t, last)
				require.Equal(t, l.principal.TenantKey, change.TenantKey)
				if require.LessOrEqual(t, change.Revision, at.Revision); change.Revision == at.Revision {
					break
				}
			}
		}
		// Whoever has heard of it isn't told again; whoever was away is.
		h.stop()
		again := adminWire(a).listen(t, streamPath+"?types=world", "Last-Event-ID", last.ID)
		l.addProfile(t)
		at, err := l.Store.GetRevision(t.Context(), l.principal.TenantKey)
		require.NoError(t, err)
		require.Equal(t, at.Revision, says[model.WorldChange](t, again.next(t, "world")).Revision)
		again.stop()
		require.Equal(t, at.Revision, says[model.WorldChange](t, adminWire(a).listen(t, streamPath+"?types=world", "Last-Event-ID", last.ID).next(t, "world")).Revision)
	})
}

// hearsay is what somebody has heard of, and what there was to hear of.
type hearsay struct {
	sync.Mutex
	opened map[uuid.UUID]bool
	heard  map[uuid.UUID]model.StartupStatus
}

func (o *hearsay) open(id uuid.UUID) (n int) {
	o.Lock()
	defer o.Unlock()
	o.opened[id] = true
	return len(o.opened)
}

func (o *hearsay) hear(s model.StartupSession) {
	o.Lock()
	defer o.Unlock()
	o.heard[s.StartupID] = s.Status
}

// missing is how many were opened that nobody has heard of.
func (o *hearsay) missing() (n int) {
	o.Lock()
	defer o.Unlock()
	for id := range o.opened {
		if _, heard := o.heard[id]; !heard {
			n++
		}
	}
	return n
}

// hop listens on one replica after the other, each time until it has heard a few, and
// goes on from one id to another.
func hop(t *testing.T, replicas []*apptest.App, hops int, o *hearsay, id string) string {
	t.Helper()
	for n := range hops {
		h := adminWire(replicas[n%len(replicas)]).listen(t, streamPath+"?types=startup", "Last-Event-ID", id)
		for range 10 {
			o.hear(h.startup(t))
		}
		h.stop()
		id = h.LastID
	}
	return id
}

func TestWhoHopsBetweenReplicasHearsOfEveryStartup(t *testing.T) {
	t.Parallel()
	testdb.Each(t, apptest.Migrate, func(t *testing.T, url string) {
		l := newLab(t, apptest.Start(t, url))
		replicas := []*apptest.App{l.App, apptest.Start(t, url)}
		o := &hearsay{opened: map[uuid.UUID]bool{}, heard: map[uuid.UUID]model.StartupStatus{}}
		first := adminWire(l.App).listen(t, streamPath+"?types=startup") // so that nothing is before it
		o.open(l.start(t, "first").Startup.StartupID)
		o.hear(first.startup(t))
		first.stop()
		enough, release := make(chan struct{}), func() {}
		if strings.HasPrefix(url, "postgres") { // on SQLite one writer holds up all
			release = l.stalled(t)
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var all sync.WaitGroup
		for i := range 8 {
			c := replicas[i%2].Client(t, l.key.APIKey)
			all.Go(func() {
				for ctx.Err() == nil {
					got, err := c.BootstrapWithResponse(ctx, nil, model.BootstrapRequest{ComponentKey: "c"})
					if err != nil || got.JSON200 == nil {
						continue // two replicas on one file get in each other's way
					}
					id := got.JSON200.Startup.StartupID
					if n := o.open(id); n == 300 {
						close(enough)
					} else if n%3 == 0 {
						_, _ = c.ReportReadyWithResponse(ctx, ready(id))
					}
				}
			})
		}
		<-enough
		release()
		id := hop(t, replicas, apptest.Fewer(100), o, first.LastID)
		cancel()
		all.Wait()
		for path := "startups?limit=1000"; path != ""; { // those that nobody was answered for, too
			var rows []model.StartupSession
			rows, path = adminList[model.StartupSession](t, l.App, path)
			for _, row := range rows {
				o.open(row.StartupID)
			}
		}
		for h := adminWire(replicas[1]).listen(t, streamPath+"?types=startup", "Last-Event-ID", id); o.missing() > 0; {
			o.hear(h.startup(t))
		}
	})
}

func TestAStreamGoesOnAfterARestartOrSaysThatItCannot(t *testing.T) {
	t.Parallel()
	testdb.Each(t, apptest.Migrate, func(t *testing.T, url string) {
		a := apptest.Start(t, url)
		l := newLab(t, a)
		h := adminWire(a).listen(t, streamPath+"?types=startup")
		before := l.start(t, "before").Startup.StartupID
		id := func() string { h.until(t, before, isIn(model.StartupStatusOPEN)); return h.LastID }()
		require.NoError(t, a.Close())
		require.Equal(t, "shutdown", h.notice(t, "bye").Reason)

		a = apptest.Start(t, url)
		l.App, l.component = a, a.Client(t, l.key.APIKey)
		var missed []uuid.UUID
		for range 5 {
			missed = append(missed, l.start(t, "missed").Startup.StartupID)
		}
		now := store.Now()
		missed = append(missed, l.opened(t, store.OpenStartupParams{OpenedAt: now.Add(-time.Hour), DeadlineAt: now.Add(-time.Minute)}))
		h = adminWire(a).listen(t, streamPath+"?types=startup", "Last-Event-ID", id)
		for _, id := range missed {
			h.until(t, id, isIn(model.StartupStatusOPEN))
		}

		for reason, edit := range map[string]func(p *stream.Position){
			"unknown": func(p *stream.Position) { p.Change += 1_000_000 },
			"expired": func(p *stream.Position) { p.Time -= (73 * time.Hour).Microseconds() },
		} {
			id := edited(t, h.LastID, edit)
			again := adminWire(a).listen(t, streamPath+"?types=startup", "Last-Event-ID", id)
			require.Equal(t, reason, again.notice(t, "reset").Reason)
			again.until(t, l.start(t, reason).Startup.StartupID, isIn(model.StartupStatusOPEN)) // and goes on
			again.stop()
		}
	})
}

func edited(t *testing.T, id string, edit func(p *stream.Position)) string {
	t.Helper()
	p, err := stream.ParsePosition(id)
	require.NoError(t, err)
	edit(&p)
	return p.String()
}

// missing opens startups that are overdue, and returns the position of one who has heard
// that they were opened, and not yet that their deadline has passed.
func (l *lab) missing(t *testing.T, n int, labels ...string) (id string) {
	t.Helper()
	h := adminWire(l.App).listen(t, streamPath+"?types=startup")
	h.until(t, l.start(t, "c").Startup.StartupID, isIn(model.StartupStatusOPEN))
	h.stop()
	deadline := store.Now().Add(-time.Minute)
	l.openedMany(t, n, deadline, labels...)
	settled, err := l.Store.Settled(t.Context())
	require.NoError(t, err)
	return edited(t, h.LastID, func(p *stream.Position) { p.Time, p.Change = deadline.Add(-time.Minute).UnixMicro(), settled })
}

func TestWhoMissedManyDeadlinesHearsOfEach(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l := newLab(t, a)
		id := l.missing(t, 4500) // of one time, and more than are read at once
		again, heard := adminWire(a).listen(t, streamPath+"?types=startup&status=OVERDUE", "Last-Event-ID", id), map[uuid.UUID]bool{}
		for len(heard) < 4500 {
			heard[again.startup(t).StartupID] = true
		}
	})
}

func TestNobodyHearsOfAnotherTenant(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l := newLab(t, a)
		theirs := newWireWorld(t, tenantAdmin(t, a, "theirs"), "-theirs")
		startups := theirs.admin.listen(t, streamPath+"?types=startup")
		ours, other := adminWire(a).listen(t, streamPath+"?types=startup"), theirs.admin.listen(t, streamPath)
		got := theirs.component.send(t, "POST", "/v1/bootstrap", `{"component_key":"secret"}`)
		require.Equal(t, 200, got.Status)
		require.Equal(t, "secret", startups.until(t, uuid.MustParse(got.Header.Get("Metagate-Startup-Id")), isIn(model.StartupStatusOPEN)).ComponentKey)
		theirs.admin.create(t, "/v1/admin/profiles", `{"profile_key":"secret"}`)
		for {
			if e, err := other.Next(); err != nil || e.Type == "world" {
				require.NoError(t, err)
				require.Equal(t, "theirs", says[model.WorldChange](t, e).TenantKey)
				break
			}
		}
		mine := l.start(t, "mine").Startup.StartupID
		require.Equal(t, mine, ours.startup(t).StartupID) // the first that it hears of
		other.stop()
		resumed := adminWire(a).listen(t, streamPath, "Last-Event-ID", "c0.t"+fmt.Sprint(store.Now().UnixMicro())+".e0.w0-00000000")
		for {
			e, err := resumed.Next()
			require.NoError(t, err)
			require.NotContains(t, e.Data, "theirs")
			if strings.Contains(e.Data, mine.String()) {
				break
			}
		}
	})
}

func TestAStreamEndsWithTheCredentialThatOpenedIt(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l := newLab(t, a)
		admin := *apptest.Got(l.admin.CreatePrincipalWithResponse(t.Context(), nil, model.PrincipalCreate{PrincipalKey: "second", AuthSubject: "second", PrincipalType: "admin"})).Is(t, 201).JSON201
		revoked, kept := l.addKey(t, admin.ID), l.addKey(t, admin.ID)
		expires := *apptest.Got(l.admin.CreateAPIKeyWithResponse(t.Context(), nil, model.APIKeyCreate{PrincipalID: admin.ID.String(), Name: "e", ExpiresAt: nullable.NewNullableWithValue(time.Now().UTC().Truncate(time.Second).Add(5 * time.Second))})).Is(t, 201).JSON201
		stays := wire{a, kept.APIKey}.listen(t, streamPath)
		ends, expired := wire{a, revoked.APIKey}.listen(t, streamPath), wire{a, expires.APIKey}.listen(t, streamPath)
		watches := wire{a, l.key.APIKey}.listen(t, "/v1/watch?component_key=c")
		watches.next(t, "packet")
		apptest.Got(l.admin.RevokeAPIKeyWithResponse(t.Context(), revoked.ID, nil)).Is(t, 204)
		apptest.Got(l.admin.RevokeAPIKeyWithResponse(t.Context(), l.key.ID, nil)).Is(t, 204)
		for _, h := range []*hearing{ends, expired} {
			var e sse.Event
			for e.Type != "bye" {
				var err error
				e, err = h.Next()
				require.NoError(t, err)
			}
			require.Equal(t, "unauthorized", says[model.StreamNotice](t, e).Reason)
			_, err := h.Next()
			require.Equal(t, io.EOF, err)
		}
		require.Equal(t, "unauthorized", watches.notice(t, "bye").Reason)
		apptest.Got(l.admin.UpdatePrincipalWithApplicationMergePatchPlusJSONBodyWithResponse(t.Context(), admin.ID.String(), nil, patch(`{"principal_type":"component"}`))).Is(t, 200)
		for {
			e, err := stays.Next()
			require.NoError(t, err)
			if e.Type == "bye" {
				require.Equal(t, "unauthorized", says[model.StreamNotice](t, e).Reason)
				return
			}
		}
	})
}

// What was missed may be much, and a listener in the middle of it when its key is revoked.
func TestWhoCatchesUpIsLetGoWithItsCredential(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l := newLab(t, a)
		admin := *apptest.Got(l.admin.CreatePrincipalWithResponse(t.Context(), nil, model.PrincipalCreate{PrincipalKey: "second", AuthSubject: "second", PrincipalType: "admin"})).Is(t, 201).JSON201
		key := l.addKey(t, admin.ID)
		id := l.missing(t, 2500, `{"a":"`+strings.Repeat("x", 4000)+`"}`) // two pages, and more than lies in the buffers of a connection
		h := adminWire(a).listen(t, streamPath+"?types=world")
		conn, err := net.Dial("tcp", strings.TrimPrefix(a.URL, "http://"))
		require.NoError(t, err)
		defer conn.Close()
		_, err = fmt.Fprintf(conn, "GET %s?types=startup HTTP/1.1\r\nHost: x\r\n%s: %s\r\nLast-Event-ID: %s\r\n\r\n", streamPath, a.Config.APIKeyHeader, key.APIKey, id)
		require.NoError(t, err)
		until(t, func() bool { return sample(t, a, "metagate_stream_listeners") == 2 })
		apptest.Got(l.admin.RevokeAPIKeyWithResponse(t.Context(), key.ID, nil)).Is(t, 204)
		apptest.Got(l.admin.UpdateProfileWithApplicationMergePatchPlusJSONBodyWithResponse(t.Context(), "key:"+l.profile.ProfileKey, nil, patch(`{"startup_sla_seconds":7}`))).Is(t, 200)
		for e, err := h.Next(); e.Type != "world"; e, err = h.Next() { // all who listen know of both
			require.NoError(t, err)
		}
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		require.NoError(t, err)
		defer resp.Body.Close()
		events, n := sse.NewReader(resp.Body), 0
		for {
			e, err := events.Next()
			require.NoError(t, err)
			if n++; e.Type == "bye" {
				require.Equal(t, "unauthorized", says[model.StreamNotice](t, e).Reason)
				require.Less(t, n, 2500)
				return
			}
		}
	})
}

func TestASlowReaderIsDroppedAndTheOthersGoOn(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l := newLab(t, a)
		conn, err := net.Dial("tcp", strings.TrimPrefix(a.URL, "http://"))
		require.NoError(t, err)
		defer conn.Close()
		require.NoError(t, conn.(*net.TCPConn).SetReadBuffer(4096))
		_, err = fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: x\r\n%s: %s\r\n\r\n", streamPath, a.Config.APIKeyHeader, apptest.AdminKey)
		require.NoError(t, err)
		until(t, func() bool { return sample(t, a, "metagate_stream_listeners") == 1 })
		good := adminWire(a).listen(t, streamPath+"?types=startup")
		big := json.RawMessage(`"` + strings.Repeat("x", 60_000) + `"`)
		for sample(t, a, "metagate_stream_dropped_total") == 0 {
			id := l.start(t, "c").Startup.StartupID
			apptest.Got(l.component.ReportReadyWithResponse(t.Context(), model.ReadyReport{StartupID: id, BuildVersion: "1", Health: big})).Is(t, 200)
			good.until(t, id, isIn(model.StartupStatusREADY))
		}
		require.InDelta(t, 1, sample(t, a, "metagate_stream_dropped_total"), 0)
		until(t, func() bool { return sample(t, a, "metagate_stream_listeners") == 1 })
		good.until(t, l.start(t, "c").Startup.StartupID, isIn(model.StartupStatusOPEN))
	})
}

func TestStreamsEndWithTheServerWithinItsTime(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l := newLab(t, a)
		var all []*hearing
		for range 20 {
			all = append(all, adminWire(a).listen(t, streamPath+"?types=startup"), wire{a, l.key.APIKey}.listen(t, "/v1/watch?component_key=c&etag="+watchEtag(t, l.component)))
		}
		poll, err := http.NewRequestWithContext(t.Context(), http.MethodGet, a.URL+"/v1/watch?component_key=c&wait=300s&etag="+watchEtag(t, l.component), http.NoBody)
		require.NoError(t, err)
		poll.Header.Set("X-API-Key", l.key.APIKey)
		polled := make(chan int, 1)
		go func() {
			defer close(polled)
			if resp, err := http.DefaultClient.Do(poll); err == nil {
				_ = resp.Body.Close()
				polled <- resp.StatusCode
			}
		}()
		until(t, func() bool { return sample(t, a, "metagate_stream_watchers") == 21 })
		require.NoError(t, a.Close()) // an error says that requests were cut off (SHUTDOWN_SECONDS)
		for _, h := range all {
			require.Equal(t, "shutdown", h.notice(t, "bye").Reason)
			require.GreaterOrEqual(t, h.Retry, 500*time.Millisecond)
			_, err := h.Next()
			require.Equal(t, io.EOF, err)
		}
		require.Equal(t, 304, <-polled)
	}, func(c *app.Config) { c.ShutdownSeconds = 10 })
}

func TestOnlySoManyMayListen(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l, w := newLab(t, a), adminWire(a)
		first, _ := w.listen(t, streamPath), w.listen(t, streamPath)
		require.Contains(t, w.send(t, "GET", streamPath, "").refused(t, 503, "UNAVAILABLE").Detail, "half of all (STREAM_LISTENERS)")
		admin := *apptest.Got(l.admin.CreatePrincipalWithResponse(t.Context(), nil, model.PrincipalCreate{PrincipalKey: "second", AuthSubject: "second", PrincipalType: "admin"})).Is(t, 201).JSON201
		second := wire{a, l.addKey(t, admin.ID).APIKey}
		second.listen(t, streamPath)
		second.listen(t, streamPath)
		admin = *apptest.Got(l.admin.CreatePrincipalWithResponse(t.Context(), nil, model.PrincipalCreate{PrincipalKey: "third", AuthSubject: "third", PrincipalType: "admin"})).Is(t, 201).JSON201
		third := wire{a, l.addKey(t, admin.ID).APIKey}
		require.Contains(t, third.send(t, "GET", streamPath, "").refused(t, 503, "UNAVAILABLE").Detail, "4 listen already")
		first.stop()
		until(t, func() bool { return sample(t, a, "metagate_stream_listeners") == 3 })
		third.listen(t, streamPath)
	}, func(c *app.Config) { c.StreamListeners = 4 })
}
