package app_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/test/apptest"
)

// racing is a world in which every resource says whose it is.
func racing(whose string) model.World {
	doc := json.RawMessage(`{"whose":"` + whose + `"}`)
	w := model.World{
		SecretRefs: []model.SecretRefCreate{{SecretKey: "s", RefKind: "env", RefName: whose}},
		Profiles:   []model.ProfileCreate{{ProfileKey: "p", Policy: doc}, {ProfileKey: "p-" + whose, Policy: doc}},
		Manifests:  []model.ManifestCreate{{ManifestKey: "m", Services: doc}},
	}
	for i := range 5 {
		key := fmt.Sprintf("c%d", i)
		w.Principals = append(w.Principals, model.PrincipalCreate{PrincipalKey: key, AuthSubject: key + "@" + whose, PrincipalType: whose})
		w.Bindings = append(w.Bindings, model.WorldBinding{Principal: key, Profile: "p-" + whose, Manifest: "m", Overrides: json.RawMessage(`{"policy":` + string(doc) + `}`)})
	}
	return w
}

// canonical is the world as an export has it, without its admin.
func canonical(t *testing.T, w model.World) string {
	t.Helper()
	w.Principals = slices.DeleteFunc(slices.Clone(w.Principals), func(p model.PrincipalCreate) bool { return p.PrincipalType == "admin" })
	text, err := json.Marshal(w)
	require.NoError(t, err)
	return string(text)
}

func TestOfTwoAppliesThatRaceOneWinsWhole(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := worldsOf(t, a)
		whole := map[string]string{}
		for _, whose := range []string{"one", "two", "three"} {
			w.apply(t, racing(whose), prune)
			whole[canonical(t, w.exported(t))] = whose
		}
		require.Len(t, whole, 3)
		for round := range 20 {
			var racers sync.WaitGroup
			for _, whose := range whole {
				racers.Go(func() {
					r, err := w.admin.ApplyWorldWithResponse(t.Context(), &model.ApplyWorldParams{Prune: new(true)}, racing(whose))
					if err != nil || r.StatusCode() != 200 {
						t.Errorf("round %d: %v %s", round, err, r.Body)
					}
				})
			}
			seen := make(chan model.World, 100)
			for range 5 { // whoever looks in between sees one of them, too
				racers.Go(func() {
					if r, err := w.admin.ExportWorldWithResponse(t.Context(), nil); err == nil && r.JSON200 != nil {
						seen <- *r.JSON200
					}
				})
			}
			racers.Wait()
			close(seen)
			for world := range seen {
				require.Contains(t, whole, canonical(t, world), "round %d", round)
			}
			require.Contains(t, whole, canonical(t, w.exported(t)), "round %d", round)
		}
	})
}

func TestAnApplyThatRacesWithPatchesIsWholeBetweenThem(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := worldsOf(t, a)
		w.apply(t, racing("one"), prune)
		profiles, _ := adminList[model.Profile](t, a, "profiles?profile_key=p")
		manifests, _ := adminList[model.Manifest](t, a, "manifests?manifest_key=m")
		n := len(w.audited(t, 0))
		const rounds = 10
		var racers sync.WaitGroup
		racers.Go(func() {
			for i := range rounds {
				r, err := w.admin.ApplyWorldWithResponse(t.Context(), nil, racing([]string{"two", "one"}[i%2]))
				if err != nil || r.StatusCode() != 200 {
					t.Errorf("apply %d: %v", i, err)
				}
			}
		})
		for racer := range 2 {
			racers.Go(func() {
				for i := range rounds {
					body := []byte(fmt.Sprintf(`{"policy":{"n-%d":%d},"startup_sla_seconds":%d}`, racer, i, 1+i))
					p, err := w.admin.UpdateProfileWithApplicationMergePatchPlusJSONBodyWithResponse(t.Context(), profiles[0].ID.String(), nil, body)
					if err != nil || p.StatusCode() != 200 {
						t.Errorf("patch %d: %v", i, err)
					}
					m, err := w.admin.UpdateManifestWithApplicationMergePatchPlusJSONBodyWithResponse(t.Context(), manifests[0].ID.String(), nil, []byte(fmt.Sprintf(`{"services":{"n-%d":%d}}`, racer, i)))
					if err != nil || m.StatusCode() != 200 {
						t.Errorf("patch %d: %v", i, err)
					}
				}
			})
		}
		racers.Wait()

		// The log is a chain: every row's before is the after of the row before it.
		last, versions := map[string]string{}, 1
		for _, e := range w.audited(t, 0) {
			id := e.ResourceID.String()
			if before, ok := last[id]; ok && e.ResourceType != "api_key" {
				require.JSONEq(t, before, string(e.Before), e.ResourceKey)
			}
			last[id] = string(e.After)
			if e.ResourceType == "manifest" && e.Action == "update" {
				versions++
			}
		}
		require.Greater(t, len(w.audited(t, n)), rounds)
		m := *apptest.Got(w.admin.GetManifestWithResponse(t.Context(), manifests[0].ID.String())).Is(t, 200).JSON200
		require.EqualValues(t, versions, m.Version, "one for each change, none lost")
		require.JSONEq(t, last[m.ID.String()], string(apptest.Got(w.admin.GetManifestWithResponse(t.Context(), m.ID.String())).Is(t, 200).Body))
		whose := map[string]bool{}
		for _, p := range w.exported(t).Principals {
			if strings.HasPrefix(p.PrincipalKey, "c") {
				whose[p.PrincipalType] = true
			}
		}
		require.Len(t, whose, 1, "what no patch touches is one apply's")
	})
}
