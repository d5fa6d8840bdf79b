package app_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/test/apptest"
	"github.com/legivellum/metagate/internal/test/testdb"
)

// awkwardWorld is a world of values that a careless YAML writer changes.
func awkwardWorld(t *testing.T) model.World {
	t.Helper()
	world := mesh(t)
	world.Profiles[0].Policy = json.RawMessage(`{"n":[1.10,12345678901234567890,1e400,-0,1E5,0.1e-400],"12":{"true":{}},"e":{},"l":[]}`)
	world.Manifests[0].Schemas = json.RawMessage(`{"s":["1.10","1e400","12","true","no","null","~","","2026-11-22","0x1f",".inf","<<"," a","a\nb","\n","- a","` + "\u007f\ufeff\u0085" + `","😀","\t","\"'"],"<<":1,"null":null,"no":false}`)
	world.Principals[0].AuthSubject = "1.10"
	world.Principals[1].AuthSubject = "no"
	world.SecretRefs[0].RefName = "2026-11-22"
	world.Bindings = append(world.Bindings, model.WorldBinding{Principal: "delegate", Profile: "worker", Manifest: "legivellum-mesh", Active: new(false)})
	world.Principals[2].Status = "disabled"
	return world
}

func TestAnExportAppliedWithPruneIsNoChange(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := worldsOf(t, a)
		w.apply(t, awkwardWorld(t))
		before, all := w.bearAll(t, awkwardWorld(t)), w.wire.census(t)
		for _, mediaType := range []string{asJSON, asYAML} {
			doc := w.export(t, mediaType)
			require.Equal(t, doc, w.export(t, mediaType), "always the same bytes")
			unchanged(t, *w.try(t, mediaType, doc, prune).Is(t, 200).JSON200)
			require.Equal(t, doc, w.export(t, mediaType))
		}
		w.try(t, asYAML, w.export(t, asYAML), prune).Is(t, 200)
		w.bearAll(t, awkwardWorld(t))
		require.Equal(t, before, w.bearAll(t, awkwardWorld(t)))
		after := w.wire.census(t)
		delete(all, "startups")
		delete(after, "startups")
		require.Equal(t, all, after)
	})
}

func TestARestoreOnAnEmptyServerOfTheOtherEngineIsTheSameWorld(t *testing.T) {
	t.Parallel()
	for name, urls := range map[string]func(t *testing.T) (from, to string){
		"postgres to sqlite": func(t *testing.T) (string, string) {
			t.Helper()
			return testdb.Postgres(t, apptest.Migrate), testdb.SQLite(t)
		},
		"sqlite to postgres": func(t *testing.T) (string, string) {
			t.Helper()
			return testdb.SQLite(t), testdb.Postgres(t, apptest.Migrate)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fromURL, toURL := urls(t)
			from, to := worldsOf(t, apptest.Start(t, fromURL)), worldsOf(t, apptest.Start(t, toURL))
			from.apply(t, awkwardWorld(t))
			for _, mediaType := range []string{asYAML, asJSON} {
				doc := from.export(t, mediaType)
				to.try(t, mediaType, doc, prune).Is(t, 200)
				require.Equal(t, doc, to.export(t, mediaType))
			}
			require.Equal(t, from.bearAll(t, awkwardWorld(t)), to.bearAll(t, awkwardWorld(t)), "the same etags, and the same members to the letter")
			text := to.export(t, asYAML)
			for _, literal := range []string{"- 1.10\n", "- 12345678901234567890\n", "- 1e400\n", "- -0\n", `"1.10"`, `"1e400"`, `"no"`, `"2026-11-22"`} {
				require.Contains(t, text, literal)
			}
		})
	}
}

