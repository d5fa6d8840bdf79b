package app_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/client"
	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/outcomes"
	"github.com/legivellum/metagate/internal/store"
	"github.com/legivellum/metagate/internal/test/apptest"
	"github.com/legivellum/metagate/internal/test/testdb"
)

func (l *lab) outcomes(t *testing.T, by model.OutcomeDimension) []model.Outcome {
	t.Helper()
	return *apptest.Got(l.admin.ListOutcomesWithResponse(t.Context(), &model.ListOutcomesParams{By: &by})).Is(t, 200).JSON200
}

// counted waits until the reader has come to all that is there.
func (l *lab) counted(t *testing.T) {
	t.Helper()
	until(t, func() bool {
		s, err := l.Store.GetSink(t.Context(), "outcomes")
		require.NoError(t, err)
		n, err := l.Store.CountChanges(t.Context(), store.CountChangesParams{FromChange: s.Position, RowLimit: 1})
		require.NoError(t, err)
		return n == 0
	})
}

func TestOutcomesThatNobodyCanTellAreRefused(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := wire{a, apptest.AdminKey}
		for _, path := range []string{
			"outcomes?by=weather", "outcomes?since=yesterday", "outcomes/compare", "outcomes/compare?manifest=m&version=1",
			"outcomes/compare?manifest=m&version=0&against=1", "outcomes/compare?manifest=m&version=2&against=1&min=1", "roster?state=LOST", "roster?cursor=x",
			"refusals?code=no", "refusals?cursor=x",
		} {
			w.send(t, "GET", "/v1/admin/"+path, "").refused(t, 400, "INVALID_REQUEST")
		}
		for _, path := range []string{"outcomes", "outcomes/compare?manifest=m&version=1&against=2", "roster", "refusals"} {
			sign := "?"
			if strings.Contains(path, "?") {
				sign = "&"
			}
			w.send(t, "GET", "/v1/admin/"+path+sign+"tenant_key=another", "").refused(t, 403, "FORBIDDEN")
		}
	})
}

func TestWhatBecameOfStartupsIsToldByEachDimension(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l, now := newLab(t, a), store.Now()
		require.Empty(t, l.outcomes(t, model.OutcomeDimensionComponent))
		for range 3 {
			apptest.Got(l.component.ReportReadyWithResponse(t.Context(), ready(l.start(t, "up").Startup.StartupID))).Is(t, 200)
		}
		apptest.Got(l.component.ReportFailedWithResponse(t.Context(), failed(l.start(t, "down").Startup.StartupID))).Is(t, 200)
		l.start(t, "coming")
		l.opened(t, store.OpenStartupParams{ComponentKey: "lost", OpenedAt: now.Add(-time.Minute), DeadlineAt: now.Add(-time.Second)})
		late := l.opened(t, store.OpenStartupParams{ComponentKey: "late", OpenedAt: now.Add(-time.Minute), DeadlineAt: now.Add(-time.Second)})
		apptest.Got(l.component.ReportReadyWithResponse(t.Context(), ready(late))).Is(t, 200)
		apptest.Got(l.component.BootstrapWithResponse(t.Context(), nil, model.BootstrapRequest{ComponentKey: "up", Source: model.BootstrapRequestSourceBench})).Is(t, 200)

		check := func(when string) {
			figures := func(by model.OutcomeDimension) string {
				var all []string
				for _, o := range l.outcomes(t, by) {
					name, _ := o.Name.Get()
					all = append(all, fmt.Sprint(name, " ", o.Started, o.Ready, o.Failed, o.Overdue, o.Waiting, o.Late, !o.TimeToReady.IsNull()))
				}
				return strings.Join(all, "\n")
			}
			require.Equal(t, "up 3 3 0 0 0 0 true\ncoming 1 0 0 0 1 0 false\ndown 1 0 1 0 0 0 false\nlate 1 1 0 0 0 1 true\nlost 1 0 0 1 0 0 false",
				figures(model.OutcomeDimensionComponent), when)
			require.Equal(t, l.profile.ProfileKey+" 7 4 1 1 1 1 true", figures(model.OutcomeDimensionProfile), when)
			require.Equal(t, l.manifest.ManifestKey+" 7 4 1 1 1 1 true", figures(model.OutcomeDimensionManifestVersion), when)
			require.Equal(t, "1.2.3 4 4 0 0 0 1 true\n 3 0 1 1 1 0 false", figures(model.OutcomeDimensionBuildVersion), when)
			require.EqualValues(t, 1, l.outcomes(t, model.OutcomeDimensionManifestVersion)[0].Version.MustGet())
			var sum int64
			for _, o := range l.outcomes(t, model.OutcomeDimensionHour) {
				require.False(t, o.Hour.IsNull())
				sum += o.Started
			}
			require.EqualValues(t, 7, sum, when)
		}
		check("at once")
		l.counted(t)
		check("when it is counted")
		for _, o := range l.outcomes(t, model.OutcomeDimensionComponent) {
			if o.Name.MustGet() == "late" {
				require.InDelta(t, 60, o.TimeToReady.MustGet().P95, 10)
			}
		}
	})
}

