package mcp_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/app"
	"github.com/legivellum/metagate/internal/test/apptest"
)

func TestWhatIsNoJSONRPCRequestIsABadRequestInJSONRPC(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := wire{a, apptest.AdminKey}
		for what, body := range map[string]string{
			"nothing": "", "no JSON": "{", "two documents": "{} {}", "a member twice": `{"id":1,"id":2,"method":"ping"}`,
			"U+0000": `{"id":1,"method":"a\u0000"}`, "a lone surrogate": `{"id":1,"method":"\ud800"}`, "bad UTF-8": "{\"id\":1,\"method\":\"\xff\"}",
			"too deep": strings.Repeat("[", 65) + strings.Repeat("]", 65),
		} {
			got := w.post(t, body)
			require.NotContains(t, got.body, "jsontext", what)
			require.Contains(t, got.body, `"id":null`, what)
			got.refused(t, 400, -32700, "INVALID_REQUEST")
		}
		for what, body := range map[string]string{
			"a batch": `[{"jsonrpc":"2.0","id":1,"method":"ping"}]`, "an empty batch": `[]`, "a number": `1`, "null": `null`, "a text": `"ping"`,
			"no method": `{"jsonrpc":"2.0","id":1}`, "a method that is no text": `{"id":1,"method":1}`, "an empty one": `{"id":1,"method":""}`,
			"an answer": `{"jsonrpc":"2.0","id":1,"result":{}}`,
		} {
			require.NotEmpty(t, w.post(t, body).refused(t, 400, -32600, "INVALID_REQUEST").Message, what)
		}
		w.post(t, `{"id":1,"method":"ping","params":[]}`).refused(t, 200, -32602, "INVALID_REQUEST")
		w.post(t, `{"id":1,"method":"ping","params":"p"}`).refused(t, 200, -32602, "INVALID_REQUEST")
	})
}

func TestUnknownMethodsAndToolsAreRefusedAsTheOriginalDoes(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := wire{a, ""}
		for _, method := range []string{"resources/list", "Tools/list", "tools/list/", "subscriptions/listen", "metagate.bootstrap"} {
			require.Equal(t, "Method not found: "+method, w.post(t, `{"id":1,"method":"`+method+`"}`).refused(t, 200, -32601, "NOT_FOUND").Message)
		}
		missing := w.post(t, `{"jsonrpc":"2.0","id":15,"method":"tools/call","params":{}}`)
		require.Equal(t, "Missing tool name", missing.refused(t, 200, -32602, "INVALID_REQUEST").Message)
		require.Contains(t, missing.body, `"id":15`)
		w.post(t, `{"id":1,"method":"tools/call"}`).refused(t, 200, -32602, "INVALID_REQUEST")
		w.post(t, `{"id":1,"method":"tools/call","params":{"name":7}}`).refused(t, 200, -32602, "INVALID_REQUEST")
		require.Equal(t, "Unknown tool: N", w.tool(t, "N", `{}`).refused(t, 200, -32602, "INVALID_REQUEST").Message)
		for _, arguments := range []string{`[]`, `"a"`, `1`, `true`} {
			w.tool(t, "metagate.health", arguments).refused(t, 200, -32602, "INVALID_REQUEST")
		}
	})
}

