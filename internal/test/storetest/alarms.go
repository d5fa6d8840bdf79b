package storetest

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/store"
)

var alarms = tests{
	"SupersedeStartup": func(t *testing.T, w *world) {
		want := w.open(t, w.now, w.now)
		by, at := uuid.New(), w.now.Add(time.Second)
		want.SupersededBy, want.SupersededAt = &by, &at
		got := w.superseded(t, want.ID, by)
		want.Changed = got.Changed
		require.Equal(t, want, got)

		again := store.SupersedeStartupParams{ID: want.ID, SupersededBy: new(uuid.New()), SupersededAt: new(at.Add(time.Hour))}
		require.EqualValues(t, 0, must(w.SupersedeStartup(t.Context(), again))(t), "the first one")
		require.Equal(t, want, must(w.GetStartup(t.Context(), want.ID))(t))

		again.ID = uuid.New()
		require.EqualValues(t, 0, must(w.SupersedeStartup(t.Context(), again))(t))
		again.ID = w.open(t, w.now, w.now).ID
		w.ready(t, again.ID)
		require.EqualValues(t, 0, must(w.SupersedeStartup(t.Context(), again))(t), "it is up")

		w.ready(t, want.ID) // a late report is a report
		require.Equal(t, "READY", must(w.GetStartup(t.Context(), want.ID))(t).Status)
	},
	"AcknowledgeStartup": func(t *testing.T, w *world) {
		want, at := w.open(t, w.now, w.now), w.now.Add(time.Microsecond)
		other := w.open(t, w.now, w.now)
		p := store.AcknowledgeStartupParams{ID: want.ID, AcknowledgedAt: &w.now, AcknowledgedBy: new("root"), AcknowledgedReason: new("ré\nason")}
		refused := func(p store.AcknowledgeStartupParams) {
			t.Helper()
			_, err := w.AcknowledgeStartup(t.Context(), p)
			require.True(t, store.IsNotFound(err), "%v", err)
		}
		refused(p) // a deadline that is now isn't past
		p.AcknowledgedAt = &at
		want.AcknowledgedAt, want.AcknowledgedBy, want.AcknowledgedReason = &at, p.AcknowledgedBy, p.AcknowledgedReason
		got := must(w.AcknowledgeStartup(t.Context(), p))(t)
		want.Changed = got.Changed
		require.Equal(t, want, got)
		require.Equal(t, want, must(w.GetStartup(t.Context(), want.ID))(t))

		later := p
		later.AcknowledgedAt, later.AcknowledgedBy, later.AcknowledgedReason = new(at.Add(time.Hour)), new("another"), new("too late")
		refused(later) // the first word counts
		require.Equal(t, want, must(w.GetStartup(t.Context(), want.ID))(t))
		later.ID = uuid.New()
		refused(later)
		later.ID = w.open(t, w.now, w.now).ID
		w.ready(t, later.ID)
		refused(later)
		require.Equal(t, other, must(w.GetStartup(t.Context(), other.ID))(t))
	},
	// Over all tenants, so they have a database of their own: listAlarms, listSuperseded.
	"ListSuperseded": func(t *testing.T, w *world) {
		must(w.ListSuperseded(t.Context(), store.ListSupersededParams{Now: w.now, RowLimit: 1}))(t)
	},
	"ListAlarms": func(t *testing.T, w *world) {
		must(w.ListAlarms(t.Context(), store.ListAlarmsParams{Now: w.now, RowLimit: 1}))(t)
	},
}

// superseded ends an alarm and returns it as it is stored then.
func (w *world) superseded(t *testing.T, id, by uuid.UUID) store.StartupSession {
	t.Helper()
	p := store.SupersedeStartupParams{ID: id, SupersededBy: &by, SupersededAt: new(w.now.Add(time.Second))}
	require.EqualValues(t, 1, must(w.SupersedeStartup(t.Context(), p))(t))
	return must(w.GetStartup(t.Context(), id))(t)
}

func (w *world) acknowledged(t *testing.T, id uuid.UUID, at time.Time) store.StartupSession {
	t.Helper()
	return must(w.AcknowledgeStartup(t.Context(), store.AcknowledgeStartupParams{
		ID: id, AcknowledgedAt: &at, AcknowledgedBy: new("root"), AcknowledgedReason: new("known"),
	}))(t)
}

func alarmOf(r store.StartupSession) store.ListAlarmsRow {
	return store.ListAlarmsRow{
		ID: r.ID, TenantKey: r.TenantKey, PrincipalID: r.PrincipalID, PrincipalKey: r.PrincipalKey,
		ComponentKey: r.ComponentKey, InstanceID: r.InstanceID, DeadlineAt: r.DeadlineAt,
	}
}

