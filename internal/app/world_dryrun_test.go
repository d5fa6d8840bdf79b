package app_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/oapi-codegen/nullable"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/doc"
	"github.com/legivellum/metagate/internal/test/apptest"
)

// edits are what operators do to the mesh, each over and over; n makes each time another.
var edits = map[string]func(w *model.World, n int){
	"a policy": func(w *model.World, n int) { w.Profiles[n%3].Policy = json.RawMessage(fmt.Sprintf(`{"n":%d}`, n)) },
	"a list, an object or null": func(w *model.World, n int) {
		w.Profiles[n%3].Policy = json.RawMessage(fmt.Sprintf(`{"any":%s}`, []string{"[1]", "[]", "{}", "null", `"t"`}[n%5]))
	},
	"numbers": func(w *model.World, n int) {
		w.Profiles[n%3].Policy = json.RawMessage(fmt.Sprintf(`{"rate":1.1%0*d}`, n%3, 0))
	},
	"services": func(w *model.World, n int) {
		w.Manifests[0].Services = json.RawMessage(fmt.Sprintf(`{"gate":{"port":%d}}`, n))
	},
	"all of a manifest": func(w *model.World, n int) {
		doc := json.RawMessage(fmt.Sprintf(`{"n":%d}`, n))
		m := &w.Manifests[0]
		m.Environment, m.Services, m.MemoryMap, m.Polling, m.Schemas = doc, doc, doc, doc, doc
	},
	"an override": func(w *model.World, n int) {
		if i := n % 9; i < len(w.Bindings) {
			w.Bindings[i].Overrides = json.RawMessage(fmt.Sprintf(`{"services":{"own":{"n":%d}},"policy":{"n":null}}`, n))
		}
	},
	"a secret's name": func(w *model.World, n int) { w.SecretRefs[n%3].RefName = fmt.Sprintf("NAME_%d", n) },
	"a secret's state": func(w *model.World, n int) {
		w.SecretRefs[n%3].Status = []model.SecretRefStatus{model.SecretRefStatusActive, model.SecretRefStatusDisabled}[n/3%2]
	},
	"a new secret": func(w *model.World, n int) {
		w.SecretRefs = append(w.SecretRefs, model.SecretRefCreate{SecretKey: fmt.Sprintf("new-%d", n), RefKind: model.RefKindEnv, RefName: "N"})
	},
	"a principal's state": func(w *model.World, n int) {
		w.Principals[n%9].Status = []model.PrincipalStatus{model.PrincipalStatusActive, model.PrincipalStatusDisabled}[n/9%2]
	},
	"a subject": func(w *model.World, n int) { w.Principals[n%9].AuthSubject = fmt.Sprintf("subject-%d", n) },
	"narrowing": func(w *model.World, n int) {
		w.Profiles[n%3].Capabilities = json.RawMessage(`{"allowed_components":["a*"]}`)
	},
	"widening":   func(w *model.World, n int) { w.Profiles[n%3].Capabilities = json.RawMessage(`{"n":1}`) },
	"an SLA":     func(w *model.World, n int) { w.Profiles[n%3].StartupSLASeconds = int64(3600 + n) },
	"a deletion": func(w *model.World, n int) { w.Bindings = slices.Delete(w.Bindings, 0, min(1, len(w.Bindings))) },
	"a move": func(w *model.World, n int) {
		if i := n % 9; i < len(w.Bindings) {
			w.Bindings[i].Profile = w.Profiles[n%3].ProfileKey
		}
	},
	"on and off": func(w *model.World, n int) {
		if i := n % 9; i < len(w.Bindings) {
			w.Bindings[i].Active = new(n/9%2 == 0)
		}
	},
	"a rename": func(w *model.World, n int) {
		w.Manifests[0].ManifestKey = fmt.Sprintf("mesh-%d", n)
		for i := range w.Bindings {
			w.Bindings[i].Manifest = w.Manifests[0].ManifestKey
		}
	},
	"the order of members": func(w *model.World, n int) { w.Manifests[0].Polling = json.RawMessage(`{"b":1,"a":{"d":1,"c":2}}`) },
	"required secrets": func(w *model.World, n int) {
		w.Profiles[n%3].Policy = json.RawMessage(`{"required_secrets":["` + w.SecretRefs[n%3].SecretKey + `"]}`)
	},
	"back to the start": func(w *model.World, n int) {},
}

