package app_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/test/apptest"
)

// crowd is a world of n principals that share a profile and a manifest.
func crowd(n int) model.World {
	w := model.World{Profiles: []model.ProfileCreate{{ProfileKey: "gate"}}, Manifests: []model.ManifestCreate{{ManifestKey: "mesh"}}}
	for i := range n {
		key := fmt.Sprintf("principal-%05d", i)
		w.Principals = append(w.Principals, model.PrincipalCreate{PrincipalKey: key, AuthSubject: key + "@mesh"})
		w.Bindings = append(w.Bindings, model.WorldBinding{Principal: key, Profile: "gate", Manifest: "mesh"})
	}
	return w
}

func TestAWorldOfAThousandPrincipalsIsAppliedAndAppliedAgain(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := worldsOf(t, a)
		const n = 1000
		require.Len(t, w.apply(t, crowd(n), dryRun).Packets, n)
		require.Equal(t, model.PlanSummary{Create: 2*n + 2}, w.apply(t, crowd(n)).Summary)
		revision := w.revision(t)
		unchanged(t, w.apply(t, crowd(n), prune))
		require.Equal(t, revision, w.revision(t))
		require.Equal(t, crowd(n).Principals[n-1].PrincipalKey, w.exported(t).Principals[n].PrincipalKey)

		changed := crowd(n)
		changed.Profiles[0].Policy = []byte(`{"n":1}`)
		require.Len(t, w.apply(t, changed, dryRun).Packets, n)
		require.Equal(t, model.PlanSummary{Update: 1, Delete: n, Unchanged: n + 1}, w.apply(t, model.World{
			Profiles: changed.Profiles, Manifests: changed.Manifests,
			Principals: changed.Principals[:n/2], Bindings: changed.Bindings[:n/2],
		}, prune).Summary)
		require.Empty(t, w.bear(t, "principal-00000@mesh", "c").code)
		require.Equal(t, "FORBIDDEN", w.bear(t, "principal-00999@mesh", "c").code)
	})
}