// addUp holds what is counted against the receipts.
func (l *lab) addUp(t *testing.T) {
	t.Helper()
	l.counted(t)
	want := map[string]int64{}
	rows, err := l.Store.ListStartups(t.Context(), store.ListStartupsParams{BeforeID: store.MaxID, RowLimit: 1_000_000})
	require.NoError(t, err)
	for _, r := range rows {
		want["started"]++
		want[r.Status]++
		require.Positive(t, r.OpenedChange)
	}
	for _, dimension := range []string{"all", "profile", "manifest", "component", "build"} {
		got := map[string]int64{}
		sums, err := l.Store.SumOutcomes(t.Context(), store.SumOutcomesParams{Dimension: dimension})
		require.NoError(t, err)
		for _, s := range sums {
			switch {
			case s.Measure == -1:
				got["started"] += s.N
			case s.Measure == -2:
				got["READY"] += s.N
			case s.Measure == -3:
				got["FAILED"] += s.N
			case s.Measure >= 0:
				got["times"] += s.N
			}
		}
		require.Equal(t, got["times"], got["READY"], dimension)
		delete(got, "times")
		got["OPEN"] = got["started"] - got["READY"] - got["FAILED"]
		for _, m := range []map[string]int64{want, got} {
			for k, n := range m {
				if n == 0 {
					delete(m, k)
				}
			}
		}
		require.Equal(t, want, got, dimension)
	}
}

// live starts and reports until it is told to stop.
func live(ctx context.Context, t *testing.T, clients ...*client.ClientWithResponses) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var all sync.WaitGroup
	for n := range 12 {
		all.Go(func() {
			for ctx.Err() == nil {
				c := clients[rand.IntN(len(clients))]
				got, err := c.BootstrapWithResponse(ctx, nil, model.BootstrapRequest{ComponentKey: fmt.Sprint("c", n), InstanceID: fmt.Sprint(rand.IntN(5))})
				if err != nil || got.JSON200 == nil {
					continue
				}
				id, c := got.JSON200.Startup.StartupID, clients[rand.IntN(len(clients))]
				switch rand.IntN(3) {
				case 0:
					_, _ = c.ReportReadyWithResponse(ctx, ready(id))
				case 1:
					_, _ = c.ReportFailedWithResponse(ctx, failed(id))
				}
			}
		})
	}
	return func() { cancel(); all.Wait() }
}

