package storetest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/store"
)

// instants in ascending order: whole seconds, differing lengths of fraction,
// neighbours that differ only there, and other centuries.
func instants(t *testing.T) []time.Time {
	var out []time.Time
	for _, s := range []string{
		"1969-12-31T23:59:59.999999Z", "1970-01-01T00:00:00Z", "2026-01-02T03:04:04.999999Z", "2026-01-02T03:04:05Z",
		"2026-01-02T03:04:05.000001Z", "2026-01-02T03:04:05.09Z", "2026-01-02T03:04:05.1Z", "2026-01-02T03:04:05.100001Z",
		"2026-01-02T03:04:05.12Z", "2026-01-02T03:04:05.123456Z", "2026-01-02T03:04:05.9Z", "2026-01-02T03:04:06Z", "9999-12-31T23:59:59.999999Z",
	} {
		at, err := time.Parse(time.RFC3339Nano, s)
		require.NoError(t, err)
		out = append(out, at)
	}
	return out
}

func timesSurvive(t *testing.T, s *store.Store) {
	w := newWorld(t, s)
	east := time.FixedZone("east", 5*3600+1800)
	for _, at := range instants(t) {
		for _, written := range []time.Time{at, at.In(east), at.Local()} {
			p := w.newKey()
			p.CreatedAt, p.UpdatedAt, p.ExpiresAt = written, written, &written
			must(w.CreateAPIKey(t.Context(), p))(t)
			row := must(w.GetAPIKey(t.Context(), p.ID))(t)
			for _, got := range []time.Time{row.CreatedAt, row.UpdatedAt, *row.ExpiresAt} {
				require.Equal(t, at, got, "the same instant, in UTC")
			}
		}
	}
}

func timesCompare(t *testing.T, s *store.Store) {
	w := newWorld(t, s)
	order := instants(t)
	for _, i := range rand.Perm(len(order)) {
		w.open(t, order[i], order[i])
	}
	count := func(f store.ListStartupsParams) int {
		f.TenantKey, f.BeforeID, f.RowLimit = &w.tenant, store.MaxID, all
		return len(must(w.ListStartups(t.Context(), f))(t))
	}
	for i, at := range order {
		require.Equal(t, len(order)-i, count(store.ListStartupsParams{Since: &at}), "since %s", at)
		require.Equal(t, i, count(store.ListStartupsParams{OverdueAt: &at}), "overdue at %s", at)
		require.EqualValues(t, i, must(w.CountOpenStartups(t.Context(), at))(t).Overdue, "overdue at %s", at)
		elsewhere := at.In(time.FixedZone("west", -7*3600))
		require.Equal(t, i, count(store.ListStartupsParams{OverdueAt: &elsewhere}), "an instant has no zone")
	}
}

func idsSort(t *testing.T, s *store.Store) {
	w := newWorld(t, s)
	var order []store.CreateProfileParams
	for i := range 20 {
		p := w.newProfile()
		p.ID = store.NewID(w.now.Add(time.Duration(i/4) * time.Microsecond)) // some share a microsecond
		order = append(order, p)
	}
	for _, i := range rand.Perm(len(order)) {
		must(w.CreateProfile(t.Context(), order[i]))(t)
	}
	rows, err := w.ListProfiles(t.Context(), store.ListProfilesParams{TenantKey: &w.tenant, After: w.profile.ID, RowLimit: all})
	require.NoError(t, err)
	require.Len(t, rows, len(order))
	for i := range rows {
		require.Equal(t, order[i].ID, rows[i].ID)
	}
	require.True(t, slices.IsSortedFunc(rows, func(a, b store.Profile) int { return strings.Compare(a.ID.String(), b.ID.String()) }))
}

// documents are what JSON columns are given: canonical white space, any value.
func documents() []store.JSON {
	docs := []store.JSON{
		store.JSON(`{}`), store.JSON(`{"a":{},"b":[],"c":null,"":""}`),
		store.JSON(`{"n":12345678901234567890,"d":1.10,"e":1e5,"E":-0.0E-0,"big":1` + strings.Repeat("0", 400) + `}`),
		store.JSON(`{"z":1,"a":2,"Z":3,"\u0061":4}`), // order and escapes stay
		store.JSON(`{"u":"é 😀 \u00e9 \ud83d\ude00 \" \\ \n \u2028 ﬁ 日本"}`),
		store.JSON(`{ "white" : [ 1 ,	2 ] }`),
		store.JSON(`1e5`), store.JSON(`0123`[1:]), store.JSON(`"1e5"`), store.JSON(`true`), store.JSON(`null`),
		store.JSON(strings.Repeat(`[`, 64) + strings.Repeat(`]`, 64)),
	}
	head := `{"fill":"`
	return append(docs, store.JSON(head+strings.Repeat("é", (1<<20-len(head)-2)/2)+`"}`)) // 1 MiB
}

