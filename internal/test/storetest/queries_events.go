package storetest

import (
	"math"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/store"
)

// lastSeq numbers the events of this process: no two tests' are alike.
var lastSeq atomic.Int64

func (w *world) event(t *testing.T, typ string) store.Event {
	t.Helper()
	return w.eventAbout(t, typ, unique("about"))
}

// entries are a revision that changed two profiles, and one in which a startup was acknowledged.
func (w *world) entries(t *testing.T) {
	t.Helper()
	for _, e := range []struct {
		revision int64
		typ      string
	}{{2, "profile"}, {2, "profile"}, {3, "startup"}} {
		require.NoError(t, w.CreateAuditEntry(t.Context(), store.CreateAuditEntryParams{
			ID: store.NewID(w.now), TenantKey: w.tenant, Actor: "a", AuthMethod: "cli", Action: "update", ResourceType: e.typ, ResourceID: uuid.New(),
			ResourceKey: "k", CreatedAt: w.now, Revision: &e.revision,
		}))
	}
}

func (w *world) eventAbout(t *testing.T, typ, about string) store.Event {
	t.Helper()
	e := store.Event{
		Seq: lastSeq.Add(1), ID: store.NewID(w.now), Type: typ, About: about, TenantKey: w.tenant, Subject: "startup/é",
		StartupID: new(store.NewID(w.now)), PrincipalKey: new("p"), OccurredAt: w.now, RecordedAt: w.now, Data: store.JSON(`{"n":1.10}`),
	}
	require.NoError(t, w.CreateEvent(t.Context(), store.CreateEventParams(e)))
	return e
}

