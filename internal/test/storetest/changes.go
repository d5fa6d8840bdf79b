package storetest

import (
	"context"
	"errors"
	"math"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
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
			return must(w.LeaseSink(t.Context(), store.LeaseSinkParams{Name: s.Name, Owner: owner, LeasedUntil: now.Add(time.Minute), Now: now}))(t)
		}
		require.EqualValues(t, 1, lease("one", w.now.Add(time.Microsecond)))
		require.EqualValues(t, 0, lease("two", w.now.Add(time.Second)))
		require.EqualValues(t, 1, lease("one", w.now.Add(time.Second)), "it goes on")
		require.EqualValues(t, 0, lease("two", w.now.Add(time.Minute+time.Second)), "until now is not yet past")
		require.EqualValues(t, 1, lease("two", w.now.Add(time.Minute+time.Second+time.Microsecond)))
		require.EqualValues(t, 0, lease("one", w.now.Add(time.Minute+2*time.Second)))
		require.Equal(t, "two", must(w.GetSink(t.Context(), s.Name))(t).Owner)
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
	require.EqualValues(t, 1, must(w.LeaseSink(t.Context(), store.LeaseSinkParams{Name: s.Name, Owner: "one", LeasedUntil: now, Now: now}))(t))
	return must(w.GetSink(t.Context(), s.Name))(t)
}

func listChanges(t *testing.T, s *store.Store) {
	w := newWorld(t, s)
	var rows []store.OpenStartupParams
	for range 5 {
		rows = append(rows, w.newStartup(w.now, w.now))
	}
	must(s.OpenStartups(t.Context(), rows[2:]))(t) // of one change
	must(s.OpenStartups(t.Context(), rows[:2]))(t)
	upTo := must(s.Settled(t.Context()))(t)
	for _, size := range []int64{1, 2, 3, all} {
		var got []uuid.UUID
		from, after := int64(0), store.MaxID
		for {
			page := must(s.ListChanges(t.Context(), store.ListChangesParams{FromChange: from, AfterID: after, UpTo: upTo, RowLimit: size}))(t)
			if len(page) == 0 {
				break
			}
			for _, row := range page {
				require.Positive(t, row.Changed)
				got = append(got, row.ID)
				from, after = row.Changed, row.ID
			}
		}
		require.Equal(t, []uuid.UUID{rows[2].ID, rows[3].ID, rows[4].ID, rows[0].ID, rows[1].ID}, got, "%d at once", size)
	}
	require.EqualValues(t, 5, must(s.CountChanges(t.Context(), store.CountChangesParams{RowLimit: all}))(t))
	require.EqualValues(t, 3, must(s.CountChanges(t.Context(), store.CountChangesParams{RowLimit: 3}))(t))
	require.EqualValues(t, 0, must(s.CountChanges(t.Context(), store.CountChangesParams{FromChange: upTo, RowLimit: all}))(t))

	changed := func(id uuid.UUID, change func(store.Queries) error) {
		before := must(s.GetStartup(t.Context(), id))(t)
		require.NoError(t, s.InTx(t.Context(), change))
		require.Greater(t, must(s.GetStartup(t.Context(), id))(t).Changed, before.Changed)
		require.GreaterOrEqual(t, must(s.Settled(t.Context()))(t), must(s.GetStartup(t.Context(), id))(t).Changed)
	}
	changed(rows[2].ID, func(q store.Queries) error {
		_, err := q.SupersedeStartup(t.Context(), store.SupersedeStartupParams{ID: rows[2].ID, SupersededBy: &rows[0].ID, SupersededAt: &w.now})
		return err
	})
	changed(rows[3].ID, func(q store.Queries) error {
		_, err := q.AcknowledgeStartup(t.Context(), store.AcknowledgeStartupParams{
			ID: rows[3].ID, AcknowledgedAt: new(w.now.Add(time.Second)), AcknowledgedBy: new("root"), AcknowledgedReason: new("known"),
		})
		return err
	})
	changed(rows[4].ID, func(q store.Queries) error {
		_, err := q.ReportStartup(t.Context(), w.readyReport(rows[4].ID, w.now))
		return err
	})
}

