package storetest

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/store"
)

// receipts are all that the database holds, by id.
func receipts(t *testing.T, s *store.Store) map[uuid.UUID]store.StartupSession {
	t.Helper()
	out := map[uuid.UUID]store.StartupSession{}
	for _, r := range must(s.ListStartups(t.Context(), store.ListStartupsParams{BeforeID: store.MaxID, RowLimit: 1000}))(t) {
		out[r.ID] = r
	}
	return out
}

func shuffled[T any](rows []T) []T {
	rand.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	return rows
}

func emptyBatches(t *testing.T, s *store.Store) {
	require.Empty(t, must(s.OpenStartups(t.Context(), nil))(t))
	require.Empty(t, must(s.ReportStartups(t.Context(), nil))(t))
}

// openBatch mixes tenants and epochs, in any order: each row stands for itself.
func openBatch(t *testing.T, s *store.Store) {
	w, other := newWorld(t, s), newWorld(t, s)
	var rows []store.OpenStartupParams
	want := map[uuid.UUID]store.Opening{}
	for i := range 150 {
		who := []*world{w, other}[i%2]
		p := who.newStartup(w.now.Add(time.Duration(i)*time.Microsecond), w.now.Add(time.Duration(i)*time.Second))
		p.Epoch, p.ManifestVersion = []int64{w.epoch, other.epoch, 0}[i%3], int64(i)
		if i%5 == 0 {
			p, p.Source = told(p), []string{"live", "cache", "bench"}[i/5%3]
		}
		if i%7 == 0 {
			p.TenantKey = unique("tenant") // that there isn't
		} else if p.Epoch == who.epoch {
			want[p.ID] = store.Opened
		}
		rows = append(rows, p)
	}
	opened := must(s.OpenStartups(t.Context(), shuffled(rows)))(t)
	for i, p := range rows {
		require.Equal(t, want[p.ID], opened[i])
	}
	stored := receipts(t, s)
	require.Len(t, stored, len(want))
	for _, p := range rows {
		if want[p.ID] == store.Stale {
			continue
		}
		require.Equal(t, asOpened(p), unnumbered(stored[p.ID]), "as OpenStartup writes it")
	}
}

func openBatchBadRow(t *testing.T, s *store.Store) {
	w := newWorld(t, s)
	there := w.open(t, w.now, w.now)
	fresh := func() store.OpenStartupParams { return w.newStartup(w.now, w.now) }
	bad := fresh()
	bad.Source = "rumour"
	for _, rows := range [][]store.OpenStartupParams{{bad}, {fresh(), fresh(), bad}, {bad, fresh(), fresh()}} {
		openings, err := s.OpenStartups(t.Context(), rows)
		require.Error(t, err)
		require.Empty(t, openings)
		require.Equal(t, map[uuid.UUID]store.StartupSession{there.ID: there}, receipts(t, s))
	}
}

func requireOpened(t *testing.T, all []store.Opening) {
	t.Helper()
	require.NotContains(t, all, store.Stale)
	require.NotContains(t, all, store.Repeated)
}

// openBatchRepeated: an id opens one startup, whoever comes with it again.
func openBatchRepeated(t *testing.T, s *store.Store) {
	w := newWorld(t, s)
	there := w.open(t, w.now, w.now)
	fresh := func() store.OpenStartupParams { return w.newStartup(w.now, w.now) }
	again := func(id uuid.UUID) store.OpenStartupParams {
		p := fresh()
		p.ID = id
		return p
	}
	stale := again(there.ID)
	stale.Epoch++
	twice, other := fresh(), fresh()
	const stays, opens, is = store.Stale, store.Opened, store.Repeated
	want := map[uuid.UUID]store.StartupSession{there.ID: there}
	for _, c := range []struct {
		name string
		rows []store.OpenStartupParams
		all  []store.Opening
	}{
		{"an id twice in the batch", []store.OpenStartupParams{fresh(), twice, fresh(), again(twice.ID)}, []store.Opening{opens, opens, opens, is}},
		{"in a later one", []store.OpenStartupParams{again(twice.ID)}, []store.Opening{is}},
		{"an id that is there already", []store.OpenStartupParams{fresh(), fresh(), again(there.ID)}, []store.Opening{opens, opens, is}},
		{"first", []store.OpenStartupParams{again(there.ID), fresh(), fresh()}, []store.Opening{is, opens, opens}},
		{"and stale", []store.OpenStartupParams{stale}, []store.Opening{is}},
		{"beside a stale one", []store.OpenStartupParams{other, again(other.ID), {ID: uuid.New(), TenantKey: w.tenant}}, []store.Opening{opens, is, stays}},
	} {
		require.Equal(t, c.all, must(s.OpenStartups(t.Context(), c.rows))(t), c.name)
		for i, p := range c.rows {
			if c.all[i] == opens {
				want[p.ID] = asOpened(p)
			}
		}
		got := receipts(t, s)
		for id, row := range got {
			if id != there.ID {
				got[id] = unnumbered(row)
			}
		}
		require.Equal(t, want, got, c.name)
	}
}

