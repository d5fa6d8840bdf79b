package storetest

import (
	"math"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/store"
)

var startups = tests{
	"OpenStartup": func(t *testing.T, w *world) {
		p := w.newStartup(w.now, w.now.Add(time.Minute))
		require.EqualValues(t, 1, must(w.OpenStartup(t.Context(), p))(t))
		require.Equal(t, asOpened(p), unnumbered(must(w.GetStartup(t.Context(), p.ID))(t)))
		for _, source := range []string{"live", "cache", "bench"} {
			p := told(w.newStartup(w.now, w.now))
			p.Source = source
			require.EqualValues(t, 1, must(w.OpenStartup(t.Context(), p))(t))
			require.Equal(t, asOpened(p), unnumbered(must(w.GetStartup(t.Context(), p.ID))(t)))
		}
		p = w.newStartup(w.now, w.now)
		p.Source = "hearsay"
		_, err := w.OpenStartup(t.Context(), p)
		require.Error(t, err)
	},
	"GetStartup": func(t *testing.T, w *world) {
		_, err := w.GetStartup(t.Context(), uuid.New())
		require.True(t, store.IsNotFound(err))
		session := w.open(t, w.now, w.now)
		require.Equal(t, session, must(w.GetStartup(t.Context(), session.ID))(t))
	},
	"ReportStartup": func(t *testing.T, w *world) {
		up, down, other := w.open(t, w.now, w.now), w.open(t, w.now, w.now), w.open(t, w.now, w.now)
		at := w.now.Add(time.Second)
		ready, failed := w.readyReport(up.ID, at), w.failedReport(down.ID, at)
		require.EqualValues(t, 1, must(w.ReportStartup(t.Context(), ready))(t))
		require.EqualValues(t, 1, must(w.ReportStartup(t.Context(), failed))(t))
		up.Status, up.ReadyAt, up.BuildVersion, up.Health = "READY", &at, ready.BuildVersion, ready.Health
		down.Status, down.FailedAt, down.Error, down.Details = "FAILED", &at, failed.Error, failed.Details

		later := at.Add(time.Hour)
		for _, id := range []uuid.UUID{up.ID, down.ID} {
			require.EqualValues(t, 0, must(w.ReportStartup(t.Context(), w.readyReport(id, later)))(t), "once")
			require.EqualValues(t, 0, must(w.ReportStartup(t.Context(), w.failedReport(id, later)))(t), "once")
		}
		for _, want := range []store.StartupSession{up, down, other} {
			require.Equal(t, unnumbered(want), unnumbered(must(w.GetStartup(t.Context(), want.ID))(t)))
		}
	},
	"ListStartups": func(t *testing.T, w *world) {
		old := w.open(t, w.now.Add(-time.Hour), w.now.Add(-time.Minute))
		fresh := w.open(t, w.now, w.now.Add(time.Minute))
		p := w.newStartup(w.now.Add(time.Second), w.now.Add(time.Minute))
		p.PrincipalKey, p.InstanceID, p.Source = unique("another"), new("one"), "cache"
		require.EqualValues(t, 1, must(w.OpenStartup(t.Context(), p))(t))
		w.ready(t, p.ID)
		done := must(w.GetStartup(t.Context(), p.ID))(t)
		list := func(f store.ListStartupsParams, want ...store.StartupSession) {
			f.TenantKey, f.BeforeID, f.RowLimit = &w.tenant, store.MaxID, all
			rows, err := w.ListStartups(t.Context(), f)
			lists(t, rows, err, want...)
		}
		list(store.ListStartupsParams{}, done, fresh, old)
		list(store.ListStartupsParams{Status: new("OPEN")}, fresh, old)
		list(store.ListStartupsParams{Status: new("FAILED")})
		list(store.ListStartupsParams{PrincipalKey: &p.PrincipalKey}, done)
		list(store.ListStartupsParams{ComponentKey: &old.ComponentKey}, old)
		list(store.ListStartupsParams{InstanceID: p.InstanceID}, done)
		list(store.ListStartupsParams{Source: new("live")}, fresh, old)
		list(store.ListStartupsParams{Source: new("bench")})
		list(store.ListStartupsParams{Since: &w.now}, done, fresh)
		list(store.ListStartupsParams{FromID: store.FirstID(w.now)}, done, fresh)
		list(store.ListStartupsParams{FromID: done.ID}, done)
		list(store.ListStartupsParams{Status: new("OPEN"), OverdueAt: &w.now}, old)
		list(store.ListStartupsParams{Superseded: new(true)})
		list(store.ListStartupsParams{Acknowledged: new(false)}, done, fresh, old)

		old, fresh = w.superseded(t, old.ID, fresh.ID), w.acknowledged(t, fresh.ID, w.now.Add(time.Hour))
		list(store.ListStartupsParams{Superseded: new(true)}, old)
		list(store.ListStartupsParams{Superseded: new(false)}, done, fresh)
		list(store.ListStartupsParams{Acknowledged: new(true)}, fresh)
		list(store.ListStartupsParams{Acknowledged: new(false)}, done, old)
	},
	// Over all tenants, so they have a database of their own: see receipts.go.
	"CountOpenStartups": func(t *testing.T, w *world) { must(w.CountOpenStartups(t.Context(), w.now))(t) },
	"BackfillStartup": func(t *testing.T, w *world) {
		p := w.backfill(w.now.Add(-time.Hour))
		require.EqualValues(t, 1, must(w.BackfillStartup(t.Context(), p))(t))
		got := must(w.GetStartup(t.Context(), p.ID))(t)
		require.Equal(t, []any{"cache", "READY", p.ReadyAt, p.ClaimedOpenedAt, p.ClaimedClosedAt, p.BuildVersion, p.Health, p.Labels, p.Credential, p.Revision},
			[]any{got.Source, got.Status, got.ReadyAt, got.ClaimedOpenedAt, got.ClaimedClosedAt, got.BuildVersion, got.Health, got.Labels, got.Credential, got.Revision})
		require.EqualValues(t, 0, must(w.BackfillStartup(t.Context(), p))(t), "once")
		require.Equal(t, got, must(w.GetStartup(t.Context(), p.ID))(t))
	},
	"CloseBackfilled": func(t *testing.T, w *world) {
		open := w.open(t, w.now, w.now)
		p := store.CloseBackfilledParams{ID: open.ID, PrincipalID: uuid.New(), Status: "FAILED", FailedAt: &w.now, Error: new("no"), ClaimedClosedAt: &w.now}
		require.EqualValues(t, 0, must(w.CloseBackfilled(t.Context(), p))(t), "another's")
		p.PrincipalID = open.PrincipalID
		require.EqualValues(t, 1, must(w.CloseBackfilled(t.Context(), p))(t))
		require.EqualValues(t, 0, must(w.CloseBackfilled(t.Context(), p))(t), "closed")
		got := must(w.GetStartup(t.Context(), open.ID))(t)
		require.Equal(t, []any{"FAILED", &w.now, new("no"), &w.now}, []any{got.Status, got.FailedAt, got.Error, got.ClaimedClosedAt})
	},
	"FindAnswered": func(t *testing.T, w *world) {
		first, last := w.open(t, w.now.Add(-time.Hour), w.now), w.newStartup(w.now, w.now)
		last.ComponentKey, last.PacketEtag = first.ComponentKey, first.PacketEtag
		require.EqualValues(t, 1, must(w.OpenStartup(t.Context(), last))(t))
		p := store.FindAnsweredParams{
			TenantKey: w.tenant, PrincipalKey: first.PrincipalKey, PrincipalID: first.PrincipalID, ComponentKey: first.ComponentKey,
			PacketEtag: first.PacketEtag, FromID: store.FirstID(w.now.Add(-2 * time.Hour)),
		}
		require.Equal(t, last.ID, must(w.FindAnswered(t.Context(), p))(t).ID, "the last one")
		for _, change := range []func(*store.FindAnsweredParams){
			func(p *store.FindAnsweredParams) { p.TenantKey = "another" }, func(p *store.FindAnsweredParams) { p.PrincipalID = uuid.New() },
			func(p *store.FindAnsweredParams) { p.ComponentKey = "another" }, func(p *store.FindAnsweredParams) { p.PacketEtag = "another" },
			func(p *store.FindAnsweredParams) { p.FromID = store.FirstID(w.now.Add(time.Minute)) },
		} {
			other := p
			change(&other)
			_, err := w.FindAnswered(t.Context(), other)
			require.True(t, store.IsNotFound(err))
		}
	},
	"FindLastAnswered": func(t *testing.T, w *world) {
		p := w.newRoster("a")
		started := w.open(t, w.now, w.now)
		p.StartupID, p.ComponentKey, p.PacketEtag = started.ID, started.ComponentKey, started.PacketEtag
		require.NoError(t, w.PutRoster(t.Context(), p))
		q := store.FindLastAnsweredParams{PrincipalID: p.PrincipalID, ComponentKey: p.ComponentKey, PacketEtag: p.PacketEtag}
		require.Equal(t, started.ID, must(w.FindLastAnswered(t.Context(), q))(t).ID)
		for _, change := range []func(*store.FindLastAnsweredParams){
			func(q *store.FindLastAnsweredParams) { q.PrincipalID = uuid.New() }, func(q *store.FindLastAnsweredParams) { q.ComponentKey = "another" },
			func(q *store.FindLastAnsweredParams) { q.PacketEtag = "another" },
		} {
			other := q
			change(&other)
			_, err := w.FindLastAnswered(t.Context(), other)
			require.True(t, store.IsNotFound(err))
		}
	},
	"DeleteOldStartups": func(t *testing.T, w *world) {
		p := store.DeleteOldStartupsParams{BeforeID: store.MinID, Before: w.now, Now: w.now, KeepAfter: math.MaxInt64, RowLimit: all}
		require.EqualValues(t, 0, must(w.DeleteOldStartups(t.Context(), p))(t))
	},
}

