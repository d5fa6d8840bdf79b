package app_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/test/apptest"
)

// bindingsWorld is three profiles, a manifest and two principals, with these bindings.
func bindingsWorld(bindings ...model.WorldBinding) model.World {
	return model.World{
		Profiles:   []model.ProfileCreate{{ProfileKey: "p1"}, {ProfileKey: "p2"}, {ProfileKey: "p3"}},
		Manifests:  []model.ManifestCreate{{ManifestKey: "m"}},
		Principals: []model.PrincipalCreate{{PrincipalKey: "a", AuthSubject: "a"}, {PrincipalKey: "b", AuthSubject: "b"}},
		Bindings:   bindings,
	}
}

func on(principal, profile string) model.WorldBinding {
	return model.WorldBinding{Principal: principal, Profile: profile, Manifest: "m"}
}

func off(principal, profile string) model.WorldBinding {
	b := on(principal, profile)
	b.Active = new(false)
	return b
}

func patched(b model.WorldBinding, overrides string) model.WorldBinding {
	b.Overrides = json.RawMessage(overrides)
	return b
}

// activeOf is the profile that each principal starts with, of the export and of a bootstrap.
func (w worlds) activeOf(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, b := range w.exported(t).Bindings {
		if *b.Active {
			require.NotContains(t, out, b.Principal)
			out[b.Principal] = b.Profile
		}
	}
	for _, principal := range []string{"a", "b"} {
		b := w.bear(t, principal, "c")
		if profile, ok := out[principal]; ok {
			require.JSONEq(t, `"`+profile+`"`, string(b.members["profile"]))
		} else {
			require.Equal(t, "NO_BINDING", b.code)
		}
	}
	return out
}

func TestBindingsFollowTheirPrincipals(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		before, after []model.WorldBinding
		how           []string
		active        map[string]string
		count         int // of bindings in the end
		changes       []string
	}{
		"the active one moves to another profile": {
			[]model.WorldBinding{on("a", "p1")},
			[]model.WorldBinding{on("a", "p2")},
			nil,
			map[string]string{"a": "p2"},
			1,
			[]string{"update binding a → p2 + m"},
		},
		"two swap their profiles": {
			[]model.WorldBinding{on("a", "p1"), on("b", "p2")},
			[]model.WorldBinding{on("a", "p2"), on("b", "p1")},
			[]string{prune},
			map[string]string{"a": "p2", "b": "p1"},
			2,
			[]string{"update binding a → p2 + m", "update binding b → p1 + m"},
		},
		"the active one is switched off": {
			[]model.WorldBinding{on("a", "p1")},
			[]model.WorldBinding{off("a", "p1")},
			nil,
			map[string]string{},
			1,
			[]string{"update binding a → p1 + m"},
		},
		"and on again": {
			[]model.WorldBinding{off("a", "p1")},
			[]model.WorldBinding{on("a", "p1")},
			nil,
			map[string]string{"a": "p1"},
			1,
			[]string{"update binding a → p1 + m"},
		},
		"an inactive one becomes active and the active one inactive": {
			[]model.WorldBinding{on("a", "p1"), off("a", "p2")},
			[]model.WorldBinding{off("a", "p1"), on("a", "p2")},
			nil,
			map[string]string{"a": "p2"},
			2,
			[]string{"update binding a → p1 + m", "update binding a → p2 + m"},
		},
		"the same, written in the other order": {
			[]model.WorldBinding{on("a", "p1"), off("a", "p2")},
			[]model.WorldBinding{on("a", "p2"), off("a", "p1")},
			nil,
			map[string]string{"a": "p2"},
			2,
			[]string{"update binding a → p1 + m", "update binding a → p2 + m"},
		},
		"a new one is active beside the old one": {
			[]model.WorldBinding{on("a", "p1")},
			[]model.WorldBinding{on("a", "p2"), off("a", "p1")},
			[]string{prune},
			map[string]string{"a": "p2"},
			2,
			[]string{"update binding a → p1 + m", "create binding a → p2 + m"},
		},
		"an inactive one is named as active and the active one not at all": {
			[]model.WorldBinding{on("a", "p1"), off("a", "p2")},
			[]model.WorldBinding{on("a", "p2")},
			nil,
			map[string]string{"a": "p2"},
			2,
			[]string{"update binding a → p1 + m", "update binding a → p2 + m"},
		},
		"the same, pruned": {
			[]model.WorldBinding{on("a", "p1"), off("a", "p2")},
			[]model.WorldBinding{on("a", "p2")},
			[]string{prune},
			map[string]string{"a": "p2"},
			1,
			[]string{"delete binding a → p1 + m", "update binding a → p2 + m"},
		},
		"several inactive ones, the same among them": {
			[]model.WorldBinding{off("a", "p1"), on("a", "p3")},
			[]model.WorldBinding{off("a", "p1"), off("a", "p1"), off("a", "p2"), on("a", "p3")},
			[]string{prune},
			map[string]string{"a": "p3"},
			4,
			[]string{"create binding a → p1 + m", "create binding a → p2 + m"},
		},
		"inactive ones go": {
			[]model.WorldBinding{off("a", "p1"), off("a", "p1"), off("a", "p2"), on("a", "p3")},
			[]model.WorldBinding{off("a", "p1"), on("a", "p3")},
			[]string{prune},
			map[string]string{"a": "p3"},
			2,
			[]string{"delete binding a → p1 + m", "delete binding a → p2 + m"},
		},
		"only an override changes": {
			[]model.WorldBinding{on("a", "p1")},
			[]model.WorldBinding{patched(on("a", "p1"), `{"policy":{"x":1}}`)},
			nil,
			map[string]string{"a": "p1"},
			1,
			[]string{"update binding a → p1 + m"},
		},
		"another principal takes over": {
			[]model.WorldBinding{on("a", "p1")},
			[]model.WorldBinding{on("b", "p1")},
			[]string{prune},
			map[string]string{"b": "p1"},
			1,
			[]string{"delete binding a → p1 + m", "create binding b → p1 + m"},
		},
		"nothing is left": {
			[]model.WorldBinding{on("a", "p1"), off("b", "p1")},
			nil,
			[]string{prune},
			map[string]string{},
			0,
			[]string{"delete binding a → p1 + m", "delete binding b → p1 + m"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			apptest.Each(t, func(t *testing.T, a *apptest.App) {
				w := worldsOf(t, a)
				w.apply(t, bindingsWorld(c.before...))
				w.activeOf(t)
				n, foretold := len(w.audited(t, 0)), w.apply(t, bindingsWorld(c.after...), append(c.how, dryRun)...)
				plan := w.apply(t, bindingsWorld(c.after...), c.how...)
				require.ElementsMatch(t, c.changes, did(plan))
				require.Equal(t, foretold.Changes, plan.Changes)
				require.Len(t, w.audited(t, n), len(c.changes), "one row for each that changed")
				require.Equal(t, c.active, w.activeOf(t))
				require.Len(t, w.exported(t).Bindings, c.count)
				unchanged(t, w.apply(t, bindingsWorld(c.after...), c.how...))
			})
		})
	}
}
