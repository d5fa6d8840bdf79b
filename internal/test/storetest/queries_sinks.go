package storetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/store"
)

var sinks = tests{
	"ListChanges": func(t *testing.T, w *world) { // more in listChanges
		must(w.ListChanges(t.Context(), store.ListChangesParams{UpTo: 1, RowLimit: 1}))(t)
	},
	"CountChanges": func(t *testing.T, w *world) {
		must(w.CountChanges(t.Context(), store.CountChangesParams{RowLimit: 1}))(t)
	},
	"CreateSink": func(t *testing.T, w *world) {
		want := w.sink(t)
		again := store.CreateSinkParams{Name: want.Name, Position: 99, LeasedUntil: w.now}
		require.NoError(t, w.CreateSink(t.Context(), again), "whoever comes second finds it there")
		require.Equal(t, want, must(w.GetSink(t.Context(), want.Name))(t))
	},
	"GetSink": func(t *testing.T, w *world) {
		_, err := w.GetSink(t.Context(), unique("sink"))
		require.True(t, store.IsNotFound(err), "%v", err)
	},
	"ListSinks": func(t *testing.T, w *world) {
		s := w.sink(t)
		require.Contains(t, must(w.ListSinks(t.Context()))(t), s)
	},
	"LeaseSink": func(t *testing.T, w *world) {
		s := w.sink(t)
		lease := func(owner string, now time.Time) int64 {
			return must(w.LeaseSink(t.Context(), store.LeaseSinkParams{Name: s.Name, Owner: owner, LeasedUntil: now.Add(time.Minute), Now: now, Latest: now.Add(time.Hour)}))(t)
		}
		require.EqualValues(t, 1, lease("one", w.now.Add(time.Microsecond)))
		require.EqualValues(t, 0, lease("two", w.now.Add(time.Second)))
		require.EqualValues(t, 1, lease("one", w.now.Add(time.Second)), "it goes on")
		require.EqualValues(t, 0, lease("two", w.now.Add(time.Minute+time.Second)), "until now is not yet past")
		require.EqualValues(t, 1, lease("two", w.now.Add(time.Minute+time.Second+time.Microsecond)))
		require.EqualValues(t, 0, lease("one", w.now.Add(time.Minute+2*time.Second)))
		require.Equal(t, "two", must(w.GetSink(t.Context(), s.Name))(t).Owner)
		before := w.now.Add(2*time.Minute + time.Second - time.Hour) // a microsecond and an hour before it ends
		require.EqualValues(t, 0, lease("one", before.Add(time.Microsecond)), "the latest is not yet too late")
		require.EqualValues(t, 1, lease("one", before), "no lease is so long")
	},
	"AdvanceSink": func(t *testing.T, w *world) {
		s := w.owned(t)
		p := store.AdvanceSinkParams{Name: s.Name, Owner: "one", Position: 12, Delivered: 2, Refused: 1, DeliveredAt: &w.now}
		require.NoError(t, w.FailSink(t.Context(), store.FailSinkParams{Name: s.Name, Owner: "one", Now: &w.now, LastError: new("away")}))
		require.EqualValues(t, 1, must(w.AdvanceSink(t.Context(), p))(t))
		p.DeliveredAt, p.Delivered, p.Refused = nil, 3, 0
		require.EqualValues(t, 1, must(w.AdvanceSink(t.Context(), p))(t))
		s.Position, s.Delivered, s.Refused, s.DeliveredAt = 12, 5, 1, &w.now
		require.Equal(t, s, must(w.GetSink(t.Context(), s.Name))(t), "and it fails no more")

		p.Position = 11
		require.EqualValues(t, 0, must(w.AdvanceSink(t.Context(), p))(t), "never back")
		p.Position, p.Owner = 13, "two"
		require.EqualValues(t, 0, must(w.AdvanceSink(t.Context(), p))(t), "whose turn it isn't")
		require.Equal(t, s, must(w.GetSink(t.Context(), s.Name))(t))
	},
	"FailSink": func(t *testing.T, w *world) {
		s := w.owned(t)
		fail := func(owner, message string, at time.Time) {
			require.NoError(t, w.FailSink(t.Context(), store.FailSinkParams{Name: s.Name, Owner: owner, Now: &at, LastError: &message}))
		}
		fail("one", "away", w.now)
		fail("one", "still away", w.now.Add(time.Hour))
		fail("two", "not mine", w.now)
		s.FailingSince, s.LastError = &w.now, new("still away")
		require.Equal(t, s, must(w.GetSink(t.Context(), s.Name))(t))
	},
	"RetrySink": func(t *testing.T, w *world) {
		s := w.owned(t)
		retry := func(owner string, at time.Time) int64 {
			return must(w.RetrySink(t.Context(), store.RetrySinkParams{Name: s.Name, Owner: owner, RetryAt: new(at.Add(time.Minute)), Now: &at, LastError: new("503")}))(t)
		}
		require.EqualValues(t, 0, retry("two", w.now))
		require.EqualValues(t, 1, retry("one", w.now))
		require.EqualValues(t, 1, retry("one", w.now.Add(time.Hour)))
		want := s
		want.Attempts, want.FailingSince, want.RetryAt, want.LastError = 2, &w.now, new(w.now.Add(time.Hour+time.Minute)), new("503")
		require.Equal(t, want, must(w.GetSink(t.Context(), s.Name))(t))
		require.EqualValues(t, 1, must(w.AdvanceSink(t.Context(), store.AdvanceSinkParams{Name: s.Name, Owner: "one", Position: s.Position}))(t))
		require.Equal(t, s, must(w.GetSink(t.Context(), s.Name))(t), "it takes something")
	},
	"RefuseEvent": func(t *testing.T, w *world) {
		s := w.owned(t)
		must(w.RetrySink(t.Context(), store.RetrySinkParams{Name: s.Name, Owner: "one", RetryAt: &w.now, Now: &w.now, LastError: new("503")}))(t)
		refuse := func(owner string, position int64) int64 {
			return must(w.RefuseEvent(t.Context(), store.RefuseEventParams{Name: s.Name, Owner: owner, Position: position, LastRefusal: new("event 9: no")}))(t)
		}
		require.Equal(t, []int64{0, 1, 0}, []int64{refuse("two", 9), refuse("one", 9), refuse("one", 8)})
		s.Position, s.Refused, s.LastRefusal, s.LastError = 9, 1, new("event 9: no"), new("503")
		require.Equal(t, s, must(w.GetSink(t.Context(), s.Name))(t))
	},
	"DropEvents": func(t *testing.T, w *world) {
		s := w.owned(t)
		drop := func(owner string, position int64) int64 {
			return must(w.DropEvents(t.Context(), store.DropEventsParams{Name: s.Name, Owner: owner, Position: position, Dropped: 5}))(t)
		}
		require.Equal(t, []int64{0, 1, 0}, []int64{drop("two", 12), drop("one", 12), drop("one", 11)})
		s.Position, s.Dropped = 12, 5
		require.Equal(t, s, must(w.GetSink(t.Context(), s.Name))(t))
	},
	"DisableSink": func(t *testing.T, w *world) {
		s := w.owned(t)
		require.NoError(t, w.DisableSink(t.Context(), store.DisableSinkParams{Name: s.Name, DisabledAt: &w.now, LastError: new("410")}))
		s.DisabledAt, s.LastError = &w.now, new("410")
		require.Equal(t, s, must(w.GetSink(t.Context(), s.Name))(t))
		require.NoError(t, w.DisableSink(t.Context(), store.DisableSinkParams{Name: s.Name}))
		s.DisabledAt = nil
		require.Equal(t, s, must(w.GetSink(t.Context(), s.Name))(t))
	},
	"RefuseStartup": func(t *testing.T, w *world) {
		want := w.open(t, w.now, w.now)
		want.MirrorError = new("NO: é")
		require.NoError(t, w.RefuseStartup(t.Context(), store.RefuseStartupParams{ID: want.ID, MirrorError: want.MirrorError}))
		require.Equal(t, want, must(w.GetStartup(t.Context(), want.ID))(t), "its number stays")
	},
}

func (w *world) sink(t *testing.T) store.Sink {
	t.Helper()
	p := store.CreateSinkParams{Name: unique("sink"), Kind: "webhook", Position: 7, LeasedUntil: w.now}
	require.NoError(t, w.CreateSink(t.Context(), p))
	s := must(w.GetSink(t.Context(), p.Name))(t)
	require.Equal(t, store.Sink{Name: p.Name, Kind: "webhook", Since: 7, Position: 7, LeasedUntil: w.now}, s)
	return s
}

func (w *world) owned(t *testing.T) store.Sink {
	t.Helper()
	s := w.sink(t)
	now := w.now.Add(time.Microsecond)
	require.EqualValues(t, 1, must(w.LeaseSink(t.Context(), store.LeaseSinkParams{Name: s.Name, Owner: "one", LeasedUntil: now, Now: now, Latest: now}))(t))
	return must(w.GetSink(t.Context(), s.Name))(t)
}
