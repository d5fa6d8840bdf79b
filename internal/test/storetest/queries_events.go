package storetest

import (
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/store"
)

// lastSeq numbers the events of this process: no two tests' are alike.
var lastSeq atomic.Int64

func (w *world) event(t *testing.T, typ string) store.Event {
	t.Helper()
	e := store.Event{
		Seq: lastSeq.Add(1), ID: store.NewID(w.now), Type: typ, About: unique("about"), TenantKey: w.tenant, Subject: "startup/é",
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
	"EventBounds": func(t *testing.T, w *world) {
		e := w.event(t, "startup.late")
		b := must(w.EventBounds(t.Context()))(t)
		require.Positive(t, b.Oldest)
		require.LessOrEqual(t, b.Oldest, e.Seq)
		require.Zero(t, b.Newest, "the recorder's word, not the table's")
	},
}
