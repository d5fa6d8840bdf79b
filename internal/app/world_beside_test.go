package app_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/test/apptest"
)

// beside bootstraps l's component without a pause while do runs, and tells how
// often. A component sends its bootstrap again after a 503, and so does this one:
// how long a commit takes on this machine is for benchmarks.
func (l *lab) beside(t *testing.T, a *apptest.App, do func()) (served int64) {
	t.Helper()
	component := patient(t, a, l.key.APIKey)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var count atomic.Int64
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for ctx.Err() == nil {
				r, err := component.BootstrapWithResponse(t.Context(), nil, model.BootstrapRequest{ComponentKey: "c"})
				if err != nil || r.StatusCode() != 200 {
					t.Errorf("%v, %v", r, err)
					return
				}
				count.Add(1)
			}
		})
	}
	do()
	stop()
	all.Wait()
	return count.Load()
}

func TestBootstrapsAreAnsweredWhileALargeWorldIsApplied(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l, w := newLab(t, a), worldsOf(t, a)
		const n = 400 // a stand-in: how long many more take is for benchmarks
		world, own := crowd(n), w.exported(t)
		steps := []struct {
			what string
			do   func() model.PlanSummary
			want model.PlanSummary
		}{
			{"created", func() model.PlanSummary { return w.apply(t, world).Summary }, model.PlanSummary{Create: 2*n + 2}},
			{"changed", func() model.PlanSummary {
				world.Profiles = append(world.Profiles, model.ProfileCreate{ProfileKey: "other"})
				for i := range n {
					world.Principals[i].PrincipalType, world.Bindings[i].Profile = "worker", "other"
				}
				return w.apply(t, world).Summary
			}, model.PlanSummary{Create: 1, Update: 2 * n, Unchanged: 2}},
			{"pruned", func() model.PlanSummary { return w.apply(t, own, prune).Summary }, model.PlanSummary{Delete: 2*n + 3, Unchanged: 5}},
		}
		for _, step := range steps {
			require.Positive(t, l.beside(t, a, func() { require.Equal(t, step.want, step.do(), step.what) }), step.what)
		}
		require.Equal(t, own, w.exported(t))
	})
}
