package storetest

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/store"
)

// outcome is one more of what is counted of a tenant in an hour.
func (w *world) outcome(t *testing.T, name string, hour time.Time, measure, n int64) {
	t.Helper()
	require.NoError(t, w.CountOutcome(t.Context(), store.CountOutcomeParams{
		TenantKey: w.tenant, Dimension: "all", Name: name, Version: 7, Hour: hour, Measure: measure, N: n,
	}))
}

func (w *world) outcomes(t *testing.T, since time.Time, name *string) []store.SumOutcomesRow {
	t.Helper()
	return must(w.SumOutcomes(t.Context(), store.SumOutcomesParams{Dimension: "all", Since: since, TenantKey: &w.tenant, Name: name}))(t)
}

// numbered opens a startup under a number of its own.
func (w *world) numbered(t *testing.T, opened, deadline time.Time) store.StartupSession {
	t.Helper()
	p := w.newStartup(opened, deadline)
	requireOpened(t, must(w.OpenStartups(t.Context(), []store.OpenStartupParams{p}))(t))
	return must(w.GetStartup(t.Context(), p.ID))(t)
}

var outcomes = tests{
	"ListCounted": func(t *testing.T, w *world) {
		row := w.numbered(t, w.now, w.now)
		got := must(w.ListCounted(t.Context(), store.ListCountedParams{FromChange: row.Changed, AfterID: store.MinID, RowLimit: all}))(t)
		got = slices.DeleteFunc(got, func(r store.ListCountedRow) bool { return r.ID != row.ID }) // what is written at once shares a number
		require.Len(t, got, 1)
		require.Equal(t, row.Changed, got[0].Changed)
		require.Equal(t, got[0].OpenedChange, got[0].Changed, "of what was opened and not changed since")
		require.Positive(t, got[0].OpenedChange)
	},
	"CountOpened": func(t *testing.T, w *world) {
		hour := w.now.Add(-20 * 365 * 24 * time.Hour).Truncate(time.Hour) // no other test's
		first, second, later := w.numbered(t, hour, w.now), w.numbered(t, hour.Add(time.Minute), w.now), w.numbered(t, hour.Add(time.Hour), w.now)
		w.ready(t, w.numbered(t, hour, w.now).ID)
		count := func(from, upTo, since int64) (n, opened int64) {
			rows := must(w.CountOpened(t.Context(), store.CountOpenedParams{FromChange: from, UpTo: upTo, Since: since, OpenedFrom: hour, OpenedUntil: hour.Add(time.Hour)}))(t)
			for _, r := range rows {
				require.Equal(t, []any{w.tenant, first.ProfileKey, "live"}, []any{r.TenantKey, r.ProfileKey, r.Source})
				n, opened = n+r.N, opened+r.Opened
			}
			return n, opened
		}
		for _, c := range []struct{ from, upTo, since, n, opened int64 }{
			{0, math.MaxInt64, 0, 2, 2}, {0, first.Changed, 0, 2, 1}, {first.Changed, math.MaxInt64, 0, 1, 1}, {0, math.MaxInt64, first.Changed, 2, 1}, {second.Changed, math.MaxInt64, 0, 0, 0},
		} {
			n, opened := count(c.from, c.upTo, c.since)
			require.Equal(t, []int64{c.n, c.opened}, []int64{n, opened}, "%v", c)
		}
		require.Positive(t, later.Changed)
		w.lastOfEachInstance(t)
	},
	"ListWaiting": func(t *testing.T, w *world) {
		far := w.now.Add(90 * 365 * 24 * time.Hour) // no other test's
		first, second := w.open(t, w.now, far), w.open(t, w.now, far)
		w.ready(t, w.open(t, w.now, far).ID)
		list := func(from time.Time, after uuid.UUID) (ids []uuid.UUID) {
			for _, r := range must(w.ListWaiting(t.Context(), store.ListWaitingParams{FromDeadline: from, AfterID: after, RowLimit: all}))(t) {
				ids = append(ids, r.ID)
			}
			return ids
		}
		require.Equal(t, []uuid.UUID{first.ID, second.ID}, list(far, store.MinID))
		require.Equal(t, []uuid.UUID{second.ID}, list(far, first.ID))
		require.Empty(t, list(far.Add(time.Microsecond), store.MinID))
	},
	"ListPastDeadline": func(t *testing.T, w *world) {
		far := w.now.Add(-90 * 365 * 24 * time.Hour) // no other test's
		first, second := w.open(t, far, far), w.open(t, far, far.Add(time.Second))
		w.ready(t, w.open(t, far, far).ID)
		list := func(since, until time.Time, after uuid.UUID) (ids []uuid.UUID) {
			for _, r := range must(w.ListPastDeadline(t.Context(), store.ListPastDeadlineParams{Since: since, Until: until, AfterID: after, RowLimit: all}))(t) {
				ids = append(ids, r.ID)
			}
			return ids
		}
		require.Equal(t, []uuid.UUID{first.ID, second.ID}, list(far, far.Add(time.Minute), store.MinID))
		require.Equal(t, []uuid.UUID{first.ID}, list(far, far.Add(time.Second), store.MinID), "until is left out")
		require.Equal(t, []uuid.UUID{second.ID}, list(far, far.Add(time.Minute), first.ID))
	},
	"CountOutcome": func(t *testing.T, w *world) {
		w.outcome(t, "a", w.now, -1, 3)
		w.outcome(t, "a", w.now, -1, -1)
		require.Equal(t, []store.SumOutcomesRow{{TenantKey: w.tenant, Name: "a", Version: 7, Measure: -1, N: 2}}, w.outcomes(t, w.now, nil))
	},
	"PassOutcomes": func(t *testing.T, w *world) {
		require.EqualValues(t, 0, must(w.PassOutcomes(t.Context(), store.PassOutcomesParams{FromChange: -5, Position: 9}))(t), "nobody is there")
		at := must(w.GetSink(t.Context(), "outcomes"))(t)
		require.EqualValues(t, 1, must(w.PassOutcomes(t.Context(), store.PassOutcomesParams{FromChange: at.Position, Position: at.Position + 2, Counted: 2}))(t))
		require.EqualValues(t, 0, must(w.PassOutcomes(t.Context(), store.PassOutcomesParams{FromChange: at.Position, Position: at.Position + 2, Counted: 2}))(t), "once")
		at.Position, at.Delivered = at.Position+2, at.Delivered+2
		require.Equal(t, at, must(w.GetSink(t.Context(), "outcomes"))(t))
	},
	"SumOutcomes": func(t *testing.T, w *world) {
		w.outcome(t, "a", w.now, -1, 3)
		w.outcome(t, "a", w.now.Add(time.Hour), -1, 4)
		w.outcome(t, "b", w.now.Add(time.Hour), 80, 1)
		b := store.SumOutcomesRow{TenantKey: w.tenant, Name: "b", Version: 7, Measure: 80, N: 1}
		a := store.SumOutcomesRow{TenantKey: w.tenant, Name: "a", Version: 7, Measure: -1, N: 7}
		require.ElementsMatch(t, []store.SumOutcomesRow{a, b}, w.outcomes(t, w.now, nil))
		require.Equal(t, []store.SumOutcomesRow{b}, w.outcomes(t, w.now, new("b")))
		a.N = 4
		require.ElementsMatch(t, []store.SumOutcomesRow{a, b}, w.outcomes(t, w.now.Add(time.Second), nil))
	},
	"SumOutcomesByHour": func(t *testing.T, w *world) {
		w.outcome(t, "a", w.now, -1, 3)
		w.outcome(t, "b", w.now, -1, 4)
		rows := must(w.SumOutcomesByHour(t.Context(), store.SumOutcomesByHourParams{Since: w.now, TenantKey: &w.tenant}))(t)
		require.Equal(t, []store.SumOutcomesByHourRow{{TenantKey: w.tenant, Hour: w.now, Measure: -1, N: 7}}, rows)
	},
	"ListOutcomeNames": func(t *testing.T, w *world) {
		w.outcome(t, "a", w.now, -1, 3)
		w.outcome(t, "a", w.now, -2, 3)
		w.outcome(t, "b", w.now.Add(time.Hour), -1, 4)
		require.Equal(t, []string{"a"}, must(w.ListOutcomeNames(t.Context(), store.ListOutcomeNamesParams{TenantKey: w.tenant, Dimension: "all", Hour: w.now, RowLimit: all}))(t))
	},
	"DeleteOldOutcomes": func(t *testing.T, w *world) {
		long := time.Date(1990, 1, 1, 0, 0, 0, 0, time.UTC)
		w.outcome(t, "a", long, -1, 3)
		w.outcome(t, "a", long.Add(time.Hour), -1, 4)
		require.EqualValues(t, 1, must(w.DeleteOldOutcomes(t.Context(), long.Add(time.Hour)))(t))
		require.EqualValues(t, 4, w.outcomes(t, long, nil)[0].N)
	},
	"PutRoster": func(t *testing.T, w *world) {
		p := w.newRoster("a")
		require.NoError(t, w.PutRoster(t.Context(), p))
		require.Equal(t, []store.Roster{onRoster(p)}, w.roster(t))
		older := p
		older.StartupID, older.Changed = store.NewID(w.now.Add(-time.Hour)), 99
		before := p
		before.Changed, before.Status = 4, "FAILED"
		for _, stale := range []store.PutRosterParams{older, before} {
			require.NoError(t, w.PutRoster(t.Context(), stale))
			require.Equal(t, []store.Roster{onRoster(p)}, w.roster(t), "what is newer stays")
		}
		p.Changed, p.Status, p.ClosedAt, p.BuildVersion = 6, "READY", &w.now, new("1")
		require.NoError(t, w.PutRoster(t.Context(), p))
		require.Equal(t, []store.Roster{onRoster(p)}, w.roster(t))
		p.StartupID = w.openWithBody(t, -7)
		require.NoError(t, w.PutRoster(t.Context(), p))
		require.EqualValues(t, -7, *w.roster(t)[0].PacketBody)
		p.StartupID = store.NewID(w.now.Add(time.Hour))
		require.NoError(t, w.PutRoster(t.Context(), p))
		require.Nil(t, w.roster(t)[0].PacketBody, "it is of this startup, or none")
	},
	"ListRoster": func(t *testing.T, w *world) {
		b, a := w.newRoster("b"), w.newRoster("a")
		require.NoError(t, w.PutRosters(t.Context(), []store.PutRosterParams{b, a}))
		require.Equal(t, []store.Roster{onRoster(a), onRoster(b)}, w.roster(t))
		require.Empty(t, must(w.ListRoster(t.Context(), store.ListRosterParams{After: w.principal.ID, UpTo: w.principal.ID}))(t))
	},
	"ListBound": func(t *testing.T, w *world) {
		list := func(p store.ListBoundParams) []store.ListBoundRow {
			p.TenantKey, p.RowLimit = &w.tenant, all
			return must(w.ListBound(t.Context(), p))(t)
		}
		want := []store.ListBoundRow{{
			BindingID: w.binding.ID, TenantKey: w.tenant, PrincipalID: w.principal.ID, ProfileID: w.profile.ID, ManifestID: w.manifest.ID,
			Overrides: w.binding.Overrides, Expected: w.binding.Expected, Labels: w.binding.Labels, BoundAt: w.binding.UpdatedAt,
			PrincipalKey: w.principal.PrincipalKey, Status: w.principal.Status,
		}}
		require.Equal(t, want, list(store.ListBoundParams{}))
		require.Equal(t, want, list(store.ListBoundParams{PrincipalKey: &w.principal.PrincipalKey}))
		require.Empty(t, list(store.ListBoundParams{PrincipalKey: new("another")}))
		require.Empty(t, list(store.ListBoundParams{After: w.principal.ID}))
	},
	"ForgetInstances": func(t *testing.T, w *world) {
		const keep = 20
		gone := w.newRoster("a")
		gone.PrincipalID = uuid.New()
		require.NoError(t, w.PutRoster(t.Context(), gone))
		var rows []store.PutRosterParams
		for range keep + 2 {
			rows = append(rows, w.newRoster("a"))
		}
		require.NoError(t, w.PutRosters(t.Context(), rows))
		open := w.newStartup(w.now, w.now.Add(time.Minute)) // of the oldest instance
		open.ComponentKey, open.InstanceID = rows[0].ComponentKey, &rows[0].InstanceID
		require.EqualValues(t, 1, must(w.OpenStartup(t.Context(), open))(t))
		must(w.ForgetInstances(t.Context(), keep))(t)
		require.Len(t, w.roster(t), keep+1)
		require.Contains(t, w.roster(t), onRoster(rows[0]))
		require.NotContains(t, w.roster(t), onRoster(rows[1]), "the oldest go")
		w.ready(t, open.ID)
		must(w.ForgetInstances(t.Context(), keep))(t)
		require.NotContains(t, w.roster(t), onRoster(rows[0]))
		require.Empty(t, must(w.ListRoster(t.Context(), store.ListRosterParams{UpTo: gone.PrincipalID, After: before(gone.PrincipalID)}))(t))
	},
}

