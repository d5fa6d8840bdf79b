package app_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/store"
	"github.com/legivellum/metagate/internal/test/apptest"
	"github.com/legivellum/metagate/internal/test/testdb"
)

func TestASinkThatAsksForPatienceIsLeftAloneWithWhatIsNewToo(t *testing.T) {
	t.Parallel()
	testdb.Each(t, apptest.Migrate, func(t *testing.T, url string) {
		r := receive(t)
		r.answers(429, "Retry-After", "3600")
		l := newLab(t, apptest.Start(t, url, sinkFile(t, "name: pager, types: [startup.failed], url: "+r.URL)))
		until(t, func() bool { return l.named(t, "pager").Name != "" })
		asked := store.Now()
		l.fails(t, 1)
		until(t, func() bool { return l.named(t, "pager").State == model.SinkStateFailing })
		require.WithinRange(t, l.named(t, "pager").RetryAt.MustGet(), asked.Add(time.Hour), store.Now().Add(time.Hour))
		attempts := l.named(t, "pager").Attempts
		r.answers(0)
		l.fails(t, 1)
		time.Sleep(12 * time.Second) // something new is tried ten seconds after the last attempt
		require.Equal(t, attempts, l.named(t, "pager").Attempts)
		require.Empty(t, r.all())
	})
}

// What a host wrote whose clock was a year ahead, and which was killed.
func TestAClockThatWasAheadKeepsNobodyFromTheirTurn(t *testing.T) {
	t.Parallel()
	testdb.Each(t, apptest.Migrate, func(t *testing.T, url string) {
		r := receive(t)
		config := sinkFile(t, "name: pager, types: [startup.failed], url: "+r.URL)
		l := newLab(t, apptest.Start(t, url, config))
		until(t, func() bool { return l.named(t, "pager").Name != "" })
		r.answers(503)
		l.fails(t, 1)
		until(t, func() bool { return l.named(t, "pager").State == model.SinkStateFailing })
		require.NoError(t, l.Close())
		ahead := store.Now().AddDate(1, 0, 0)
		st, err := store.Open(t.Context(), url)
		require.NoError(t, err)
		for _, name := range []string{"events", "outcomes", "pager"} {
			n, err := st.LeaseSink(t.Context(), store.LeaseSinkParams{Name: name, Owner: "killed", LeasedUntil: ahead, Now: ahead, Latest: ahead})
			require.NoError(t, err)
			require.EqualValues(t, 1, n)
		}
		_, err = st.RetrySink(t.Context(), store.RetrySinkParams{Name: "pager", Owner: "killed", RetryAt: &ahead, Now: &ahead, LastError: new("503")})
		require.NoError(t, err)
		st.Close()

		before := store.Now()
		l.App = apptest.Start(t, url, config)
		l.admin, l.component = l.AdminClient(t), l.Client(t, l.key.APIKey)
		l.fails(t, 1)
		l.told(t, model.EventTypeStartupFailed, 2)
		until(t, func() bool {
			at, err := l.named(t, "pager").RetryAt.Get()
			return err == nil && at.Before(before.Add(time.Hour))
		})
		r.answers(0)
		until(t, func() bool { return len(r.all()) == 2 })
	})
}

func (l *lab) bounds(t *testing.T) store.EventBoundsRow {
	t.Helper()
	b, err := l.Store.EventBounds(t.Context())
	require.NoError(t, err)
	return b
}

// A sink that takes nothing keeps events for twice their time; what is gone then is counted.
func TestEventsGoWhenTheirTimeIsOver(t *testing.T) {
	t.Parallel()
	testdb.Each(t, apptest.Migrate, func(t *testing.T, url string) {
		r := receive(t)
		r.answers(503)
		l := newLab(t, apptest.Start(t, url, sinkFile(t, "name: pager, types: [startup.failed], url: "+r.URL)))
		until(t, func() bool { return l.named(t, "pager").Name != "" })
		l.fails(t, 3)
		l.told(t, model.EventTypeStartupFailed, 3)
		revisions := *apptest.Got(l.admin.ListRevisionsWithResponse(t.Context(), nil)).Is(t, 200).JSON200
		l.told(t, model.EventTypeWorldChanged, len(revisions)) // and nothing comes later
		until(t, func() bool { return l.named(t, "pager").State == model.SinkStateFailing })
		require.NoError(t, l.Close())
		l.App = apptest.Start(t, url)

		const keep = 24 * time.Hour
		after := func(d time.Duration) store.EventBoundsRow {
			now := store.Now().Add(d)
			_, err := l.Store.DeleteOldEvents(t.Context(), store.DeleteOldEventsParams{Before: now.Add(-keep), Whatever: now.Add(-2 * keep), RowLimit: 1000})
			require.NoError(t, err)
			return l.bounds(t)
		}
		last := l.bounds(t).Newest
		require.Equal(t, store.EventBoundsRow{Oldest: 1, Newest: last}, after(0))
		require.Positive(t, after(keep+time.Hour).Oldest, "the sink hasn't taken them")
		require.Equal(t, store.EventBoundsRow{Newest: last}, after(2*keep+time.Hour), "a number never comes again")

		r.answers(0)
		require.NoError(t, l.Close())
		l.App = apptest.Start(t, url, sinkFile(t, "name: pager, types: [startup.failed], url: "+r.URL))
		l.admin = l.AdminClient(t)
		until(t, func() bool { s := l.named(t, "pager"); return s.State == model.SinkStateOk && s.Pending == 0 })
		require.GreaterOrEqual(t, l.named(t, "pager").Dropped, int64(3))
		require.Empty(t, r.all())
	})
}

// What is older than a burst waits behind its digest, and is told when its time comes.
func TestADigestPassesNothingThatWaits(t *testing.T) {
	t.Parallel()
	testdb.Each(t, apptest.Migrate, func(t *testing.T, url string) {
		l, r, sinks := burst(t, url)
		sink, err := l.Store.GetSink(t.Context(), "pager")
		require.NoError(t, err)
		first := l.events(t, model.EventTypeStartupFailed)[0].Seq
		worlds := slices.DeleteFunc(l.events(t, model.EventTypeWorldChanged), func(e model.Event) bool {
			return e.Seq <= sink.Position || e.Seq > first // what is older than the sink isn't told
		})
		require.NotEmpty(t, worlds)
		r.refuses("metagate.world.changed")
		l.fails(t, 1)
		until(t, func() bool {
			return slices.Contains(r.types(), "digest") && l.named(t, "pager").State == model.SinkStateFailing
		})
		r.answers(0)
		require.NoError(t, l.Close()) // whatever is remembered in the process
		l.App = apptest.Start(t, url, sinks)
		l.admin, l.component = l.AdminClient(t), l.Client(t, l.key.APIKey)
		l.fails(t, 1)
		until(t, func() bool { return l.named(t, "pager").Pending == 0 })
		var told []string
		for _, e := range r.all() {
			told = append(told, e.event.ID)
		}
		for _, e := range worlds {
			require.Contains(t, told, e.ID.String())
		}
	})
}
