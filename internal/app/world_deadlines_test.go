package app_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/test/apptest"
)

func TestADryRunListsTheDeadlinesThatChange(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := worldsOf(t, a)
		world := mesh(t)
		require.Empty(t, w.apply(t, world, dryRun).Deadlines, "who got no packet had no deadline")
		w.apply(t, world)

		world.Profiles[0].Policy = patch(`{"n":1}`) // gate
		require.Empty(t, w.apply(t, world, dryRun).Deadlines, "another packet by the same deadline")
		world = mesh(t)
		world.Profiles[2].StartupSLASeconds = 45 // worker
		plan := w.apply(t, world, dryRun)
		require.Empty(t, plan.Packets, "the SLA is no part of a packet")
		require.Equal(t, []model.DeadlineChange{{PrincipalKey: "worker-pool", SecondsBefore: 30, SecondsAfter: 45}}, plan.Deadlines)
		before := w.deadline(t, "workers@mesh", "worker_1")
		require.Empty(t, w.apply(t, world).Deadlines, "only of a dry run")
		require.Equal(t, []time.Duration{30 * time.Second, 45 * time.Second}, []time.Duration{before, w.deadline(t, "workers@mesh", "worker_1")})
		require.Empty(t, w.apply(t, world, dryRun).Deadlines)

		world.Profiles[0].StartupSLASeconds = 7
		world.Bindings[7].Profile = "gate"        // receiptgate, of 60 seconds
		world.Principals[3].Status = "disabled"   // depotgate
		world.Bindings[4].Active = new(false)     // interview
		world.Principals[8].PrincipalKey = "anew" // whom nothing binds
		world.Principals[8].AuthSubject = "anew"
		world.Bindings[8].Principal = "anew"
		plan = w.apply(t, world, dryRun)
		var keys []string
		for _, d := range plan.Deadlines {
			keys = append(keys, d.PrincipalKey)
			require.Equal(t, map[bool]int64{true: 60, false: 120}[d.PrincipalKey == "receiptgate"], d.SecondsBefore)
			require.EqualValues(t, 7, d.SecondsAfter)
		}
		require.Equal(t, []string{"asyncgate", "cognigate", "delegate", "interrogate", "memorygate", "receiptgate"}, keys)
	})
}

// deadline is how long a component has that starts now.
func (w worlds) deadline(t *testing.T, subject, component string) time.Duration {
	t.Helper()
	p := apptest.Got(w.Client(t, token(t, subject)).BootstrapWithResponse(t.Context(), nil, model.BootstrapRequest{ComponentKey: component})).Is(t, 200).JSON200
	return p.Startup.DeadlineAt.Sub(p.IssuedAt)
}