// reportBatch mixes every report that there is with those that must change nothing.
func reportBatch(t *testing.T, s *store.Store) {
	w, other := newWorld(t, s), newWorld(t, s)
	var rows []store.ReportStartupParams
	want, sessions := map[uuid.UUID]store.Reported{}, map[uuid.UUID]store.StartupSession{}
	for i := range 120 {
		row, at := w.open(t, w.now.Add(time.Duration(i)*time.Microsecond), w.now), w.now.Add(time.Duration(i)*time.Second)
		p := w.readyReport(row.ID, at)
		if i%2 == 1 {
			p = w.failedReport(row.ID, at)
		}
		switch i % 6 {
		case 0: // READY, FAILED without a document
			p.Health = nil
		case 1:
			p.Details = nil
		case 4:
			[]func(){
				func() { p.CallerEpoch-- }, func() { p.CallerEpoch++ }, func() { p.CallerTenant = unique("tenant") },
				func() { p.PrincipalID = other.principal.ID }, func() { p.ID = uuid.New() },
			}[i/6%5]()
		case 5: // closed already
			w.ready(t, row.ID)
			row = must(w.GetStartup(t.Context(), row.ID))(t)
		}
		if i%6 < 4 {
			want[row.ID] = store.Reported{Status: p.Status, At: at}
			row.Status, row.ReadyAt, row.FailedAt = p.Status, p.ReadyAt, p.FailedAt
			row.BuildVersion, row.Health, row.Error, row.Details = p.BuildVersion, p.Health, p.Error, p.Details
		}
		rows, sessions[row.ID] = append(rows, p), unnumbered(row)
	}
	require.Equal(t, want, must(s.ReportStartups(t.Context(), shuffled(rows)))(t))
	stored := func() map[uuid.UUID]store.StartupSession {
		all := receipts(t, s)
		for id, row := range all {
			all[id] = unnumbered(row)
		}
		return all
	}
	require.Equal(t, sessions, stored(), "as ReportStartup writes it")
	require.Empty(t, must(s.ReportStartups(t.Context(), rows))(t), "once")
	require.Equal(t, sessions, stored())
}

// reportBatchTwice: what is returned is what is stored, whichever report wins.
func reportBatchTwice(t *testing.T, s *store.Store) {
	w := newWorld(t, s)
	var rows []store.ReportStartupParams
	const startups = 20
	for i := range startups {
		id := w.open(t, w.now, w.now).ID
		for n, report := range []func(uuid.UUID, time.Time) store.ReportStartupParams{w.readyReport, w.failedReport, w.readyReport} {
			p := report(id, w.now.Add(time.Duration(3*i+n)*time.Second))
			if text := fmt.Sprint(n); p.Status == "READY" {
				p.BuildVersion = &text
			} else {
				p.Error = &text
			}
			rows = append(rows, p)
		}
	}
	reported := must(s.ReportStartups(t.Context(), shuffled(rows)))(t)
	require.Len(t, reported, startups)
	stored, winners := receipts(t, s), 0
	for _, p := range rows {
		row, at := stored[p.ID], p.ReadyAt
		if at == nil {
			at = p.FailedAt
		}
		if reported[p.ID] != (store.Reported{Status: p.Status, At: *at}) {
			continue
		}
		winners++
		require.Equal(t, p.Status, row.Status)
		require.Equal(t, []any{p.ReadyAt, p.FailedAt, p.BuildVersion, p.Error, p.Health, p.Details},
			[]any{row.ReadyAt, row.FailedAt, row.BuildVersion, row.Error, row.Health, row.Details}, "all of one report")
	}
	require.Equal(t, startups, winners)
}

func batchesCancelled(t *testing.T, s *store.Store) {
	w := newWorld(t, s)
	there := w.open(t, w.now, w.now)
	ctx := ended(t)
	opened, err := s.OpenStartups(ctx, []store.OpenStartupParams{w.newStartup(w.now, w.now)})
	require.Error(t, err)
	require.Empty(t, opened)
	reported, err := s.ReportStartups(ctx, []store.ReportStartupParams{w.readyReport(there.ID, w.now)})
	require.Error(t, err)
	require.Empty(t, reported)
	require.Equal(t, map[uuid.UUID]store.StartupSession{there.ID: there}, receipts(t, s))
}