var auditLog = tests{
	"CreateAuditEntry": func(t *testing.T, w *world) {
		p := w.newAuditEntry(w.now, "binding")
		require.NoError(t, w.CreateAuditEntry(t.Context(), p))
		rows, err := w.ListAuditLog(t.Context(), store.ListAuditLogParams{TenantKey: &w.tenant, BeforeID: store.MaxID, RowLimit: all})
		lists(t, rows, err, store.AuditLog(p))
	},
	"ListAuditLog": func(t *testing.T, w *world) {
		var want []store.AuditLog
		for i, typ := range []string{"binding", "profile"} {
			p := w.newAuditEntry(w.now.Add(time.Duration(i)*time.Second), typ)
			require.NoError(t, w.CreateAuditEntry(t.Context(), p))
			want = append([]store.AuditLog{store.AuditLog(p)}, want...)
		}
		newest, oldest := want[0], want[1]
		list := func(f store.ListAuditLogParams, want ...store.AuditLog) {
			f.TenantKey, f.BeforeID, f.RowLimit = &w.tenant, store.MaxID, all
			rows, err := w.ListAuditLog(t.Context(), f)
			lists(t, rows, err, want...)
		}
		list(store.ListAuditLogParams{}, newest, oldest)
		list(store.ListAuditLogParams{ResourceType: new("binding")}, oldest)
		list(store.ListAuditLogParams{ResourceID: &newest.ResourceID}, newest)
		list(store.ListAuditLogParams{Actor: &oldest.Actor}, oldest)
		list(store.ListAuditLogParams{Actor: new("nobody")})
		list(store.ListAuditLogParams{Since: &newest.CreatedAt}, newest)
		list(store.ListAuditLogParams{Since: &oldest.CreatedAt}, newest, oldest)
		list(store.ListAuditLogParams{FromID: store.FirstID(newest.CreatedAt)}, newest)
		list(store.ListAuditLogParams{Until: &newest.CreatedAt}, oldest)
		list(store.ListAuditLogParams{Until: &oldest.CreatedAt})
		list(store.ListAuditLogParams{Since: &oldest.CreatedAt, Until: new(newest.CreatedAt.Add(time.Microsecond))}, newest, oldest)
		list(store.ListAuditLogParams{ResourceKey: &newest.ResourceKey}, newest)
		list(store.ListAuditLogParams{PrincipalKey: oldest.PrincipalKey}, oldest)
		list(store.ListAuditLogParams{Revision: newest.Revision}, newest)
		list(store.ListAuditLogParams{Revision: new(int64(0))})
	},
}

func (w *world) newAuditEntry(at time.Time, typ string) store.CreateAuditEntryParams {
	return store.CreateAuditEntryParams{
		ID: store.NewID(at), TenantKey: w.tenant, Actor: unique("actor"), AuthMethod: "api_key", Action: "update",
		ResourceType: typ, ResourceID: uuid.New(), ResourceKey: unique("key"), RequestID: "request", RemoteAddr: "::1",
		Before: store.JSON(`{"a":1}`), After: store.JSON(`{"a":2}`), CreatedAt: at,
		PrincipalKey: new(unique("principal")), Credential: store.JSON(`{"issuer":"i"}`), Reason: new("because – é"), Revision: new(at.UnixMicro()),
	}
}
