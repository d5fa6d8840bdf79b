package storetest

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/store"
)

// leases: one replica has it, until it says nothing more, leaves or is dispossessed.
func leases(t *testing.T, s *store.Store) {
	const term = time.Minute
	name := newWorld(t, s).sink(t).Name
	now := store.Now().Add(time.Second)
	clock := func() time.Time { return now }
	one, two := s.NewLease(name, term, clock), s.NewLease(name, term, clock)
	require.NotEqual(t, one.Owner(), two.Owner())
	take := func(l *store.Lease, want bool) {
		t.Helper()
		require.Equal(t, want, must(l.Take(t.Context()))(t))
		require.Equal(t, want, l.Has())
	}
	row := func() store.Sink { return must(s.GetSink(t.Context(), name))(t) }

	require.False(t, one.Has())
	take(one, true)
	until := now.Add(term)
	require.Equal(t, []any{one.Owner(), until}, []any{row().Owner, row().LeasedUntil})
	take(two, false)
	now = now.Add(term/2 - time.Second)
	take(one, true)
	require.Equal(t, until, row().LeasedUntil, "more than half of it is left: nobody is asked")
	now = now.Add(time.Second)
	take(one, true)
	require.Equal(t, now.Add(term), row().LeasedUntil)
	now = now.Add(-time.Hour) // the clock goes back
	take(one, true)
	require.Equal(t, now.Add(term), row().LeasedUntil)
	now = now.Add(time.Hour)
	take(one, true)

	now = now.Add(term + time.Second)
	take(two, true) // one has said nothing more
	take(one, false)
	require.True(t, must(one.Seize(t.Context()))(t))
	require.True(t, one.Has())
	require.Equal(t, one.Owner(), row().Owner)
	two.Lose() // found out when it wrote
	take(two, false)

	one.Leave(ended(t)) // at the end of a server its context has ended
	require.False(t, one.Has())
	take(two, true)
	one.Leave(t.Context())
	require.Equal(t, two.Owner(), row().Owner, "who has left takes nothing from others")

	now = now.AddDate(1, 0, 0)
	take(one, true) // its clock is a year ahead, and it is killed
	two.Lose()
	now = now.AddDate(-1, 0, 0)
	require.False(t, two.Elsewhere(row()))
	take(two, true)
	require.Equal(t, now.Add(term), row().LeasedUntil)
	require.True(t, one.Elsewhere(row()))
	now = now.Add(time.Minute)
	take(two, true) // whose clock is a little ahead
	now = now.Add(-time.Minute)
	one.Lose()
	require.True(t, one.Elsewhere(row()))
	take(one, false)
	now = now.AddDate(0, 0, 1)
	take(one, true) // a day ahead, which is how early anybody seizes it
	now = now.AddDate(0, 0, -1)
	require.True(t, must(two.Seize(t.Context()))(t))

	_, err := one.Take(ended(t))
	require.Error(t, err)
	require.False(t, must(s.NewLease("nobody's "+uuid.NewString(), term, clock).Take(t.Context()))(t))
}

// heldUp: who has waited for long enough for a writer is told so, unless it is
// its own time that has ended.
func heldUp(t *testing.T, s *store.Store) {
	w := newWorld(t, s)
	written, release, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		done <- s.InTx(t.Context(), func(q store.Queries) error {
			_, err := q.OpenStartup(t.Context(), w.newStartup(w.now, w.now))
			close(written)
			<-release
			return err
		})
	}()
	<-written
	_, err := s.SettledWithin(t.Context(), 50*time.Millisecond)
	if err != nil { // SQLite has one writer, and what is committed is settled
		require.ErrorIs(t, err, store.ErrHeldUp)
		require.ErrorContains(t, err, "50ms")
	}
	require.Equal(t, strings.Contains(t.Name(), "/postgres/"), err != nil)
	_, err = s.SettledWithin(ended(t), time.Minute)
	require.Error(t, err)
	require.NotErrorIs(t, err, store.ErrHeldUp)
	close(release)
	require.NoError(t, <-done)
	upTo, err := s.SettledWithin(t.Context(), time.Minute)
	require.NoError(t, err)
	require.Equal(t, upTo, must(s.Settled(t.Context()))(t))
}
