package app_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/api"
	"github.com/legivellum/metagate/internal/apptest"
)

// beside bootstraps l's component without a pause while do runs, and tells how
// often, and how many of the answers were no packet.
func (l *lab) beside(t *testing.T, do func()) (served, refused int64) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var ok, no, slowest atomic.Int64
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for ctx.Err() == nil {
				began := time.Now()
				r, err := l.component.BootstrapWithResponse(t.Context(), nil, api.BootstrapRequest{ComponentKey: "c"})
				if err != nil || r.StatusCode() != 200 {
					no.Add(1)
				} else {
					ok.Add(1)
				}
				slowest.Store(max(slowest.Load(), int64(time.Since(began))))
			}
		})
	}
	do()
	stop()
	all.Wait()
	t.Logf("%d served, %d refused, the slowest took %v", ok.Load(), no.Load(), time.Duration(slowest.Load()))
	return ok.Load(), no.Load()
}

func TestBootstrapsAreAnsweredWhileALargeWorldIsApplied(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l, w := newLab(t, a), worldsOf(t, a)
		const n = 400 // a stand-in: how long many more take is for benchmarks
		world, own := crowd(n), w.exported(t)
		steps := []struct {
			what string
			do   func() api.PlanSummary
			want api.PlanSummary
		}{
			{"created", func() api.PlanSummary { return w.apply(t, world).Summary }, api.PlanSummary{Create: 2*n + 2}},
			{"changed", func() api.PlanSummary {
				world.Profiles = append(world.Profiles, api.ProfileCreate{ProfileKey: "other"})
				for i := range n {
					world.Principals[i].PrincipalType, world.Bindings[i].Profile = "worker", "other"
				}
				return w.apply(t, world).Summary
			}, api.PlanSummary{Create: 1, Update: 2 * n, Unchanged: 2}},
			{"pruned", func() api.PlanSummary { return w.apply(t, own, prune).Summary }, api.PlanSummary{Delete: 2*n + 3, Unchanged: 5}},
		}
		for _, step := range steps {
			served, refused := l.beside(t, func() { require.Equal(t, step.want, step.do(), step.what) })
			require.Zero(t, refused, step.what)
			require.Positive(t, served, step.what)
		}
		require.Equal(t, own, w.exported(t))
	})
}