// reader reads on and on what is settled, as a sink does, and remembers the last
// state that it saw of each startup.
type reader struct {
	from int64
	seen map[uuid.UUID]string
}

func (r *reader) read(ctx context.Context, s *store.Store) error {
	upTo, err := s.Settled(ctx)
	if err != nil {
		return err
	}
	rows, err := s.ListChanges(ctx, store.ListChangesParams{FromChange: r.from, AfterID: store.MaxID, UpTo: upTo, RowLimit: math.MaxInt32})
	if err != nil {
		return err
	}
	for _, row := range rows {
		r.seen[row.ID] = row.Status
	}
	r.from = upTo
	return nil
}

// settledChanges: one writer has its number, and is held up, while another comes
// after it and is done.
func settledChanges(t *testing.T, s *store.Store) {
	w, other := newWorld(t, s), newWorld(t, s)
	slow, fast := w.newStartup(w.now, w.now), other.newStartup(w.now, w.now)
	r := reader{seen: map[uuid.UUID]string{}}
	require.NoError(t, r.read(t.Context(), s))
	written, release, done := make(chan struct{}), make(chan struct{}), make(chan error, 2)
	go func() {
		done <- s.InTx(t.Context(), func(q store.Queries) error {
			_, err := q.OpenStartup(t.Context(), slow)
			close(written)
			<-release
			return err
		})
	}()
	<-written
	overtaken := make(chan struct{})
	go func() {
		_, err := s.Hot().OpenStartups(t.Context(), []store.OpenStartupParams{fast})
		close(overtaken)
		done <- err
	}()
	select {
	case <-overtaken:
	case <-time.After(200 * time.Millisecond): // SQLite has one writer: nobody overtakes
	}
	short, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := r.read(short, s); !errors.Is(err, context.DeadlineExceeded) {
		require.NoError(t, err)
	}
	require.NotContains(t, r.seen, slow.ID)
	close(release)
	require.NoError(t, errors.Join(<-done, <-done))
	require.NoError(t, r.read(t.Context(), s))
	require.Equal(t, map[uuid.UUID]string{slow.ID: "OPEN", fast.ID: "OPEN"}, r.seen)
}

func manyChanges(t *testing.T, s *store.Store) {
	const writers, rounds, batch = 4, 15, 20
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r := reader{seen: map[uuid.UUID]string{}}
	read := make(chan error, 1)
	go func() {
		for ctx.Err() == nil {
			if err := r.read(ctx, s); err != nil && ctx.Err() == nil {
				read <- err
				return
			}
		}
		read <- nil
	}()
	want, mu, group := map[uuid.UUID]string{}, sync.Mutex{}, sync.WaitGroup{}
	for range writers {
		w := newWorld(t, s)
		group.Go(func() {
			for range rounds {
				var opens []store.OpenStartupParams
				var reports []store.ReportStartupParams
				for n := range batch {
					p := w.newStartup(store.Now(), w.now)
					opens = append(opens, p)
					if n%2 == 0 {
						reports = append(reports, w.readyReport(p.ID, w.now))
					}
				}
				_, err := s.OpenStartups(t.Context(), opens)
				_, err2 := s.ReportStartups(t.Context(), reports)
				mu.Lock()
				for n, p := range opens {
					want[p.ID] = []string{"READY", "OPEN"}[n%2]
				}
				mu.Unlock()
				if !assertNoError(t, errors.Join(err, err2)) {
					return
				}
			}
		})
	}
	group.Wait()
	cancel()
	require.NoError(t, <-read)
	require.NoError(t, r.read(t.Context(), s))
	require.Equal(t, want, r.seen)
}

func assertNoError(t *testing.T, err error) bool {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
	return err == nil
}