// putRosters is PutRoster for many rows.
func putRosters(t *testing.T, s *store.Store) {
	w := newWorld(t, s)
	bare, full, other := w.newRoster("a"), w.newRoster("b"), w.newRoster("c")
	full.ClosedAt, full.AcknowledgedAt, full.BuildVersion, full.InstanceID = &w.now, new(w.now.Add(time.Second)), new("1"), ""
	require.NoError(t, w.PutRosters(t.Context(), []store.PutRosterParams{full, bare, other}))
	want := []store.Roster{onRoster(bare), onRoster(full), onRoster(other)}
	require.Equal(t, want, w.roster(t))
	older, newer := bare, other
	older.Changed, older.Status = 4, "FAILED"
	newer.Changed, newer.Status = 6, "FAILED"
	require.NoError(t, w.PutRosters(t.Context(), []store.PutRosterParams{older, newer}))
	want[2] = onRoster(newer)
	require.Equal(t, want, w.roster(t), "what is newer stays")
	newer.StartupID, bare.StartupID = w.openWithBody(t, 9), w.openWithBody(t, -9)
	require.NoError(t, w.PutRosters(t.Context(), []store.PutRosterParams{newer, bare}))
	require.EqualValues(t, -9, *w.roster(t)[0].PacketBody)
	require.Nil(t, w.roster(t)[1].PacketBody)
	require.EqualValues(t, 9, *w.roster(t)[2].PacketBody)
}