func jsonExact(t *testing.T, s *store.Store) {
	w := newWorld(t, s)
	for i, doc := range documents() {
		other := store.JSON(fmt.Sprintf(`{"column":%d}`, i)) // no column takes another's document
		p := w.newProfile()
		p.Capabilities, p.Policy = doc, other
		row := must(w.CreateProfile(t.Context(), p))(t)
		requireJSON(t, doc, row.Capabilities)
		row = must(w.GetProfile(t.Context(), p.ID))(t)
		requireJSON(t, doc, row.Capabilities)
		requireJSON(t, other, row.Policy)

		m := w.newManifest()
		m.Environment, m.Services, m.MemoryMap, m.Polling, m.Schemas = doc, doc, doc, doc, doc
		must(w.CreateManifest(t.Context(), m))(t)
		manifest := must(w.GetManifest(t.Context(), m.ID))(t)
		for _, got := range []store.JSON{manifest.Environment, manifest.Services, manifest.MemoryMap, manifest.Polling, manifest.Schemas} {
			requireJSON(t, doc, got)
		}

		b := w.newBinding(false)
		b.Overrides = doc
		must(w.CreateBinding(t.Context(), b))(t)
		requireJSON(t, doc, must(w.GetBinding(t.Context(), b.ID))(t).Overrides)

		r := w.newSecretRef(unique("secret"), "active")
		r.RefMeta = doc
		must(w.CreateSecretRef(t.Context(), r))(t)
		requireJSON(t, doc, must(w.GetSecretRef(t.Context(), r.ID))(t).RefMeta)

		up, down := w.open(t, w.now, w.now), w.open(t, w.now, w.now)
		ready, failed := w.readyReport(up.ID, w.now), w.failedReport(down.ID, w.now)
		ready.Health, failed.Details = doc, doc
		must(w.ReportStartup(t.Context(), ready))(t)
		require.Len(t, must(w.ReportStartups(t.Context(), []store.ReportStartupParams{failed}))(t), 1)
		requireJSON(t, doc, must(w.GetStartup(t.Context(), up.ID))(t).Health)
		requireJSON(t, doc, must(w.GetStartup(t.Context(), down.ID))(t).Details)

		a := w.newAuditEntry(w.now, "profile")
		a.Before, a.After = doc, other
		require.NoError(t, w.CreateAuditEntry(t.Context(), a))
		log := must(w.ListAuditLog(t.Context(), store.ListAuditLogParams{ResourceID: &a.ResourceID, BeforeID: store.MaxID, RowLimit: 1}))(t)
		requireJSON(t, doc, log[0].Before)
		requireJSON(t, other, log[0].After)
	}
}

// requireJSON spares the log a document of a megabyte.
func requireJSON(t *testing.T, want, got store.JSON) {
	t.Helper()
	if len(want) > 200 {
		require.Len(t, got, len(want))
		require.True(t, string(want) == string(got), "a long document changed") //nolint:testifylint // Equal would print it
		return
	}
	require.Equal(t, string(want), string(got))
}

func jsonNull(t *testing.T, s *store.Store) {
	w := newWorld(t, s)
	session := w.open(t, w.now, w.now)
	w.ready(t, session.ID)
	session = must(w.GetStartup(t.Context(), session.ID))(t)
	require.Nil(t, session.Health)
	require.Nil(t, session.Details)
	require.Nil(t, session.FailedAt)
	require.Nil(t, session.Error)

	a := w.newAuditEntry(w.now, "profile")
	a.Before, a.After = nil, store.JSON("null")
	a.PrincipalKey, a.Credential, a.Reason, a.Revision = nil, nil, nil, nil // as an older server's
	require.NoError(t, w.CreateAuditEntry(t.Context(), a))
	log := must(w.ListAuditLog(t.Context(), store.ListAuditLogParams{TenantKey: &w.tenant, BeforeID: store.MaxID, RowLimit: 1}))(t)
	require.Nil(t, log[0].Before)
	require.Equal(t, store.AuditLog(a), log[0])
	require.Equal(t, "null", string(log[0].After), "the document null is a document")

	p := w.newProfile()
	p.Policy = nil
	_, err := w.CreateProfile(t.Context(), p)
	require.Error(t, err, "policy is never null")
	require.False(t, store.IsUnique(err) || store.IsForeignKey(err) || store.IsNotFound(err))
}

