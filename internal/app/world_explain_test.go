package app_test

import (
	"encoding/json"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/test/apptest"
)

func (w worlds) explain(t *testing.T, principal, component string) model.Explanation {
	t.Helper()
	r := apptest.Got(w.admin.ExplainPacketWithResponse(t.Context(), w.principal(t, principal).String(), &model.ExplainPacketParams{ComponentKey: component})).Is(t, 200)
	return *r.JSON200
}

func TestAnExplanationIsThePacketThatABootstrapGives(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := worldsOf(t, a)
		w.apply(t, mesh(t))
		all := w.wire.census(t)
		explained := map[string]model.Explanation{}
		for principal, m := range meshComponents {
			explained[principal] = w.explain(t, principal, m.component)
		}
		require.Equal(t, all, w.wire.census(t), "no startup is opened")
		for principal, b := range w.bearAll(t, mesh(t)) {
			e := explained[principal]
			require.Nil(t, e.Refusal)
			require.Equal(t, principal, e.PrincipalKey)
			require.Equal(t, meshComponents[principal].component, e.ComponentKey)
			require.Equal(t, b.etag, e.PacketEtag)
			var members map[string]json.RawMessage
			require.NoError(t, json.Unmarshal(e.Packet, &members))
			delete(members, "manifest_version") // no part of the etag
			require.Equal(t, b.members, members, principal)
		}
	})
}

func TestAnExplanationTellsWhereEachSectionComesFrom(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := worldsOf(t, a)
		world := mesh(t)
		world.Bindings[8].Overrides = json.RawMessage(`{
			"services":{"memorygate":{"endpoint":"x","config":{"auth":null}},"metagate":null,"a/b~c":{}},
			"policy":{"rate_limit_rps":[{"a":1}]},"schemas":{}}`)
		w.apply(t, world)
		e := w.explain(t, "worker-pool", "worker_7")
		profile, manifest := model.SectionSourceFromProfile, model.SectionSourceFromManifest
		require.Equal(t, []model.SectionSource{
			{Section: "capabilities", From: profile, Key: "worker", Overridden: []string{}},
			{Section: "policy", From: profile, Key: "worker", Overridden: []string{"/rate_limit_rps"}},
			{Section: "environment", From: manifest, Key: "legivellum-mesh", Overridden: []string{}},
			{Section: "services", From: manifest, Key: "legivellum-mesh", Overridden: []string{"/a~1b~0c", "/memorygate/config/auth", "/memorygate/endpoint", "/metagate"}},
			{Section: "memory_map", From: manifest, Key: "legivellum-mesh", Overridden: []string{}},
			{Section: "polling", From: manifest, Key: "legivellum-mesh", Overridden: []string{}},
			{Section: "schemas", From: manifest, Key: "legivellum-mesh", Overridden: []string{}},
			{Section: "required_env", From: model.SectionSourceFromSecretRefs, Key: "default", Overridden: []string{}},
		}, e.Sections)
	})
}

func TestAnExplanationNamesTheRefusalThatABootstrapGets(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := worldsOf(t, a)
		world := mesh(t)
		world.Principals[0].Status = "disabled"
		world.Bindings[1].Active = new(false)
		world.Principals = append(world.Principals, model.PrincipalCreate{PrincipalKey: "unbound", AuthSubject: "unbound@mesh"})
		w.apply(t, world)
		for principal, c := range map[string]struct{ subject, component, code string }{
			"asyncgate":   {"asyncgate@mesh", "c", "FORBIDDEN"},
			"cognigate":   {"cognigate@mesh", "c", "NO_BINDING"},
			"unbound":     {"unbound@mesh", "c", "NO_BINDING"},
			"worker-pool": {"workers@mesh", "other", "COMPONENT_NOT_PERMITTED"},
		} {
			e := w.explain(t, principal, c.component)
			require.Equal(t, c.code, w.bear(t, c.subject, c.component).code)
			require.Equal(t, model.Refusal{Status: 403, Code: c.code, Detail: e.Refusal.Detail}, *e.Refusal)
			require.NotEmpty(t, e.Refusal.Detail)
			require.Empty(t, e.PacketEtag)
			require.Nil(t, e.Packet)
			require.Equal(t, principal == "worker-pool", len(e.Sections) > 0, "where there is a binding, where it comes from")
		}
		got := func(id, query string) wired {
			return w.wire.send(t, "GET", "/v1/admin/principals/"+id+"/packet"+query, "")
		}
		id := w.principal(t, "delegate").String()
		got(uuid.NewString(), "?component_key=c").refused(t, 404, "NOT_FOUND")
		got("x", "?component_key=c").refused(t, 400, "INVALID_REQUEST")
		got(id, "").refused(t, 400, "INVALID_REQUEST")
		got(id, "?component_key=").refused(t, 400, "INVALID_REQUEST")
		got(id, "?component_key=a%20b").refused(t, 400, "INVALID_REQUEST")
	})
}