var events = tests{
	"CreateEvent": func(t *testing.T, w *world) {
		e := w.event(t, "startup.late")
		again := store.CreateEventParams(e)
		again.Seq, again.ID = lastSeq.Add(1), uuid.New()
		require.True(t, store.IsUnique(w.CreateEvent(t.Context(), again)), "there is one event of a type about something")
		again.Type = "startup.overdue"
		require.NoError(t, w.CreateEvent(t.Context(), again))
	},
	"ListEvents": func(t *testing.T, w *world) {
		overdue, late, failed := w.event(t, "startup.overdue"), w.event(t, "startup.late"), w.event(t, "startup.failed")
		list := func(after int64, types *string, limit int64) ([]store.Event, error) {
			return w.ListEvents(t.Context(), store.ListEventsParams{After: after, TenantKey: &w.tenant, Types: types, RowLimit: limit})
		}
		rows, err := list(0, nil, 3)
		lists(t, rows, err, overdue, late, failed)
		rows, err = list(overdue.Seq, nil, 1)
		lists(t, rows, err, late)
		rows, err = list(0, new(",startup.failed,startup.overdue,"), 3)
		lists(t, rows, err, overdue, failed)
		rows, err = w.ListEvents(t.Context(), store.ListEventsParams{After: overdue.Seq - 1, RowLimit: 1})
		lists(t, rows, err, overdue)
	},
	"HasEvent": func(t *testing.T, w *world) {
		e := w.event(t, "startup.late")
		has := func(typ, about string) int64 {
			return must(w.HasEvent(t.Context(), store.HasEventParams{Type: typ, About: about}))(t)
		}
		require.Equal(t, []int64{1, 0, 0}, []int64{has(e.Type, e.About), has("startup.failed", e.About), has(e.Type, "another")})
	},
	"ListOverdue": func(t *testing.T, w *world) {
		hour := w.now.Add(-25 * 365 * 24 * time.Hour) // no other test's
		rows := []store.StartupSession{
			w.numbered(t, hour, hour.Add(2*time.Second)), w.numbered(t, hour, hour.Add(time.Second)), w.numbered(t, hour, hour.Add(3*time.Second)),
			w.numbered(t, hour, hour.Add(2*time.Second)), w.numbered(t, hour, hour.Add(2*time.Second)),
		}
		w.ready(t, rows[3].ID)
		must(w.SupersedeStartup(t.Context(), store.SupersedeStartupParams{ID: rows[4].ID, SupersededBy: &rows[0].ID, SupersededAt: &w.now}))(t)
		list := func(after, upTo time.Duration, limit int64) (ids []uuid.UUID) {
			for _, r := range must(w.ListOverdue(t.Context(), store.ListOverdueParams{After: hour.Add(after), UpTo: hour.Add(upTo), RowLimit: limit}))(t) {
				ids = append(ids, r.ID)
			}
			return ids
		}
		require.Equal(t, []uuid.UUID{rows[1].ID, rows[0].ID}, list(0, 2*time.Second, all))
		require.Equal(t, []uuid.UUID{rows[1].ID}, list(0, 2*time.Second, 1))
		require.Equal(t, []uuid.UUID{rows[0].ID, rows[2].ID}, list(time.Second, 3*time.Second, all))
		w.eventAbout(t, "startup.overdue", rows[0].ID.String())
		w.eventAbout(t, "startup.late", rows[2].ID.String())
		require.Equal(t, []uuid.UUID{rows[2].ID}, list(time.Second, 3*time.Second, all), "of which it isn't recorded")
	},
	"ListEventful": func(t *testing.T, w *world) {
		failed, late, quick, ended, open := w.numbered(t, w.now, w.now), w.numbered(t, w.now, w.now), w.numbered(t, w.now, w.now.Add(time.Hour)), w.numbered(t, w.now, w.now), w.numbered(t, w.now, w.now)
		report := w.readyReport(failed.ID, w.now)
		report.Status, report.ReadyAt, report.FailedAt, report.BuildVersion, report.Error = "FAILED", nil, &w.now, nil, new("no")
		must(w.ReportStartup(t.Context(), report))(t)
		must(w.ReportStartup(t.Context(), w.readyReport(late.ID, w.now.Add(time.Second))))(t)
		w.ready(t, quick.ID)
		must(w.SupersedeStartup(t.Context(), store.SupersedeStartupParams{ID: ended.ID, SupersededBy: &open.ID, SupersededAt: &w.now}))(t)
		w.eventAbout(t, "startup.late", late.ID.String())
		got := map[uuid.UUID][]int64{}
		for _, r := range must(w.ListEventful(t.Context(), store.ListEventfulParams{UpTo: math.MaxInt64, RowLimit: all}))(t) {
			if r.TenantKey == w.tenant {
				got[r.ID] = []int64{r.OverdueTold, r.SupersededTold, r.LateTold, r.FailedTold}
			}
		}
		require.Equal(t, map[uuid.UUID][]int64{failed.ID: {0, 0, 0, 0}, late.ID: {0, 0, 1, 0}, ended.ID: {0, 0, 0, 0}}, got)
	},
	"ListNewRevisions": func(t *testing.T, w *world) {
		find := func() (found []store.ListNewRevisionsRow) {
			for _, r := range must(w.ListNewRevisions(t.Context(), all))(t) {
				if r.TenantKey == w.tenant {
					found = append(found, r)
				}
			}
			return found
		}
		now := must(w.GetRevision(t.Context(), w.tenant))(t)
		revision := now.Revision + 7
		require.NoError(t, w.SetRevision(t.Context(), store.SetRevisionParams{TenantKey: w.tenant, Revision: revision, Epoch: now.Epoch}))
		require.Equal(t, []store.ListNewRevisionsRow{{TenantKey: w.tenant, Revision: revision}}, find())
		require.NoError(t, w.PutEventRevision(t.Context(), store.PutEventRevisionParams{TenantKey: w.tenant, Revision: revision - 1}))
		require.Equal(t, []store.ListNewRevisionsRow{{TenantKey: w.tenant, Revision: revision, Recorded: revision - 1}}, find())
	},
	"PutEventRevision": func(t *testing.T, w *world) {
		revision := must(w.GetRevision(t.Context(), w.tenant))(t).Revision
		for _, n := range []int64{revision - 1, revision} {
			require.NoError(t, w.PutEventRevision(t.Context(), store.PutEventRevisionParams{TenantKey: w.tenant, Revision: n}))
		}
		for _, r := range must(w.ListNewRevisions(t.Context(), all))(t) {
			require.NotEqual(t, w.tenant, r.TenantKey)
		}
	},
	"ListWorldChanges": func(t *testing.T, w *world) {
		w.entries(t)
		rows := must(w.ListWorldChanges(t.Context(), store.ListWorldChangesParams{TenantKey: w.tenant, After: new(int64(1)), UpTo: new(int64(3)), RowLimit: 1}))(t)
		require.Len(t, rows, 1)
		require.Equal(t, []any{int64(2), "profile", int64(2)}, []any{*rows[0].Revision, rows[0].ResourceType, rows[0].Changes})
		rows = must(w.ListWorldChanges(t.Context(), store.ListWorldChangesParams{TenantKey: w.tenant, After: new(int64(1)), UpTo: new(int64(3)), RowLimit: 9}))(t)
		require.Len(t, rows, 1, "what became of a startup is none")
	},
	"LastOfRevisions": func(t *testing.T, w *world) {
		w.entries(t)
		last := func(after, limit int64) store.LastOfRevisionsRow {
			return must(w.LastOfRevisions(t.Context(), store.LastOfRevisionsParams{TenantKey: w.tenant, After: &after, UpTo: new(int64(3)), RowLimit: limit}))(t)
		}
		require.Equal(t, store.LastOfRevisionsRow{LastRevision: 3, Revisions: 2}, last(1, 9))
		require.Equal(t, store.LastOfRevisionsRow{LastRevision: 2, Revisions: 1}, last(1, 1))
		require.Equal(t, store.LastOfRevisionsRow{}, last(3, 1))
	},
	"ListKnownRefused": func(t *testing.T, w *world) {
		put := func(code, principal string, at time.Time) uuid.UUID {
			p := store.PutRefusalParams{ID: store.NewID(at), TenantKey: w.tenant, Code: code, PrincipalKey: principal, N: 1, FirstAt: at, LastAt: at}
			require.NoError(t, w.PutRefusal(t.Context(), p))
			return p.ID
		}
		next := w.now.Add(time.Second)
		late, one, two := put("UNAUTHENTICATED", "late", next), put("UNAUTHENTICATED", "p", w.now), put("UNAUTHENTICATED", "q", w.now)
		put("UNAUTHENTICATED", "", w.now)
		put("NO_BINDING", "p", w.now)
		list := func(since time.Time, after uuid.UUID) (ids []uuid.UUID) {
			for _, r := range must(w.ListKnownRefused(t.Context(), store.ListKnownRefusedParams{Since: since, AfterID: after, RowLimit: all}))(t) {
				if r.TenantKey == w.tenant {
					ids = append(ids, r.ID)
				}
			}
			return ids
		}
		require.Equal(t, []uuid.UUID{one, two, late}, list(w.now, store.MinID))
		require.Equal(t, []uuid.UUID{two, late}, list(w.now, one), "behind one of the same time")
		require.Equal(t, []uuid.UUID{late}, list(w.now, two))
		require.Empty(t, list(next.Add(time.Second), store.MinID))
	},
	"ListTwins": func(t *testing.T, w *world) {
		one := w.newStartup(w.now, w.now)
		for _, s := range []struct{ instance, addr string }{{"twin", "10.0.0.1"}, {"twin", "10.0.0.2"}, {"same", "10.0.0.1"}, {"same", "10.0.0.1"}, {"one", "10.0.0.3"}} {
			p := w.newStartup(w.now, w.now)
			p.PrincipalID, p.PrincipalKey, p.ComponentKey = one.PrincipalID, one.PrincipalKey, one.ComponentKey
			p.InstanceID, p.RemoteAddr = &s.instance, &s.addr
			requireOpened(t, must(w.OpenStartups(t.Context(), []store.OpenStartupParams{p}))(t))
		}
		rows := slices.DeleteFunc(must(w.ListTwins(t.Context(), store.ListTwinsParams{UntilID: store.MaxID, RowLimit: all}))(t),
			func(r store.ListTwinsRow) bool { return r.TenantKey != w.tenant })
		require.Len(t, rows, 1)
		require.Equal(t, []any{w.tenant, "twin", int64(2)}, []any{rows[0].TenantKey, rows[0].InstanceID, rows[0].Starts})
	},
	"PassEvents": func(t *testing.T, w *world) {
		now := must(w.GetSink(t.Context(), "events"))(t)
		p := store.PassEventsParams{FromChange: now.Position, LastSeq: now.Delivered, Position: now.Position, Recorded: 0}
		require.EqualValues(t, 1, must(w.PassEvents(t.Context(), p))(t))
		p.LastSeq++
		require.EqualValues(t, 0, must(w.PassEvents(t.Context(), p))(t), "somebody has recorded")
		p.LastSeq, p.FromChange = now.Delivered, now.Position+1
		require.EqualValues(t, 0, must(w.PassEvents(t.Context(), p))(t), "somebody has gone on")
	},
	"MoveReader": func(t *testing.T, w *world) {
		s := w.sink(t)
		for _, position := range []int64{9, 8} {
			require.NoError(t, w.MoveReader(t.Context(), store.MoveReaderParams{Name: s.Name, Position: position}))
		}
		require.EqualValues(t, 9, must(w.GetSink(t.Context(), s.Name))(t).Position, "never back")
	},
	"DeleteOldEvents": func(t *testing.T, w *world) {
		// What sinks have taken is told apart in internal/events; here another test's sinks have taken next to nothing.
		old := w.now.Add(-30 * 365 * 24 * time.Hour)
		e := w.eventAbout(t, "startup.late", unique("about"))
		deleted := must(w.DeleteOldEvents(t.Context(), store.DeleteOldEventsParams{Before: old, Whatever: old, RowLimit: all}))(t)
		require.Zero(t, deleted)
		require.EqualValues(t, 1, must(w.HasEvent(t.Context(), store.HasEventParams{Type: e.Type, About: e.About}))(t))
	},
	"EventBounds": func(t *testing.T, w *world) {
		e := w.event(t, "startup.late")
		b := must(w.EventBounds(t.Context()))(t)
		require.Positive(t, b.Oldest)
		require.LessOrEqual(t, b.Oldest, e.Seq)
		require.Zero(t, b.Newest, "the recorder's word, not the table's")
	},
}
