package app_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/app"
	"github.com/legivellum/metagate/internal/test/apptest"
)

// keysOf lists what an export has, without the admin's.
func keysOf(w model.World) (out []string) {
	for _, s := range w.SecretRefs {
		out = append(out, "secret "+s.SecretKey)
	}
	for _, p := range w.Profiles {
		out = append(out, "profile "+p.ProfileKey)
	}
	for _, m := range w.Manifests {
		out = append(out, "manifest "+m.ManifestKey)
	}
	for _, p := range w.Principals {
		out = append(out, "principal "+p.PrincipalKey)
	}
	for _, b := range w.Bindings {
		out = append(out, "binding "+b.Principal+" "+b.Profile+" "+b.Manifest)
	}
	return out
}

func TestPruneDeletesWhatIsNotNamedAndNothingElseDoes(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := worldsOf(t, a)
		w.apply(t, mesh(t))
		all := w.wire.census(t)
		small := mesh(t)
		small.SecretRefs, small.Profiles, small.Principals, small.Bindings = small.SecretRefs[:1], small.Profiles[:1], small.Principals[:2], small.Bindings[:1]
		unchanged(t, w.apply(t, small))
		require.Equal(t, all, w.wire.census(t), "without prune a part of a world is enough")

		n := len(w.audited(t, 0))
		plan := w.apply(t, small, prune)
		require.Equal(t, model.PlanSummary{Unchanged: 1 + 1 + 1 + 2 + 1, Delete: 2 + 2 + 7 + 8}, plan.Summary)
		require.Equal(t, []string{
			"secret receiptgate_api_key", "profile gate", "manifest legivellum-mesh",
			"principal admin", "principal asyncgate", "principal cognigate", "binding asyncgate gate legivellum-mesh",
		}, keysOf(w.exported(t)))
		rows := w.audited(t, n)
		require.Len(t, rows, plan.Summary.Delete)
		for _, e := range rows {
			require.Equal(t, "delete", e.Action)
			require.Nil(t, e.After)
			require.NotNil(t, e.Before)
		}
		unchanged(t, w.apply(t, small, prune))

		w.apply(t, model.World{}, prune)
		require.Equal(t, []string{"principal admin"}, keysOf(w.exported(t)))
		unchanged(t, w.apply(t, model.World{}, prune))
	})
}

func TestPruneLeavesTheAdminsAndWhatTheirBindingsNeed(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := worldsOf(t, a)
		world := mesh(t)
		world.Principals[0].PrincipalType = "admin"
		world.Profiles = append(world.Profiles, model.ProfileCreate{ProfileKey: "spare"})
		world.Bindings = append(world.Bindings, model.WorldBinding{Principal: "asyncgate", Profile: "spare", Manifest: "legivellum-mesh", Active: new(false)})
		w.apply(t, world)
		w.apply(t, model.World{}, prune)
		require.Equal(t, []string{
			"profile gate", "profile spare", "manifest legivellum-mesh", "principal admin", "principal asyncgate", "principal cognigate",
			"binding asyncgate gate legivellum-mesh", "binding asyncgate spare legivellum-mesh",
			"binding cognigate gate legivellum-mesh",
		}, keysOf(w.exported(t)), "cognigate is in ADMIN_PRINCIPAL_KEYS")
	}, func(c *app.Config) { c.AdminPrincipalKeys = []string{"cognigate"} })
}

func TestAnAdminThatPrunesKeepsItself(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := worldsOf(t, a)
		w.apply(t, mesh(t))
		as := a.Client(t, token(t, "delegate@mesh"))
		apptest.Got(as.ApplyWorldWithResponse(t.Context(), &model.ApplyWorldParams{Prune: new(true)}, model.World{})).Is(t, 200)
		require.Equal(t, []string{
			"profile gate", "manifest legivellum-mesh", "principal admin", "principal delegate", "binding delegate gate legivellum-mesh",
		}, keysOf(w.exported(t)))
	}, func(c *app.Config) { c.AdminPrincipalKeys = []string{"delegate"} })
}

func TestANewPrincipalTakesOverThePrunedOnesSubject(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := worldsOf(t, a)
		w.apply(t, mesh(t))
		world := mesh(t)
		for _, key := range []string{"aaa", "zzz"} { // before and after the old one
			world.Principals[0].PrincipalKey, world.Bindings[0].Principal = key, key
			plan := w.apply(t, world, prune)
			require.Equal(t, model.PlanSummary{Create: 2, Delete: 2, Unchanged: 23}, plan.Summary)
			b := w.bear(t, "asyncgate@mesh", "c")
			require.JSONEq(t, `"`+key+`"`, string(b.members["principal_key"]))
		}
	})
}

func TestARenameIsADeleteAndACreate(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := worldsOf(t, a)
		w.apply(t, mesh(t))
		world := mesh(t)
		world.SecretRefs[0].SecretKey, world.Profiles[0].ProfileKey, world.Manifests[0].ManifestKey = "renamed", "renamed", "renamed"
		world.Profiles[1].Policy, world.Profiles[2].Policy = json.RawMessage(`{}`), json.RawMessage(`{}`)
		for i := range world.Bindings {
			if b := &world.Bindings[i]; b.Profile == "gate" {
				b.Profile = "renamed"
			}
			world.Bindings[i].Manifest = "renamed"
		}
		plan := w.apply(t, world, prune)
		require.Equal(t, model.PlanSummary{Create: 3, Update: 2 + 9, Delete: 3, Unchanged: 2 + 9}, plan.Summary)
		b := w.bear(t, "interview@mesh", "c")
		require.JSONEq(t, `"renamed"`, string(b.members["profile"]))
		require.JSONEq(t, `"renamed"`, string(b.members["manifest"]))
		require.JSONEq(t, `{"memory_read":true,"memory_write":false,"async_poll":true}`, string(b.members["capabilities"]), "the binding has stayed")
	})
}

func TestSubjectsMayBePassedOnAmongPrincipals(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := worldsOf(t, a)
		w.apply(t, mesh(t))
		subjects := func(s ...string) model.World {
			world := mesh(t)
			for i := range s {
				world.Principals[i].AuthSubject = s[i]
			}
			return world
		}
		for what, world := range map[string]model.World{
			"a swap":             subjects("cognigate@mesh", "asyncgate@mesh"),
			"a ring":             subjects("cognigate@mesh", "delegate@mesh", "asyncgate@mesh"),
			"the ring backwards": subjects("delegate@mesh", "asyncgate@mesh", "cognigate@mesh"),
			"a chain":            subjects("cognigate@mesh", "delegate@mesh", "new@mesh"),
			"a chain backwards":  subjects("new@mesh", "asyncgate@mesh", "cognigate@mesh"),
		} {
			n := len(w.audited(t, 0))
			plan := w.apply(t, world)
			require.Len(t, w.audited(t, n), plan.Summary.Update, "%s: one row for each", what)
			for _, p := range world.Principals[:3] {
				b := w.bear(t, p.AuthSubject, "c")
				require.JSONEq(t, `"`+p.PrincipalKey+`"`, string(b.members["principal_key"]), what)
			}
			unchanged(t, w.apply(t, world))
			w.apply(t, mesh(t))
		}
		// A new principal takes what another gives up, whatever the order of their keys.
		for _, key := range []string{"aaa", "zzz"} {
			world := subjects("given-up-for-" + key)
			world.Principals = append(world.Principals, model.PrincipalCreate{PrincipalKey: key, AuthSubject: "asyncgate@mesh"})
			w.apply(t, world)
			w.apply(t, mesh(t), prune)
		}
	})
}