// before is the id next to one.
func before(id uuid.UUID) uuid.UUID {
	for i := len(id) - 1; i >= 0; i-- {
		if id[i]--; id[i] != 0xff {
			break
		}
	}
	return id
}

func (w *world) newRoster(component string) store.PutRosterParams {
	return store.PutRosterParams{
		PrincipalID: w.principal.ID, ComponentKey: component, InstanceID: unique("i"), StartupID: store.NewID(w.now), Changed: 5, Status: "OPEN",
		OpenedAt: w.now, DeadlineAt: w.now.Add(time.Minute), ManifestKey: "m", ManifestVersion: 2, PacketEtag: "e",
	}
}

// onRoster is what a start is read as, where its receipt names no body.
func onRoster(p store.PutRosterParams) store.Roster {
	return store.Roster{
		PrincipalID: p.PrincipalID, ComponentKey: p.ComponentKey, InstanceID: p.InstanceID, StartupID: p.StartupID, Changed: p.Changed, Status: p.Status,
		OpenedAt: p.OpenedAt, DeadlineAt: p.DeadlineAt, ClosedAt: p.ClosedAt, AcknowledgedAt: p.AcknowledgedAt, BuildVersion: p.BuildVersion,
		ManifestKey: p.ManifestKey, ManifestVersion: p.ManifestVersion, PacketEtag: p.PacketEtag,
	}
}

