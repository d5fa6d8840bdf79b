package app_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/store"
	"github.com/legivellum/metagate/internal/stream"
	"github.com/legivellum/metagate/internal/test/apptest"
	"github.com/legivellum/metagate/internal/test/testdb"
)

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
