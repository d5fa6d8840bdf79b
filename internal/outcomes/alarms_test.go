package outcomes_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/outcomes"
	"github.com/legivellum/metagate/internal/store"
	"github.com/legivellum/metagate/internal/test/storetest"
	"github.com/legivellum/metagate/internal/test/testdb"
)

func TestMain(m *testing.M) { testdb.Main(m) }

// noon is when these tests take place.
var noon = time.Date(2026, 7, 1, 12, 0, 0, 1000, time.UTC)

func ago(d time.Duration) time.Time { return noon.Add(-d) }

// starts are what one principal starts.
type starts struct {
	*store.Store
	principal uuid.UUID
	epoch     int64
}

func newStarts(t *testing.T, url string) starts {
	t.Helper()
	s, err := store.Open(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(s.Close)
	epoch, err := storetest.Move(t.Context(), s, "t")
	require.NoError(t, err)
	return starts{s, uuid.New(), epoch}
}

// open is a startup of an instance; an empty one doesn't say.
func (s starts) open(t *testing.T, component, instance string, at, deadline time.Time) uuid.UUID {
	t.Helper()
	p := store.OpenStartupParams{
		ID: store.NewID(at), TenantKey: "t", Epoch: s.epoch, PrincipalID: s.principal, PrincipalKey: "p", ComponentKey: component,
		OpenedAt: at, DeadlineAt: deadline, Source: "live",
	}
	if instance != "" {
		p.InstanceID = &instance
	}
	opened, err := s.OpenStartups(t.Context(), []store.OpenStartupParams{p})
	require.NoError(t, err)
	require.Len(t, opened, 1)
	return p.ID
}

// count puts all that was started on the roster.
func (s starts) count(t *testing.T) {
	t.Helper()
	r := outcomes.Reader{Store: s.Store, Now: func() time.Time { return noon }, Log: slog.New(slog.DiscardHandler)}
	require.NoError(t, r.Count(t.Context()))
}

func TestALaterStartEndsAnAlarmAndNothingElseDoes(t *testing.T) {
	t.Parallel()
	testdb.Each(t, storetest.Migrate, func(t *testing.T, url string) {
		s, now := newStarts(t, url), noon
		a := &outcomes.Alarms{Store: s.Store, Now: func() time.Time { return now }}
		by := map[uuid.UUID]uuid.UUID{} // nil: nothing ends it
		overdue := func(component, instance string) uuid.UUID {
			id := s.open(t, component, instance, ago(10*time.Minute), ago(8*time.Minute))
			by[id] = uuid.Nil
			return id
		}
		later := noon.Add(time.Hour)

		alone, others := overdue("alone", ""), overdue("others", "i")
		overdue("within its time", "")
		s.open(t, "within its time", "", ago(9*time.Minute), later)
		by[overdue("again", "")] = s.open(t, "again", "", ago(7*time.Minute), later)
		by[overdue("instance", "i")] = s.open(t, "instance", "i", ago(9*time.Minute), later)
		s.open(t, "others", "j", ago(time.Minute), later)
		s.open(t, "others", "", ago(time.Minute), later)

		check := func() {
			t.Helper()
			require.NoError(t, a.Sweep(t.Context()))
			alarms := 0
			for id, superseder := range by {
				row, err := s.GetStartup(t.Context(), id)
				require.NoError(t, err)
				require.Equal(t, "OPEN", row.Status)
				if superseder == uuid.Nil {
					alarms++
					require.Nil(t, row.SupersededAt)
					continue
				}
				require.NotNil(t, row.SupersededBy, row.ComponentKey)
				require.Equal(t, superseder, *row.SupersededBy, row.ComponentKey)
			}
			n, err := s.CountOpenStartups(t.Context(), now)
			require.NoError(t, err)
			require.EqualValues(t, alarms, n.Overdue)
		}
		check() // before anybody has read of them
		s.count(t)
		check()
		now = noon.Add(5 * time.Minute) // what was looked for before is found when it comes
		by[alone] = s.open(t, "alone", "", now, later)
		s.count(t) // on the roster by now
		by[others] = s.open(t, "others", "i", now, later)
		check()
	})
}

// A start that is told of afterwards has an older id than those that are known already.
func TestAStartThatBecomesKnownLateEndsAnAlarm(t *testing.T) {
	t.Parallel()
	testdb.Each(t, storetest.Migrate, func(t *testing.T, url string) {
		for _, counted := range []bool{false, true} {
			s, now := newStarts(t, url), noon
			a := &outcomes.Alarms{Store: s.Store, Now: func() time.Time { return now }}
			alarm := s.open(t, "c", "i", ago(10*time.Minute), ago(8*time.Minute))
			s.open(t, "c", "other", ago(time.Minute), noon.Add(time.Hour))
			s.count(t)
			require.NoError(t, a.Sweep(t.Context()))
			now = noon.Add(time.Hour)
			late := s.open(t, "c", "i", ago(9*time.Minute), noon.Add(time.Hour))
			if counted {
				s.count(t)
			}
			require.NoError(t, a.Sweep(t.Context()))
			row, err := s.GetStartup(t.Context(), alarm)
			require.NoError(t, err)
			require.Equal(t, &late, row.SupersededBy)
		}
	})
}

// Ten thousand that nothing will ever end hide none behind them.
func TestAlarmsThatNeverEndHideNoOthers(t *testing.T) {
	t.Parallel()
	testdb.Each(t, storetest.Migrate, func(t *testing.T, url string) {
		s := newStarts(t, url)
		rows := make([]store.OpenStartupParams, 10_001)
		for i := range rows {
			instance := uuid.NewString()
			rows[i] = store.OpenStartupParams{
				ID: store.NewID(ago(time.Hour)), TenantKey: "t", Epoch: s.epoch, PrincipalID: s.principal, PrincipalKey: "p", ComponentKey: "many",
				InstanceID: &instance, OpenedAt: ago(time.Hour), DeadlineAt: ago(30 * time.Minute), Source: "live",
			}
		}
		for at := 0; at < len(rows); at += 1000 {
			_, err := s.OpenStartups(t.Context(), rows[at:min(at+1000, len(rows))])
			require.NoError(t, err)
		}
		behind := s.open(t, "few", "", ago(20*time.Minute), ago(10*time.Minute))
		by := s.open(t, "few", "", ago(time.Minute), noon.Add(time.Hour))
		s.count(t)
		a := &outcomes.Alarms{Store: s.Store, Now: func() time.Time { return noon }}
		require.NoError(t, a.Sweep(t.Context()))
		row, err := s.GetStartup(t.Context(), behind)
		require.NoError(t, err)
		require.Equal(t, &by, row.SupersededBy)
	})
}