func TestAnExportIsSortedByKeyWhateverTheOrderOfCreation(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := worldsOf(t, a)
		w.apply(t, model.World{
			SecretRefs: []model.SecretRefCreate{{SecretKey: "b", RefKind: "env", RefName: "B"}, {SecretKey: "B", RefKind: "env", RefName: "B"}, {SecretKey: "a-1", RefKind: "env", RefName: "A"}, {SecretKey: "a", RefKind: "env", RefName: "A"}},
			Profiles:   []model.ProfileCreate{{ProfileKey: "z"}, {ProfileKey: "a"}}, Manifests: []model.ManifestCreate{{ManifestKey: "z"}, {ManifestKey: "a"}},
			Principals: []model.PrincipalCreate{{PrincipalKey: "z", AuthSubject: "1"}, {PrincipalKey: "a", AuthSubject: "2"}},
			Bindings: []model.WorldBinding{
				{Principal: "z", Profile: "z", Manifest: "z"},
				{Principal: "a", Profile: "z", Manifest: "a", Active: new(false)},
				{Principal: "a", Profile: "a", Manifest: "z"},
				{Principal: "a", Profile: "a", Manifest: "a", Active: new(false)},
			},
		})
		require.Equal(t, []string{
			"secret B", "secret a", "secret a-1", "secret b", "profile a", "profile z", "manifest a", "manifest z",
			"principal a", "principal admin", "principal z", "binding a a a", "binding a a z", "binding a z a", "binding z z z",
		}, keysOf(w.exported(t)))
	})
}

func TestNoKeyIsEverExported(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l := newLab(t, a)
		for _, mediaType := range []string{asJSON, asYAML} {
			text := worldsOf(t, a).export(t, mediaType)
			require.NotContains(t, text, "mgk_")
			require.NotContains(t, text, "api_key")
			require.NotContains(t, text, l.principal.ID.String(), "keys instead of ids")
		}
	})
}

func TestAnExportWeighsWhatAcceptAsksFor(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := worldsOf(t, a)
		for accept, want := range map[string]string{
			"": asJSON, "*/*": asJSON, asJSON: asJSON, asYAML: asYAML, "application/*": asJSON, "text/html, */*;q=0.1": asJSON,
			"application/json, application/yaml": asJSON, "application/yaml, application/json": asJSON, // a tie
			"application/json;q=1, application/yaml;q=0.5": asJSON, "application/yaml;q=1, application/json;q=0.5": asYAML,
			"application/json;q=0.5,application/yaml;q=0.501": asYAML, "Application/YAML; Q=0.9, application/*;q=0.8": asYAML,
			"application/yaml;q=0, */*": asJSON, "application/json;q=0, */*": asYAML, "application/yaml, */*;q=0.5": asYAML,
			"*/*, application/yaml;q=0.2": asJSON, "*/*;q=0.1, application/json;q=0": asYAML, "application/yaml;charset=utf-8": asYAML,
			"application/json;q=0, application/yaml;q=0": asJSON, "text/csv": asJSON, ",;q=,/": asJSON, "application/yaml;q=x": asJSON,
			"application/yaml;q=2": asJSON, "application/yaml;q=-1": asJSON, "application/yaml;q=NaN": asJSON, "my-yaml": asJSON, strings.Repeat("a/b,", 1000) + asYAML: asYAML,
		} {
			got := w.wire.send(t, http.MethodGet, "/v1/admin/export", "", "Accept", accept)
			require.Equal(t, 200, got.Status, got.Body)
			require.Equal(t, want, got.Header.Get("Content-Type"), "%.80s", accept)
		}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, a.URL+"/v1/admin/export", http.NoBody)
		require.NoError(t, err)
		r.Header = http.Header{"X-Api-Key": {apptest.AdminKey}, "Accept": {"application/json;q=0.1", asYAML}}
		resp, err := a.HTTP(t).Do(r)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, asYAML, resp.Header.Get("Content-Type"), "the field may come in several lines")
	})
	for id, route := range apptest.Operations() {
		for _, header := range []string{"Accept", "Content-Type", "Authorization"} {
			require.Nil(t, route.Operation.Parameters.GetByInAndName("header", header), "%s: OpenAPI ignores a parameter of that name", id)
		}
	}
}
