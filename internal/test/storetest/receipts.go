package storetest

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/store"
)

func openStartupEpoch(t *testing.T, s *store.Store) {
	w := newWorld(t, s)
	refused := func(p store.OpenStartupParams) {
		require.EqualValues(t, 0, must(w.OpenStartup(t.Context(), p))(t))
		_, err := w.GetStartup(t.Context(), p.ID)
		require.True(t, store.IsNotFound(err))
	}
	p := w.newStartup(w.now, w.now)
	for _, p.Epoch = range []int64{0, 1, w.epoch - 1, w.epoch + 1, -w.epoch} { // 1 is the revision
		refused(p)
	}
	other := p
	other.Epoch, other.TenantKey = w.epoch, unique("tenant")
	refused(other)

	old, at := w.epoch, store.SetRevisionParams{TenantKey: w.tenant, Epoch: newEpoch()}
	for _, at.Revision = range []int64{1, 2, 0} { // an epoch that passed writes nothing, whatever the revision
		require.NoError(t, w.SetRevision(t.Context(), at))
		p.Epoch = old
		refused(p)
	}
	p.Epoch = at.Epoch
	for _, at.Revision = range []int64{2, 3, 1} { // what changes no answer holds nobody up
		require.NoError(t, w.SetRevision(t.Context(), at))
		p.ID = store.NewID(w.now)
		require.EqualValues(t, 1, must(w.OpenStartup(t.Context(), p))(t))
		require.Equal(t, &at.Revision, must(w.GetStartup(t.Context(), p.ID))(t).Revision)
	}
	rows, err := w.ListStartups(t.Context(), store.ListStartupsParams{BeforeID: store.MaxID, RowLimit: all})
	require.NoError(t, err)
	require.Len(t, rows, 3)
}

func reportStartupConditions(t *testing.T, s *store.Store) {
	w, elsewhere := newWorld(t, s), newWorld(t, s)
	p := w.newStartup(w.now, w.now)
	require.EqualValues(t, 1, must(w.OpenStartup(t.Context(), p))(t))
	want := must(w.GetStartup(t.Context(), p.ID))(t)
	passed := w.epoch
	w.epoch = must(Move(t.Context(), w, w.tenant))(t)
	report := w.readyReport(p.ID, w.now)
	for name, change := range map[string]func(*store.ReportStartupParams){
		"another's":            func(r *store.ReportStartupParams) { r.PrincipalID = elsewhere.principal.ID },
		"no startup":           func(r *store.ReportStartupParams) { r.ID = uuid.New() },
		"an epoch that passed": func(r *store.ReportStartupParams) { r.CallerEpoch = passed },
		"its revision":         func(r *store.ReportStartupParams) { r.CallerEpoch = 2 },
		"another tenant's":     func(r *store.ReportStartupParams) { r.CallerTenant = elsewhere.tenant },
		"no tenant":            func(r *store.ReportStartupParams) { r.CallerTenant = unique("tenant") },
	} {
		refused := report
		change(&refused)
		require.EqualValues(t, 0, must(w.ReportStartup(t.Context(), refused))(t), name)
		require.Empty(t, must(w.ReportStartups(t.Context(), []store.ReportStartupParams{refused}))(t), name)
		require.Equal(t, want, must(w.GetStartup(t.Context(), p.ID))(t), name)
	}
	// The caller need not be of the startup's tenant: an admin may report for it.
	report.CallerTenant, report.CallerEpoch = elsewhere.tenant, elsewhere.epoch
	require.EqualValues(t, 1, must(w.ReportStartup(t.Context(), report))(t))
}

func retentionKeepsOpen(t *testing.T, s *store.Store) {
	w := newWorld(t, s)
	hour := func(n int) time.Time { return w.now.Add(time.Duration(n) * time.Hour) }
	inTime := w.open(t, hour(-9), hour(1))
	due := w.open(t, hour(-9), w.now) // not overdue yet: the deadline is now
	overdue := w.open(t, hour(-9), w.now.Add(-time.Microsecond))
	ready := w.open(t, hour(-9), hour(1))
	w.ready(t, ready.ID)
	failed := w.open(t, hour(-9), hour(1))
	must(w.ReportStartup(t.Context(), w.failedReport(failed.ID, w.now)))(t)
	young := w.open(t, hour(-1), hour(-1))
	w.ready(t, young.ID)

	told := w.backfill(hour(-9)) // just now
	require.EqualValues(t, 1, must(w.BackfillStartup(t.Context(), told))(t))

	p := store.DeleteOldStartupsParams{BeforeID: store.FirstID(hour(-8)), Before: hour(-8), Now: w.now, RowLimit: all, KeepAfter: -1}
	require.EqualValues(t, 0, must(w.DeleteOldStartups(t.Context(), p))(t), "what somebody has to read yet stays")
	p.KeepAfter = math.MaxInt64
	require.EqualValues(t, 3, must(w.DeleteOldStartups(t.Context(), p))(t))
	for _, gone := range []uuid.UUID{overdue.ID, ready.ID, failed.ID} {
		_, err := w.GetStartup(t.Context(), gone)
		require.True(t, store.IsNotFound(err))
	}
	for _, stays := range []uuid.UUID{inTime.ID, due.ID, young.ID, told.ID} {
		must(w.GetStartup(t.Context(), stays))(t)
	}
	require.EqualValues(t, 0, must(w.DeleteOldStartups(t.Context(), p))(t))
}