func TestArgumentsAreHeldAgainstTheirSchemaOnceItIsKnownWhoAsks(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		m := newMesh(t, a, "gate")
		for tool, bad := range map[string]map[string]string{
			"metagate.bootstrap": {
				`{}`: "/component_key", `{"component_key":7}`: "/component_key", `{"component_key":"a b"}`: "/component_key",
				`{"component_key":"gate","labels":{"a":1}}`: "/labels/a", `{"component_key":"gate","principal_key":7}`: "/principal_key",
				`{"component_key":"gate","labels":{"a":"` + strings.Repeat("x", 1024) + `","b":"` + strings.Repeat("x", 1024) + `","c":"` +
					strings.Repeat("x", 1024) + `","d":"` + strings.Repeat("x", 1024) + `"}}`: "/labels",
			},
			"metagate.startup_ready":  {`{"startup_id":"x","build_version":"1"}`: "/startup_id", `{"startup_id":"0192d6b0-6f3a-7c11-8e7f-0a1b2c3d4e5f"}`: "/build_version"},
			"metagate.startup_failed": {`{"startup_id":"0192d6b0-6f3a-7c11-8e7f-0a1b2c3d4e5f","error":1}`: "/error"},
		} {
			for arguments, at := range bad {
				wire{a, ""}.tool(t, tool, arguments).refused(t, 200, -32000, "UNAUTHENTICATED")
				require.Equal(t, []string{at}, pointers(m.component.tool(t, tool, arguments).refused(t, 200, -32602, "INVALID_REQUEST")), arguments)
			}
		}
		apptest.Got(a.AdminClient(t).RevokeAPIKeyWithResponse(t.Context(), m.key.ID, nil)).Is(t, 204)
		m.component.tool(t, "metagate.bootstrap", `{}`).refused(t, 200, -32000, "UNAUTHENTICATED")
		m.component.tool(t, "metagate.bootstrap", `{"auth_token":7}`).refused(t, 200, -32602, "INVALID_REQUEST")
	})
}

func TestAMessageIsBoundedAsItsToolsOperationIs(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		m := newMesh(t, a, "gate")
		large := strings.Repeat("x", 64<<10)
		ready := `{"startup_id":"0192d6b0-6f3a-7c11-8e7f-0a1b2c3d4e5f","build_version":"` + large + `"}`
		for _, w := range []wire{m.component, {a, ""}} {
			got := w.tool(t, "metagate.startup_ready", ready)
			require.Equal(t, 413, got.status, "at the door: nobody may send so much but an admin")
			require.Contains(t, got.body, "PAYLOAD_TOO_LARGE")
		}
		m.admin.tool(t, "metagate.startup_ready", ready).refused(t, 200, -32000, "PAYLOAD_TOO_LARGE")
		profile := `{"action":"create","profile_key":"p","policy":{"a":"` + large + `"}}`
		require.Equal(t, "p", m.admin.does(t, "metagate.admin_profiles", profile)["profile_key"])
		got := wire{a, ""}.tool(t, "metagate.admin_profiles", strings.Replace(profile, `"p"`, `"q"`, 1), "Authorization", "Bearer "+apptest.AdminKey)
		require.Equal(t, "q", got.result(t)["profile_key"])
		require.Equal(t, 413, m.admin.tool(t, "metagate.admin_profiles", `{"a":"`+strings.Repeat("x", 2<<20)+`"}`).status)
		require.Equal(t, 415, m.admin.post(t, `{}`, "Content-Type", "text/plain").status)
	})
}

func TestOtherSitesPagesAreRefused(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w, host := wire{a, apptest.AdminKey}, strings.TrimPrefix(a.URL, "http://")
		for _, origin := range []string{"https://evil.example", "null", "http://" + host + ".evil.example", "http://127.0.0.1:1", "https://ui.example.evil"} {
			got := w.tool(t, "metagate.health", `{}`, "Origin", origin)
			require.Equal(t, 403, got.status, origin)
			require.Contains(t, got.body, "FORBIDDEN")
		}
		rebound := w.tool(t, "metagate.health", `{}`, "Origin", "http://evil.example", "Host", "evil.example")
		require.Equal(t, 403, rebound.status, "a name that leads to the loopback, for a browser's eyes the same origin")
		for _, origin := range []string{"https://ui.example", "http://" + host} {
			w.tool(t, "metagate.health", `{}`, "Origin", origin).result(t)
		}
		w.tool(t, "metagate.health", `{}`, "Origin", "http://localhost:80", "Host", "localhost:80").result(t)
	}, func(c *app.Config) { c.CORSAllowedOrigins = []string{"https://ui.example"} })
}
