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