// openWithBody opens a startup that names the body of its packet.
func (w *world) openWithBody(t *testing.T, body int64) uuid.UUID {
	t.Helper()
	p := w.newStartup(w.now, w.now.Add(time.Minute))
	p.PacketBody = &body
	require.EqualValues(t, 1, must(w.OpenStartup(t.Context(), p))(t))
	return p.ID
}

func (w *world) roster(t *testing.T) []store.Roster {
	t.Helper()
	return must(w.ListRoster(t.Context(), store.ListRosterParams{After: before(w.principal.ID), UpTo: w.principal.ID}))(t)
}

func (w *world) lastOfEachInstance(t *testing.T) {
	t.Helper()
	hour := w.now.Add(-30 * 365 * 24 * time.Hour).Truncate(time.Hour)
	p := w.newStartup(hour, w.now)
	var ids []uuid.UUID
	for _, instance := range []*string{nil, nil, new("a"), new("a"), new("b")} {
		p.ID, p.InstanceID = store.NewID(hour), instance
		requireOpened(t, must(w.OpenStartups(t.Context(), []store.OpenStartupParams{p}))(t))
		ids = append(ids, p.ID)
	}
	var lasts, got []uuid.UUID
	for _, r := range must(w.CountOpened(t.Context(), store.CountOpenedParams{UpTo: math.MaxInt64, OpenedFrom: hour, OpenedUntil: hour.Add(time.Hour)}))(t) {
		lasts = append(lasts, uuid.MustParse(r.LastID))
	}
	require.ElementsMatch(t, []uuid.UUID{ids[1], ids[3], ids[4]}, lasts)
	for _, r := range must(w.CountedOf(t.Context(), append(lasts, store.NewID(hour))))(t) {
		require.Equal(t, p.PrincipalID, r.PrincipalID)
		got = append(got, r.ID)
	}
	require.ElementsMatch(t, lasts, got)
}
