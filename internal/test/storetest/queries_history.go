package storetest

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/store"
)

var history = tests{
	"KeepPacketBody": func(t *testing.T, w *world) {
		p := w.newBody(1)
		require.Equal(t, p.ID, must(w.KeepPacketBody(t.Context(), p))(t))
		again := p
		again.ID, again.Seen = p.ID+1, p.Seen.Add(time.Hour)
		require.Equal(t, p.ID, must(w.KeepPacketBody(t.Context(), again))(t), "who was first names it")
		kept := must(w.GetPacketBody(t.Context(), store.GetPacketBodyParams{ID: p.ID, TenantKey: w.tenant}))(t)
		require.Equal(t, store.PacketBody{ID: p.ID, Hash: p.Hash, TenantKey: w.tenant, Body: p.Body, FirstSeen: p.Seen, LastSeen: again.Seen}, kept)
	},
	"FindPacketBody": func(t *testing.T, w *world) {
		p := w.newBody(2)
		_, err := w.FindPacketBody(t.Context(), p.Hash)
		require.True(t, store.IsNotFound(err))
		must(w.KeepPacketBody(t.Context(), p))(t)
		require.Equal(t, store.FindPacketBodyRow{ID: p.ID, LastSeen: p.Seen}, must(w.FindPacketBody(t.Context(), p.Hash))(t))
	},
	"GetPacketBody": func(t *testing.T, w *world) {
		p := w.newBody(3)
		must(w.KeepPacketBody(t.Context(), p))(t)
		_, err := w.GetPacketBody(t.Context(), store.GetPacketBodyParams{ID: p.ID, TenantKey: w.tenant + "x"})
		require.True(t, store.IsNotFound(err), "another tenant's")
	},
	"DeleteOldPacketBodies": func(t *testing.T, w *world) {
		p := w.newBody(4)
		p.Seen = time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC) // older than any other test's
		must(w.KeepPacketBody(t.Context(), p))(t)
		require.Zero(t, must(w.DeleteOldPacketBodies(t.Context(), store.DeleteOldPacketBodiesParams{Before: p.Seen, RowLimit: 9}))(t))
		started := w.newBody(5)
		started.Seen = p.Seen
		must(w.KeepPacketBody(t.Context(), started))(t)
		on := w.newRoster("a")
		on.StartupID = w.openWithBody(t, -started.ID)
		require.NoError(t, w.PutRoster(t.Context(), on))
		require.EqualValues(t, 1, must(w.DeleteOldPacketBodies(t.Context(), store.DeleteOldPacketBodiesParams{Before: p.Seen.Add(1000), RowLimit: 9}))(t), "what is on the roster stays")
	},
	"GetStartupBody": func(t *testing.T, w *world) {
		require.EqualValues(t, -3, *must(w.GetStartupBody(t.Context(), w.openWithBody(t, -3)))(t))
		require.Nil(t, must(w.GetStartupBody(t.Context(), w.open(t, w.now, w.now).ID))(t))
		_, err := w.GetStartupBody(t.Context(), uuid.New())
		require.True(t, store.IsNotFound(err))
	},
	"CountPacketBodies": func(t *testing.T, w *world) {
		must(w.KeepPacketBody(t.Context(), w.newBody(5)))(t)
		require.NotZero(t, must(w.CountPacketBodies(t.Context()))(t))
	},
	"GetHistoryStart": func(t *testing.T, w *world) {
		_, err := w.GetHistoryStart(t.Context(), w.tenant)
		require.True(t, store.IsNotFound(err), "store's own tests have one that was migrated")
	},
	"ListBaseline": func(t *testing.T, w *world) {
		require.Empty(t, must(w.ListBaseline(t.Context(), w.tenant))(t))
	},
	"ListWorldAt": func(t *testing.T, w *world) {
		first, second, gone := w.made(t, 10, `{"n":1.10}`), w.made(t, 20, `{"n":2}`), w.made(t, 30, "")
		require.Equal(t, first.ResourceID, second.ResourceID)
		for revision, want := range map[int64]store.JSON{10: first.After, 19: first.After, 20: second.After, 29: second.After, 30: gone.After} {
			rows := must(w.ListWorldAt(t.Context(), store.ListWorldAtParams{TenantKey: w.tenant, Since: new(int64(0)), Revision: &revision}))(t)
			require.Equal(t, []store.ListWorldAtRow{{ResourceID: w.profile.ID, ResourceType: "profile", Document: want}}, rows, revision)
		}
		require.Empty(t, must(w.ListWorldAt(t.Context(), store.ListWorldAtParams{TenantKey: w.tenant, Since: new(int64(30)), Revision: new(int64(40))}))(t))
	},
	"RevisionAt": func(t *testing.T, w *world) {
		e := w.made(t, 10, `{}`)
		at := func(at time.Time) store.RevisionAtParams {
			return store.RevisionAtParams{TenantKey: w.tenant, BeforeID: store.FirstID(at.Add(time.Millisecond)), At: at}
		}
		require.EqualValues(t, 10, *must(w.RevisionAt(t.Context(), at(e.CreatedAt)))(t))
		_, err := w.RevisionAt(t.Context(), at(e.CreatedAt.Add(-time.Microsecond)))
		require.True(t, store.IsNotFound(err))
	},
	"ListRevisions": func(t *testing.T, w *world) {
		w.made(t, 10, `{}`)
		w.made(t, 20, `{}`)
		last := w.made(t, 20, `{}`)
		rows := must(w.ListRevisions(t.Context(), store.ListRevisionsParams{TenantKey: w.tenant, BeforeRevision: new(int64(100)), RowLimit: 1}))(t)
		require.Len(t, rows, 1)
		require.EqualValues(t, 20, *rows[0].Revision)
		require.EqualValues(t, 2, rows[0].Changes)
		require.Equal(t, last.ResourceKey, rows[0].ResourceKey)
		require.Len(t, must(w.ListRevisions(t.Context(), store.ListRevisionsParams{TenantKey: w.tenant, BeforeRevision: new(int64(20)), RowLimit: 9}))(t), 1)
	},
}

func (w *world) newBody(n int64) store.KeepPacketBodyParams {
	return store.KeepPacketBodyParams{ID: time.Now().UnixNano() + n, Hash: unique("hash"), TenantKey: w.tenant, Body: `"a":1.10`, Seen: w.now}
}

// made is an entry that tells what a revision made of the world's profile; no document is a delete.
func (w *world) made(t *testing.T, revision int64, document string) store.CreateAuditEntryParams {
	t.Helper()
	p := store.CreateAuditEntryParams{
		ID: store.NewID(w.now), TenantKey: w.tenant, CreatedAt: w.now, Revision: &revision, Actor: "a", AuthMethod: "cli", Action: "update",
		ResourceType: "profile", ResourceID: w.profile.ID, ResourceKey: "k", RequestID: "r", RemoteAddr: "x",
	}
	if document != "" {
		p.After = store.JSON(document)
	}
	require.NoError(t, w.CreateAuditEntry(t.Context(), p))
	return p
}
