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
	want := map[uuid.UUID]bool{}
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
			want[p.ID] = true
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
		if !want[p.ID] {
			continue
		}
		require.Equal(t, asOpened(p), unnumbered(stored[p.ID]), "as OpenStartup writes it")
	}
}

func openBatchBadRow(t *testing.T, s *store.Store) {
	w := newWorld(t, s)
	there := w.open(t, w.now, w.now)
	fresh := func() store.OpenStartupParams { return w.newStartup(w.now, w.now) }
	twice, again := fresh(), fresh()
	again.ID = there.ID
	for name, rows := range map[string][]store.OpenStartupParams{
		"an id twice in the batch":     {fresh(), twice, fresh(), twice},
		"an id that is there already":  {fresh(), fresh(), again},
		"an id that is there, first":   {again, fresh(), fresh()},
		"the same row twice in a row":  {twice, twice},
		"nothing but what there is":    {again},
		"the same and a stale one too": {twice, twice, {ID: uuid.New(), TenantKey: w.tenant}},
	} {
		opened, err := s.OpenStartups(t.Context(), rows)
		requireUnique(t, err)
		require.Empty(t, opened, name)
		require.Equal(t, map[uuid.UUID]store.StartupSession{there.ID: there}, receipts(t, s), name)
	}
	require.Equal(t, []bool{true}, must(s.OpenStartups(t.Context(), []store.OpenStartupParams{twice}))(t))
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
