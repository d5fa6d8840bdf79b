package storetest

import (
	"fmt"
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
	// Over all tenants, so it has a database of its own: listAlarms.
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

// superseding has more receipts than SQLite reads at once.
func superseding(t *testing.T, s *store.Store) {
	w, other := newWorld(t, s), newWorld(t, s)
	deadline := w.now.Add(time.Minute)
	var rows []store.OpenStartupParams
	at := func(seconds int, component, instance string) *store.OpenStartupParams {
		p := w.newStartup(w.now.Add(time.Duration(seconds)*time.Second), deadline)
		p.ComponentKey = component
		if instance != "" {
			p.InstanceID = &instance
		}
		rows = append(rows, p)
		return &rows[len(rows)-1]
	}
	var asked []store.ListAlarmsRow
	want := map[uuid.UUID]store.Superseding{}
	alarm := func(p *store.OpenStartupParams, by *store.OpenStartupParams) {
		asked = append(asked, alarmOf(asOpened(*p)))
		if by != nil {
			want[p.ID] = store.Superseding{ID: by.ID, OpenedAt: by.OpenedAt}
		}
	}

	before := at(-10, "known", "one") // it came before
	known := *at(0, "known", "one")
	at(1, "known", "two")
	at(1, "known", "")
	at(1, "unlike", "one")
	by := func(p *store.OpenStartupParams, principal store.Principal) {
		p.PrincipalID, p.PrincipalKey = principal.ID, principal.PrincipalKey
	}
	by(at(1, "known", "one"), w.addPrincipal(t))
	elsewhere := at(1, "known", "one")
	elsewhere.TenantKey, elsewhere.Epoch = other.tenant, other.epoch
	by(elsewhere, other.principal)
	next := *at(2, "known", "one") // long before the deadline
	after := *at(3, "known", "one")
	first := rows[0]
	require.Equal(t, before.ID, first.ID)
	alarm(&first, &known)
	alarm(&known, &next)
	alarm(&next, &after)
	alarm(&after, nil)

	unknown := *at(0, "unknown", "")
	at(30, "unknown", "") // before the deadline, it may run beside
	due := *at(60, "unknown", "one")
	for i := range 4500 {
		at(61, fmt.Sprint("another ", i), "one")
	}
	late := *at(62, "unknown", "two") // whichever instance
	at(63, "unknown", "")
	alarm(&unknown, &late)
	alarm(&due, nil)

	requireOpened(t, must(s.OpenStartups(t.Context(), shuffled(rows)))(t))
	itself := func(a store.ListAlarmsRow) uuid.UUID { return a.ID }
	require.Equal(t, want, must(s.Superseding(t.Context(), asked, itself))(t))
	require.Equal(t, want, must(s.Superseding(t.Context(), shuffled(asked), func(store.ListAlarmsRow) uuid.UUID { return store.MinID }))(t))
	for _, a := range asked {
		one := map[uuid.UUID]store.Superseding{}
		if found, ok := want[a.ID]; ok {
			one[a.ID] = found
		}
		require.Equal(t, one, must(s.Superseding(t.Context(), []store.ListAlarmsRow{a}, itself))(t))
	}
	require.Empty(t, must(s.Superseding(t.Context(), nil, itself))(t))
	w.ready(t, late.ID)
	require.Equal(t, want, must(s.Superseding(t.Context(), asked, itself))(t), "whatever became of it")
	_, err := s.Superseding(ended(t), asked, itself)
	require.Error(t, err)
}
