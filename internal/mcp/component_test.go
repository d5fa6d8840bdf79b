package mcp_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/test/apptest"
)

// TestTheWireIsTheOriginals sends what LegiVellum's programs send, letter for letter.
func TestTheWireIsTheOriginals(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		m, nobody := newMesh(t, a, "asyncgate"), wire{a, ""}

		got := nobody.post(t, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"metagate.health","arguments":{}}}`).result(t)
		require.Equal(t, object{"status": "healthy", "service": "MetaGate", "version": "0.1", "instance_id": "metagate-1"}, got["structuredContent"])
		require.Equal(t, "healthy", got["status"])

		discovery := nobody.post(t, `{"jsonrpc":"2.0","id":"s","method":"tools/call","params":{"name":"metagate.discovery"}}`)
		require.Contains(t, discovery.body, `"id":"s"`)
		require.Equal(t, object{"metagate_version": "0.1", "bootstrap_endpoint": "/mcp", "supported_auth": []any{"jwt", "api_key"}},
			discovery.result(t)["structuredContent"])

		booted := m.component.post(t, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"metagate.bootstrap","arguments":{"component_key":"asyncgate"}}}`)
		packet := booted.result(t)["packet"].(object)
		require.Equal(t, packet["packet_etag"], booted.result(t)["packet_etag"])
		startup := packet["startup"].(object)
		require.Equal(t, "OPEN", startup["status"])
		require.Equal(t, []any{"metagate.startup_ready", "metagate.startup_failed"}, startup["followup"])
		require.Equal(t, "receiptgate", packet["services"].(object)["receiptgate-main"].(object)["type"])
		var answer struct {
			Result struct{ Packet model.WelcomePacket }
		}
		require.NoError(t, json.Unmarshal([]byte(booted.body), &answer))
		require.Contains(t, booted.body, `"policy":{"limit":1.10}`, "digits are kept")
		require.Contains(t, booted.body, `?a=<1>&b=\"é\"`, "and so is the text")

		again := m.component.does(t, "metagate.bootstrap", `{"component_key":"asyncgate","last_packet_etag":"`+packet["packet_etag"].(string)+`"}`)
		require.Equal(t, true, again["not_modified"])
		require.NotContains(t, again, "packet")
		require.NotEqual(t, startup["startup_id"], again["startup"].(object)["startup_id"], "a birth too")
		require.Equal(t, model.StartupStatusOPEN, m.startup(t, again["startup"].(object)["startup_id"]).Status)

		id := startup["startup_id"].(string)
		ready := `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"metagate.startup_ready","arguments":{"startup_id":"` + id + `","build_version":"0.1.0"}}}`
		first := m.component.post(t, ready).result(t)
		require.Equal(t, "READY", first["status"])
		require.Equal(t, id, first["startup_id"])
		require.Equal(t, first, m.component.post(t, ready).result(t), "twice is once")
		m.component.tool(t, "metagate.startup_failed", `{"startup_id":"`+id+`","error":"e"}`).refused(t, 200, -32000, "INVALID_STATE")

		require.Equal(t, "Missing auth token", nobody.post(t, `{"jsonrpc":"2.0","id":4,"method":"tools/call","params":{"name":"metagate.bootstrap","arguments":{"component_key":"asyncgate"}}}`).
			refused(t, 200, -32000, "UNAUTHENTICATED").Message)
	})
}

func TestReportsAreTestimonyAtThisDoorToo(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		m := newMesh(t, a, "gate")
		open := func() string {
			return m.component.does(t, "metagate.bootstrap", `{"component_key":"gate","instance_id":"i","host":null}`)["packet"].(object)["startup"].(object)["startup_id"].(string)
		}
		failed := open()
		m.component.does(t, "metagate.startup_failed", `{"startup_id":"`+failed+`","error":"","details":{"jobs":[{"execute":1.10}]}}`)
		require.JSONEq(t, `{"jobs":[{"execute":1.10}]}`, string(m.startup(t, failed).Details.MustGet()))
		for _, health := range []string{`"healthy"`, `{"listening":true}`, `null`} {
			id := open()
			m.component.does(t, "metagate.startup_ready", `{"startup_id":"`+id+`","build_version":"","health":`+health+`}`)
			got := m.startup(t, id)
			require.Equal(t, model.StartupStatusREADY, got.Status)
			require.Equal(t, health == "null", got.Health.IsNull())
			require.Equal(t, "i", got.InstanceID.MustGet())
			require.True(t, got.Host.IsNull())
		}
	})
}

func TestARefusedBootstrapSaysWhyAndLeavesNoReceipt(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		m := newMesh(t, a, "gate")
		m.component.tool(t, "metagate.bootstrap", `{"component_key":"other"}`).refused(t, 200, -32000, "COMPONENT_NOT_PERMITTED")
		m.component.tool(t, "metagate.bootstrap", `{"component_key":"gate","principal_key":"somebody"}`).refused(t, 200, -32000, "PRINCIPAL_MISMATCH")
		m.admin.tool(t, "metagate.bootstrap", `{"component_key":"gate"}`).refused(t, 200, -32000, "NO_BINDING")
		m.component.tool(t, "metagate.startup_ready", `{"startup_id":"0192d6b0-6f3a-7c11-8e7f-0a1b2c3d4e5f","build_version":"1"}`).refused(t, 200, -32000, "SESSION_NOT_FOUND")
		require.Empty(t, *apptest.Got(a.AdminClient(t).ListStartupsWithResponse(t.Context(), nil)).Is(t, 200).JSON200)
	})
}

// TestBothDoorsGiveOnePacket: REST and MCP differ in the words for what comes next alone.
func TestBothDoorsGiveOnePacket(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		m := newMesh(t, a, "gate")
		rest := apptest.Got(a.Client(t, m.key.APIKey).BootstrapWithResponse(t.Context(), nil, model.BootstrapRequest{ComponentKey: "gate"})).Is(t, 200).JSON200
		text := m.component.tool(t, "metagate.bootstrap", `{"component_key":"gate"}`)
		var byMCP struct {
			Result struct{ Packet model.WelcomePacket }
		}
		require.NoError(t, json.Unmarshal([]byte(text.body), &byMCP))
		got := byMCP.Result.Packet
		require.Equal(t, rest.PacketEtag, got.PacketEtag)
		require.Equal(t, []string{"POST /v1/startup/ready", "POST /v1/startup/failed"}, rest.Startup.Followup)
		got.PacketID, got.IssuedAt, got.Startup = rest.PacketID, rest.IssuedAt, rest.Startup
		require.Equal(t, *rest, got)
		require.Equal(t, 3, strings.Count(strings.ReplaceAll(text.body, `\"`, `"`), `"packet":{`), "flat, structured and as text")

		row := m.startup(t, byMCP.Result.Packet.Startup.StartupID.String())
		require.Equal(t, model.StartupSourceLive, row.Source)
		require.JSONEq(t, `{"api_key_id":"`+m.key.ID.String()+`"}`, string(row.Credential.MustGet()))
		require.Equal(t, "127.0.0.1", row.RemoteAddr.MustGet())
	})
}