func listAlarms(t *testing.T, s *store.Store) {
	w, other := newWorld(t, s), newWorld(t, s)
	list := func(limit int64, want ...store.ListAlarmsRow) {
		t.Helper()
		rows, err := s.ListAlarms(t.Context(), store.ListAlarmsParams{Now: w.now, RowLimit: limit})
		lists(t, rows, err, want...)
	}
	list(all)
	p := told(w.newStartup(w.now, w.now.Add(-time.Second)))
	require.EqualValues(t, 1, must(w.OpenStartup(t.Context(), p))(t))
	last := alarmOf(must(w.GetStartup(t.Context(), p.ID))(t))
	second := alarmOf(w.open(t, w.now, w.now.Add(-time.Minute)))
	third := alarmOf(w.open(t, w.now, w.now.Add(-time.Minute))) // of one deadline, by id
	first := alarmOf(other.open(t, w.now, w.now.Add(-time.Hour)))

	w.open(t, w.now, w.now) // a deadline that is now isn't past
	w.ready(t, w.open(t, w.now, w.now.Add(-time.Hour)).ID)
	w.superseded(t, w.open(t, w.now, w.now.Add(-time.Hour)).ID, second.ID)
	w.acknowledged(t, w.open(t, w.now, w.now.Add(-time.Hour)).ID, w.now)
	list(all, first, second, third, last)
	list(2, first, second)
}

// listSuperseded has each kind of startup that does, or doesn't, end an alarm.
func listSuperseded(t *testing.T, s *store.Store) {
	w := newWorld(t, s)
	opened, deadline := w.now.Add(-time.Hour), w.now.Add(-30*time.Minute)
	want := map[uuid.UUID]store.ListSupersededRow{}
	put := func(p store.OpenStartupParams) {
		t.Helper()
		require.EqualValues(t, 1, must(w.OpenStartup(t.Context(), p))(t))
		r := w.newRoster(p.ComponentKey)
		r.PrincipalID, r.StartupID, r.InstanceID, r.OpenedAt = p.PrincipalID, p.ID, "", p.OpenedAt
		if p.InstanceID != nil {
			r.InstanceID = *p.InstanceID
		}
		require.NoError(t, w.PutRoster(t.Context(), r))
	}
	start := func(component, instance string, at time.Time) store.OpenStartupParams {
		p := w.newStartup(at, deadline)
		if at.After(deadline) {
			p.DeadlineAt = w.now.Add(time.Hour)
		}
		if p.ComponentKey = component; instance != "" {
			p.InstanceID = &instance
		}
		return p
	}
	is := func(component, instance string, at time.Time) store.OpenStartupParams {
		t.Helper()
		p := start(component, instance, at)
		put(p)
		return p
	}
	supersedes := func(by store.OpenStartupParams, alarms ...store.OpenStartupParams) {
		for _, a := range alarms {
			want[a.ID] = store.ListSupersededRow{ID: a.ID, SupersededBy: by.ID, OpenedAt: by.OpenedAt}
		}
	}
	after := deadline.Add(time.Minute)

	first, second := is("known", "one", opened), is("known", "one", opened)
	supersedes(is("known", "one", opened), first, second) // long before the deadline
	is("alone", "one", opened)
	is("alone", "two", after)
	is("alone", "", after)
	is("unlike", "one", after)
	elsewhere := start("alone", "one", after)
	elsewhere.PrincipalID = w.addPrincipal(t).ID
	put(elsewhere)

	unknown := is("unknown", "", opened)
	early := is("unknown", "one", opened.Add(time.Minute)) // before the deadline, it may run beside
	due := is("unknown", "", deadline)
	supersedes(is("unknown", "two", after), unknown, due)
	is("unknown", "three", after.Add(time.Minute))
	require.NotContains(t, want, early.ID)

	ready := is("ready", "", opened)
	known := is("acknowledged", "", opened)
	for _, component := range []string{"ready", "acknowledged"} {
		is(component, "two", after)
	}
	w.ready(t, ready.ID)
	w.acknowledged(t, known.ID, w.now)
	still := start("still", "", opened) // it has time
	still.DeadlineAt = w.now
	put(still)
	is("still", "two", w.now.Add(time.Minute))

	list := func(limit int64) map[uuid.UUID]store.ListSupersededRow {
		t.Helper()
		got := map[uuid.UUID]store.ListSupersededRow{}
		for _, r := range must(s.ListSuperseded(t.Context(), store.ListSupersededParams{Now: w.now, RowLimit: limit}))(t) {
			require.NotContains(t, got, r.ID)
			got[r.ID] = r
		}
		return got
	}
	require.Equal(t, want, list(all))
	require.Len(t, list(2), 2)
	w.superseded(t, first.ID, second.ID)
	delete(want, first.ID)
	require.Equal(t, want, list(all))
	_, err := s.ListSuperseded(ended(t), store.ListSupersededParams{Now: w.now, RowLimit: 1})
	require.Error(t, err)
}