func TestADryRunForetellsExactlyWhosePacketsChange(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := worldsOf(t, a)
		world := mesh(t)
		w.apply(t, world)
		before := w.bearAll(t, world)
		names, random := slices.Sorted(maps.Keys(edits)), rand.New(rand.NewPCG(3, 14))
		for n := range 2 * len(names) {
			var what []string
			name := names[n%len(names)]
			for range 1 + n/len(names) { // one edit each at first, then two at a time
				if name == "back to the start" {
					world = mesh(t)
				}
				edits[name](&world, random.IntN(1000))
				what = append(what, name)
				name = names[random.IntN(len(names))]
			}
			before = w.requireForetold(t, world, before, fmt.Sprint(n, what))
		}
	})
}

// requireForetold runs dry, applies, and compares with what everybody really gets.
func (w worlds) requireForetold(t *testing.T, world model.World, before map[string]born, what string) map[string]born {
	t.Helper()
	stored, revision, written, opened := w.export(t, asJSON), w.revision(t), len(w.audited(t, 0)), receipts(t, w.App)
	foretold := w.apply(t, world, dryRun, prune)
	require.True(t, foretold.DryRun)
	require.Equal(t, stored, w.export(t, asJSON), what)
	require.Equal(t, []int{int(revision), written, opened}, []int{int(w.revision(t)), len(w.audited(t, 0)), receipts(t, w.App)}, what)

	done := w.apply(t, world, prune)
	require.Equal(t, foretold.Changes, done.Changes, what)
	require.Equal(t, foretold.Summary, done.Summary, what)
	require.Empty(t, done.Packets)
	after := w.bearAll(t, world)
	listed := map[string]model.PacketChange{}
	for _, p := range foretold.Packets {
		listed[p.PrincipalKey] = p
	}
	require.Len(t, listed, len(foretold.Packets))
	for key := range meshComponents {
		b, a := before[key], after[key]
		p, changes := listed[key]
		require.Equal(t, b.etag != a.etag, changes, "%s: %s %+v", what, key, p)
		if !changes {
			continue
		}
		require.Equal(t, meshComponents[key].component, p.ComponentKey, "the one that it started last")
		require.Equal(t, b.etag, etagIn(p.EtagBefore), "%s: %s", what, key)
		require.Equal(t, a.etag, etagIn(p.EtagAfter), "%s: %s", what, key)
		if b.etag != "" && a.etag != "" {
			require.Equal(t, differences(t, b.members, a.members), p.Sections, "%s: %s", what, key)
		}
	}
	return after
}

// differences compares packets as their etags do.
func differences(t *testing.T, before, after map[string]json.RawMessage) (out []string) {
	t.Helper()
	require.Equal(t, slices.Sorted(maps.Keys(before)), slices.Sorted(maps.Keys(after)))
	for _, name := range slices.Sorted(maps.Keys(before)) {
		b, err := doc.Canonical(before[name])
		require.NoError(t, err)
		a, err := doc.Canonical(after[name])
		require.NoError(t, err)
		if !bytes.Equal(b, a) {
			out = append(out, name)
		}
	}
	return out
}

func TestADryRunOfAnEmptyServerShowsWhatWillBeThere(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := worldsOf(t, a)
		foretold := w.apply(t, mesh(t), dryRun)
		require.Len(t, foretold.Packets, len(meshComponents))
		require.Equal(t, []string{"principal admin"}, keysOf(w.exported(t)))
		w.apply(t, mesh(t))
		for _, p := range foretold.Packets {
			require.True(t, p.EtagBefore.IsNull())
			subject := p.PrincipalKey + "@mesh"
			if p.PrincipalKey == "worker-pool" {
				subject = "workers@mesh"
			}
			require.Equal(t, w.bear(t, subject, p.ComponentKey).etag, p.EtagAfter.MustGet(), p.PrincipalKey)
		}
	})
}

// etagIn is empty where the plan says null.
func etagIn(n nullable.Nullable[string]) string {
	if n.IsNull() {
		return ""
	}
	return n.MustGet()
}