func retentionBatches(t *testing.T, s *store.Store) {
	w, other := newWorld(t, s), newWorld(t, s) // retention knows no tenants
	ids := make([]uuid.UUID, 7)
	for i := range ids {
		who := []*world{w, other}[i%2]
		ids[i] = who.open(t, w.now.Add(time.Duration(i-100)*time.Hour), w.now.Add(-time.Hour)).ID
	}
	p := store.DeleteOldStartupsParams{BeforeID: store.FirstID(w.now), Before: w.now, Now: w.now, RowLimit: 3, KeepAfter: math.MaxInt64}
	for _, want := range []int64{3, 3, 1, 0} {
		require.Equal(t, want, must(s.DeleteOldStartups(t.Context(), p))(t))
		ids = ids[want:]
		rows := must(s.ListStartups(t.Context(), store.ListStartupsParams{BeforeID: store.MaxID, RowLimit: all}))(t)
		left := []uuid.UUID{}
		for _, r := range slices.Backward(rows) {
			left = append(left, r.ID)
		}
		require.Equal(t, ids, left, "the oldest go first")
	}
}

func countOpen(t *testing.T, s *store.Store) {
	w := newWorld(t, s)
	count := func() store.CountOpenStartupsRow { return must(s.CountOpenStartups(t.Context(), w.now))(t) }
	require.Equal(t, store.CountOpenStartupsRow{}, count())
	w.open(t, w.now, w.now.Add(time.Second))
	w.open(t, w.now, w.now) // a deadline that is now isn't past
	w.open(t, w.now, w.now.Add(-time.Microsecond))
	newWorld(t, s).open(t, w.now, w.now.Add(-time.Hour))
	w.ready(t, w.open(t, w.now, w.now.Add(-time.Hour)).ID)
	require.Equal(t, store.CountOpenStartupsRow{Open: 4, Overdue: 2}, count())
	w.acknowledged(t, w.open(t, w.now, w.now.Add(-time.Hour)).ID, w.now)
	w.superseded(t, w.open(t, w.now, w.now.Add(-time.Hour)).ID, uuid.New())
	require.Equal(t, store.CountOpenStartupsRow{Open: 4, Overdue: 2}, count(), "what ended is no alarm")
}

func oneReportWins(t *testing.T, s *store.Store) {
	const reporters = 16
	w := newWorld(t, s)
	session := w.open(t, w.now, w.now)
	var wg sync.WaitGroup
	wins := make(chan string, reporters)
	for i := range reporters {
		at, text := w.now.Add(time.Duration(i)*time.Second), fmt.Sprint(i)
		wg.Go(func() {
			p := w.readyReport(session.ID, at)
			p.BuildVersion = &text
			if i%2 == 1 {
				p = w.failedReport(session.ID, at)
				p.Error = &text
			}
			if n, _ := w.ReportStartup(t.Context(), p); n != 0 {
				wins <- text
			}
		})
	}
	wg.Wait()
	close(wins)
	require.Len(t, wins, 1)
	winner := <-wins
	row := must(w.GetStartup(t.Context(), session.ID))(t)
	if row.Status == "READY" {
		require.Equal(t, winner, *row.BuildVersion)
		require.Nil(t, row.Error)
		require.Nil(t, row.FailedAt)
	} else {
		require.Equal(t, "FAILED", row.Status)
		require.Equal(t, winner, *row.Error)
		require.Nil(t, row.BuildVersion)
		require.Nil(t, row.ReadyAt)
	}
}

// lastComponents has more receipts than SQLite reads at once.
func lastComponents(t *testing.T, s *store.Store) {
	w, other := newWorld(t, s), newWorld(t, s)
	const long, never = "ended long ago", "never started"
	opened := func(at time.Time, principal string) store.OpenStartupParams {
		p := w.newStartup(at, at)
		p.PrincipalKey = principal
		return p
	}
	ago := opened(w.now.Add(-time.Hour), long)
	rows := []store.OpenStartupParams{ago, opened(w.now.Add(-2*time.Hour), long)}
	want := map[string]string{long: ago.ComponentKey}
	for i := range 4500 {
		p := opened(w.now.Add(time.Duration(i)*time.Millisecond), fmt.Sprintf(`p"%d`, i%3))
		want[p.PrincipalKey] = p.ComponentKey
		rows = append(rows, p)
	}
	newer := other.newStartup(w.now.Add(time.Hour), w.now)
	newer.PrincipalKey = long
	rows = append(rows, newer)
	requireOpened(t, must(s.OpenStartups(t.Context(), shuffled(rows)))(t))
	w.ready(t, ago.ID)

	keys := append(slices.Collect(maps.Keys(want)), never)
	require.Equal(t, want, must(s.LastComponents(t.Context(), w.tenant, keys))(t), "whatever became of it")
	require.Equal(t, map[string]string{long: newer.ComponentKey}, must(s.LastComponents(t.Context(), other.tenant, keys))(t))
	require.Equal(t, map[string]string{long: ago.ComponentKey}, must(s.LastComponents(t.Context(), w.tenant, []string{long, never}))(t), "who is asked for")
	require.Empty(t, must(s.LastComponents(t.Context(), w.tenant, []string{never}))(t))
	require.Empty(t, must(s.LastComponents(t.Context(), w.tenant, nil))(t))
}