func keysetLists(t *testing.T, s *store.Store) {
	w := newWorld(t, s)
	for range 6 {
		w.addPrincipal(t)
		w.addProfile(t)
		w.addManifest(t)
		must(w.CreateBinding(t.Context(), w.newBinding(false)))(t)
		w.addSecretRef(t, unique("secret"), "active")
		w.addKey(t)
	}
	for i := range 7 {
		w.open(t, w.now, w.now)
		require.NoError(t, w.CreateAuditEntry(t.Context(), w.newAuditEntry(w.now.Add(time.Duration(i)), "profile")))
	}
	tenant, ctx := &w.tenant, t.Context()
	pages(t, store.MinID, func(r store.Principal) uuid.UUID { return r.ID }, func(from uuid.UUID, n int64) ([]store.Principal, error) {
		return w.ListPrincipals(ctx, store.ListPrincipalsParams{TenantKey: tenant, After: from, RowLimit: n})
	})
	pages(t, store.MinID, func(r store.Profile) uuid.UUID { return r.ID }, func(from uuid.UUID, n int64) ([]store.Profile, error) {
		return w.ListProfiles(ctx, store.ListProfilesParams{TenantKey: tenant, After: from, RowLimit: n})
	})
	pages(t, store.MinID, func(r store.Manifest) uuid.UUID { return r.ID }, func(from uuid.UUID, n int64) ([]store.Manifest, error) {
		return w.ListManifests(ctx, store.ListManifestsParams{TenantKey: tenant, After: from, RowLimit: n})
	})
	pages(t, store.MinID, func(r store.Binding) uuid.UUID { return r.ID }, func(from uuid.UUID, n int64) ([]store.Binding, error) {
		return w.ListBindings(ctx, store.ListBindingsParams{TenantKey: tenant, After: from, RowLimit: n})
	})
	pages(t, store.MinID, func(r store.SecretRef) uuid.UUID { return r.ID }, func(from uuid.UUID, n int64) ([]store.SecretRef, error) {
		return w.ListSecretRefs(ctx, store.ListSecretRefsParams{TenantKey: tenant, After: from, RowLimit: n})
	})
	pages(t, store.MinID, func(r store.APIKey) uuid.UUID { return r.ID }, func(from uuid.UUID, n int64) ([]store.APIKey, error) {
		return w.ListAPIKeys(ctx, store.ListAPIKeysParams{TenantKey: tenant, After: from, RowLimit: n})
	})
	pages(t, store.MaxID, func(r store.StartupSession) uuid.UUID { return r.ID }, func(from uuid.UUID, n int64) ([]store.StartupSession, error) {
		return w.ListStartups(ctx, store.ListStartupsParams{TenantKey: tenant, BeforeID: from, RowLimit: n})
	})
	pages(t, store.MaxID, func(r store.AuditLog) uuid.UUID { return r.ID }, func(from uuid.UUID, n int64) ([]store.AuditLog, error) {
		return w.ListAuditLog(ctx, store.ListAuditLogParams{TenantKey: tenant, BeforeID: from, RowLimit: n})
	})
}

// pages reads a list of seven rows in pages of every size.
func pages[R any](t *testing.T, first uuid.UUID, id func(R) uuid.UUID, list func(from uuid.UUID, limit int64) ([]R, error)) {
	t.Helper()
	want := must(list(first, all))(t)
	require.Len(t, want, 7)
	require.True(t, slices.IsSortedFunc(want, func(a, b R) int {
		order := strings.Compare(id(a).String(), id(b).String())
		if first == store.MaxID {
			return -order
		}
		return order
	}))
	for size := int64(1); size <= 8; size++ {
		var got []R
		for from, more := first, true; more; {
			page := must(list(from, size))(t)
			require.LessOrEqual(t, int64(len(page)), size)
			got = append(got, page...)
			if more = int64(len(page)) == size; more {
				from = id(page[len(page)-1])
			}
		}
		require.Equal(t, want, got)
	}
}
