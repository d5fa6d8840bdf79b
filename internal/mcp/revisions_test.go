package mcp_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/test/apptest"
)

const stateless = "2026-07-28"

// modern is a message of the revision without a handshake, and its headers.
func modern(method, params string) (body string, header []string) {
	name := ""
	var named struct{ Name string }
	if json.Unmarshal([]byte(params), &named) == nil {
		name = named.Name
	}
	meta := `"_meta":{"io.modelcontextprotocol/protocolVersion":"` + stateless + `","io.modelcontextprotocol/clientCapabilities":{}}`
	if params != "{}" {
		meta += ","
	}
	return `{"jsonrpc":"2.0","id":"m","method":"` + method + `","params":{` + meta + params[1:] + `}`,
		[]string{"MCP-Protocol-Version", stateless, "Mcp-Method", method, "Mcp-Name", name}
}

func TestTheHandshakeAgreesOnARevisionThatHasOne(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := wire{a, ""}
		for asked, want := range map[string]string{
			"2025-06-18": "2025-06-18", "2025-11-25": "2025-11-25", "2024-11-05": "2025-11-25", "2026-07-28": "2025-11-25", "2099-01-01": "2025-11-25", "": "2025-11-25",
		} {
			got := w.post(t, `{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"`+asked+`","capabilities":{},"clientInfo":{"name":"c","version":"1"}}}`).result(t)
			require.Equal(t, want, got["protocolVersion"], asked)
			require.Equal(t, object{"tools": object{}}, got["capabilities"])
			require.Equal(t, object{"name": "metagate", "title": "MetaGate", "version": "test"}, got["serverInfo"])
		}
		for _, revision := range []string{"", "2025-06-18", "2025-11-25"} {
			require.Empty(t, w.post(t, `{"jsonrpc":"2.0","id":0,"method":"ping"}`, "MCP-Protocol-Version", revision).result(t))
			require.NotContains(t, w.tool(t, "metagate.health", `{}`, "MCP-Protocol-Version", revision).result(t), "resultType")
		}
	})
}

func TestWhatIsNotifiedIsNeverAnsweredNorDone(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		for _, body := range []string{
			`{"jsonrpc":"2.0","method":"notifications/initialized"}`, `{"method":"no/such"}`,
			`{"method":"tools/call","params":{"name":"metagate.admin_profiles","arguments":{"action":"create","profile_key":"p"}}}`,
		} {
			got := wire{a, apptest.AdminKey}.post(t, body)
			require.Equal(t, 202, got.status)
			require.Empty(t, got.body)
		}
		require.Empty(t, *apptest.Got(a.AdminClient(t).ListProfilesWithResponse(t.Context(), nil)).Is(t, 200).JSON200)
	})
}

func TestIdsComeBackAsTheyWere(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		for _, id := range []string{`1`, `-1.50`, `12345678901234567890123`, `"s"`, `"\u00e9\n"`, `null`, `true`, `{"a":[1.0]}`, `[]`, `"0192d6b0-6f3a-7c11-8e7f-0a1b2c3d4e5f"`} {
			for _, method := range []string{"ping", "no/such"} {
				got := wire{a, ""}.post(t, `{"id":`+id+`,"method":"`+method+`"}`)
				var m struct{ ID json.RawMessage }
				require.NoError(t, json.Unmarshal([]byte(got.body), &m))
				require.JSONEq(t, id, string(m.ID))
				require.Contains(t, got.body, fmt.Sprintf(`"id":%s`, m.ID))
			}
		}
	})
}

func TestThereIsNoStream(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		for _, method := range []string{http.MethodGet, http.MethodDelete, http.MethodPut} {
			r, err := http.NewRequestWithContext(t.Context(), method, a.URL+"/mcp", http.NoBody)
			require.NoError(t, err)
			r.Header.Set("Accept", "text/event-stream")
			resp, err := a.HTTP(t).Do(r)
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			require.Equal(t, 405, resp.StatusCode)
			require.Contains(t, resp.Header.Get("Allow"), "POST")
		}
	})
}