// stalled opens startups in a transaction that stays open until release.
func (l *lab) stalled(t *testing.T) (release func()) {
	t.Helper()
	let, opened, done := make(chan struct{}), make(chan error, 1), make(chan error, 1)
	go func() {
		done <- l.Store.InTx(t.Context(), func(q store.Queries) error {
			at, err := q.GetRevision(t.Context(), l.principal.TenantKey)
			for range 3 {
				if err == nil {
					now := store.Now()
					_, err = q.OpenStartup(t.Context(), store.OpenStartupParams{
						ID: store.NewID(now), TenantKey: l.principal.TenantKey, Epoch: at.Epoch, Source: "live", PrincipalID: l.principal.ID, PrincipalKey: l.principal.PrincipalKey,
						ComponentKey: "held", ProfileKey: l.profile.ProfileKey, ManifestKey: l.manifest.ManifestKey, ManifestVersion: 1, PacketID: uuid.New(),
						PacketEtag: "e", OpenedAt: now, DeadlineAt: now.Add(time.Hour),
					})
				}
			}
			opened <- err
			<-let
			return err
		})
	}()
	require.NoError(t, <-opened)
	return func() { close(let); require.NoError(t, <-done) }
}

func TestOutcomesAddUpToTheReceiptsWithAStalledWriterAndTwoReplicas(t *testing.T) {
	t.Parallel()
	testdb.Each(t, apptest.Migrate, func(t *testing.T, url string) {
		l := newLab(t, apptest.Start(t, url))
		other := apptest.Start(t, url)
		stop := live(t.Context(), t, l.component, other.Client(t, l.key.APIKey))
		// Readers that don't ask for the lease, and die at any point.
		ctx, cancel := context.WithCancel(t.Context())
		var readers sync.WaitGroup
		for range 2 {
			readers.Go(func() {
				r := outcomes.Reader{Store: other.Store, Now: store.Now}
				for ctx.Err() == nil {
					short, cancel := context.WithTimeout(ctx, time.Duration(rand.IntN(20_000))*time.Microsecond)
					_ = r.Count(short)
					cancel()
				}
			})
		}
		for range 5 {
			release := l.stalled(t)
			before, _ := l.Store.GetSink(t.Context(), "outcomes")
			if !strings.HasPrefix(url, "sqlite:") { // whose writers come after one another
				rows := int64(0)
				until(t, func() bool {
					n, err := l.Store.CountChanges(t.Context(), store.CountChangesParams{FromChange: before.Position, RowLimit: 500})
					require.NoError(t, err)
					rows = n
					return n >= 100
				})
				require.Positive(t, rows)
			}
			release()
		}
		stop()
		cancel()
		readers.Wait()
		l.addUp(t)
	})
}

func TestAServerKilledWhileItCountsNeitherSkipsNorDoubles(t *testing.T) {
	t.Parallel()
	binary := buildMetagate(t)
	testdb.Each(t, apptest.Migrate, func(t *testing.T, url string) {
		var l *lab
		for range 3 { // each on what the one before left
			server := spawn(t, binary, url)
			l = newLab(t, server.App)
			stop := live(t.Context(), t, l.component)
			until(t, func() bool {
				rows, err := server.App.Client(t, apptest.AdminKey).ListOutcomesWithResponse(t.Context(), &model.ListOutcomesParams{By: new(model.OutcomeDimensionProfile)})
				return err == nil && rows.JSON200 != nil && len(*rows.JSON200) > 0 && (*rows.JSON200)[0].Started > 200
			})
			server.kill()
			stop()
		}
		l = newLab(t, apptest.Start(t, url))
		l.addUp(t)
	})
}

func TestOfMoreComponentsThanAnHourCountsApartNoneIsOverdueThatHasTime(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l := newLab(t, a)
		l.openedMany(t, 1005, store.Now().Add(time.Hour))
		rest := func() (o model.Outcome) {
			for _, one := range *apptest.Got(l.admin.ListOutcomesWithResponse(t.Context(), &model.ListOutcomesParams{By: new(model.OutcomeDimensionComponent)})).Is(t, 200).JSON200 {
				require.Zero(t, one.Overdue, one.Name)
				if one.Name.IsNull() {
					o = one
				}
			}
			return o
		}
		until(t, func() bool { return rest().Started > 0 })
		require.Equal(t, rest().Started, rest().Waiting)
	})
}