func TestTheStatelessRevisionIsServedByItsOwnRules(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		m := newMesh(t, a, "gate")
		body, header := modern("server/discover", "{}")
		discovered := m.component.post(t, body, header...).result(t)
		require.Equal(t, []any{stateless, "2025-11-25", "2025-06-18"}, discovered["supportedVersions"])
		body, header = modern("tools/list", "{}")
		listed := m.component.post(t, body, header...).result(t)
		require.Len(t, listed["tools"], 13)
		body, header = modern("tools/call", `{"name":"metagate.bootstrap","arguments":{"component_key":"gate"}}`)
		called := m.component.post(t, body, header...).result(t)
		for _, result := range []object{discovered, listed, called} {
			require.Equal(t, "complete", result["resultType"])
			require.Equal(t, object{"io.modelcontextprotocol/serverInfo": object{"name": "metagate", "title": "MetaGate", "version": "test"}}, result["_meta"])
		}
		for _, result := range []object{discovered, listed} {
			require.Equal(t, []any{"public", 300000.0}, []any{result["cacheScope"], result["ttlMs"]})
		}
		require.NotContains(t, called["structuredContent"], "resultType")

		for _, method := range []string{"initialize", "ping", "no/such"} { // the first two are gone
			body, header = modern(method, "{}")
			m.component.post(t, body, header...).refused(t, 404, -32601, "NOT_FOUND")
		}
		body, header = modern("tools/call", `{"name":"no","arguments":{}}`)
		m.component.post(t, body, header...).refused(t, 400, -32602, "INVALID_REQUEST")
		body, header = modern("tools/call", `{"name":"metagate.bootstrap","arguments":{}}`)
		m.component.post(t, body, header...).refused(t, 400, -32602, "INVALID_REQUEST")
		body, header = modern("tools/call", `{"name":"metagate.bootstrap","arguments":{"component_key":"other"}}`)
		m.component.post(t, body, header...).refused(t, 200, -32000, "COMPONENT_NOT_PERMITTED")
	})
}

func TestHeadersThatContradictTheBodyAreRefused(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := wire{a, ""}
		body, header := modern("tools/call", `{"name":"metagate.health","arguments":{}}`)
		w.post(t, body, header...).result(t)
		w.post(t, body, append(header, "Mcp-Name", "=?base64?bWV0YWdhdGUuaGVhbHRo?=")...).result(t)
		for _, contradiction := range [][]string{
			{"Mcp-Method", ""},
			{"Mcp-Method", "tools/list"},
			{"Mcp-Name", ""},
			{"Mcp-Name", "metagate.discovery"},
			{"Mcp-Name", "=?base64?bWV0YWdhdGUu?="},
			{"Mcp-Name", "=?base64?*?="},
			{"Mcp-Name", "=?base64?bWV0YWdhdGUuaGVhbHRo"},
			{"Mcp-Name", "?="},
			{"MCP-Protocol-Version", ""},
			{"MCP-Protocol-Version", "2025-11-25"},
		} {
			w.post(t, body, append(header, contradiction...)...).refused(t, 400, -32020, "INVALID_REQUEST")
		}
		for _, revision := range []string{"2027-01-01", "2024-11-05", "1900-01-01", "x"} {
			got := w.post(t, body, append(header, "MCP-Protocol-Version", revision)...).refused(t, 400, -32022, "INVALID_REQUEST")
			require.Equal(t, []string{stateless, "2025-11-25", "2025-06-18"}, got.Data.Supported)
			require.Equal(t, revision, got.Data.Requested)
		}
		w.post(t, `{"id":1,"method":"tools/list","params":{}}`, "MCP-Protocol-Version", stateless, "Mcp-Method", "tools/list").refused(t, 400, -32602, "INVALID_REQUEST")
	})
}
