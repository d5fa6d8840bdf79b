package mcp_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/test/apptest"
)

// bearer sends an API key where SDKs send tokens.
type bearer struct {
	next http.RoundTripper
	key  string
}

func (b bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+b.key)
	return b.next.RoundTrip(r)
}

// connect makes a session of the official SDK in a revision.
func connect(t *testing.T, w wire, revision string) *mcp.ClientSession {
	t.Helper()
	client := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "1"}, nil)
	session, err := client.Connect(t.Context(), &mcp.StreamableClientTransport{
		Endpoint: w.URL + "/mcp", HTTPClient: &http.Client{Transport: bearer{w.HTTP(t).Transport, w.key}}, MaxRetries: -1,
	}, &mcp.ClientSessionOptions{ProtocolVersion: revision})
	require.NoError(t, err)
	t.Cleanup(func() { _ = session.Close() })
	return session
}

// sdk calls tools and holds their results against the schemas that tools/list gave.
type sdk struct {
	*mcp.ClientSession
	outputs map[string]*openapi3.Schema
}

func newSDK(t *testing.T, w wire, revision string) sdk {
	t.Helper()
	s := sdk{connect(t, w, revision), map[string]*openapi3.Schema{}}
	listed, err := s.ListTools(t.Context(), nil)
	require.NoError(t, err)
	for _, tool := range listed.Tools {
		require.NotEmpty(t, tool.Description)
		require.Equal(t, "object", tool.InputSchema.(object)["type"])
		require.Equal(t, "object", tool.OutputSchema.(object)["type"])
		schema := openapi3.NewSchema()
		text, err := jsonOf(tool.OutputSchema)
		require.NoError(t, err)
		require.NoError(t, schema.UnmarshalJSON(text))
		s.outputs[tool.Name] = schema
	}
	return s
}

func (s sdk) call(ctx context.Context, name string, arguments object) (object, error) {
	got, err := s.CallTool(ctx, &mcp.CallToolParams{Name: name, Arguments: arguments})
	if err != nil {
		return nil, err
	}
	if got.IsError || len(got.Content) != 1 || got.Content[0].(*mcp.TextContent).Text == "" {
		return nil, fmt.Errorf("%s: isError %v, content %v", name, got.IsError, got.Content)
	}
	result := got.StructuredContent.(object)
	return result, s.outputs[name].VisitJSON(result, openapi3.EnableFormatValidation())
}

// TestTheOfficialSDKListsAndCallsEveryTool in each revision that it can ask for.
func TestTheOfficialSDKListsAndCallsEveryTool(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		for i, revision := range []string{"2025-06-18", "2025-11-25", stateless, ""} {
			admin := newSDK(t, wire{a, apptest.AdminKey}, revision)
			if revision == "" {
				revision = stateless // the newest
			}
			require.Equal(t, revision, admin.InitializeResult().ProtocolVersion)
			require.Equal(t, "MetaGate", admin.InitializeResult().ServerInfo.Title)
			called := map[string]bool{}
			does := func(s sdk, name string, arguments object) object {
				t.Helper()
				called[name] = true
				result, err := s.call(t.Context(), name, arguments)
				require.NoError(t, err, "%s in %s", name, revision)
				return result
			}
			require.Equal(t, "healthy", does(admin, "metagate.health", nil)["status"])
			does(admin, "metagate.discovery", nil)
			key := fmt.Sprint("gate", i)
			p := does(admin, "metagate.admin_principals", object{"action": "create", "data": object{"principal_key": key, "auth_subject": key}})
			f := does(admin, "metagate.admin_profiles", object{"action": "create", "data": object{"profile_key": key}})
			n := does(admin, "metagate.admin_manifests", object{"action": "create", "data": object{"manifest_key": key}})
			does(admin, "metagate.admin_bindings", object{"action": "create", "data": object{"principal_id": p["id"], "profile_id": f["id"], "manifest_id": n["id"]}})
			does(admin, "metagate.admin_secret_refs", object{"action": "create", "data": object{"secret_key": key, "ref_name": "S"}})
			does(admin, "metagate.admin_validators", object{"action": "create", "data": object{"validator_key": key, "on": "packet", "schema": object{"type": "object"}}})
			for _, many := range []string{"principals", "profiles", "manifests", "bindings", "secret_refs", "validators", "api_keys"} {
				require.NotEmpty(t, does(admin, "metagate.admin_"+many, nil)[many])
			}
			require.Equal(t, true, does(admin, "metagate.admin_secret_refs", object{"action": "delete", "secret_ref_id": key})["deleted"])
			issued := does(admin, "metagate.admin_api_keys", object{"action": "issue", "principal_key": key})
			does(admin, "metagate.instantiate_problemata", object{
				"spec":       object{"problemata": object{"id": key, "owner_principal": key}, "primitives": object{"r": object{"type": "receiptgate"}}},
				"validation": object{"status": "passed"},
			})
			component := newSDK(t, wire{a, issued["api_key"].(string)}, revision)
			for _, report := range []string{"metagate.startup_ready", "metagate.startup_failed"} {
				packet := does(component, "metagate.bootstrap", object{"component_key": key})["packet"].(object)
				does(component, report, object{"startup_id": packet["startup"].(object)["startup_id"], "build_version": "1", "error": "e"})
				known := does(component, "metagate.bootstrap", object{"component_key": key, "last_packet_etag": packet["packet_etag"]})
				require.Equal(t, true, known["not_modified"])
			}
			require.Len(t, called, len(admin.outputs), "every tool that is listed is called")

			_, err := component.call(t.Context(), "metagate.admin_principals", nil)
			require.ErrorContains(t, err, `principal "`+key+`" is no admin`)
			_, err = component.call(t.Context(), "metagate.bootstrap", object{})
			require.ErrorContains(t, err, "component_key")
			_, err = component.call(t.Context(), "metagate.none", nil)
			require.ErrorContains(t, err, "Unknown tool")
			does(component, "metagate.health", nil) // the session survived it
			if revision != stateless {
				require.NoError(t, component.Ping(t.Context(), nil))
			}
		}
	})
}

func TestToolsSayWhatTheyMayDestroy(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		listed, err := connect(t, wire{a, ""}, stateless).ListTools(t.Context(), nil)
		require.NoError(t, err)
		require.Len(t, listed.Tools, 13)
		for _, tool := range listed.Tools {
			hints := tool.Annotations
			_, admin := adminTools[tool.Name]
			reads := tool.Name == "metagate.health" || tool.Name == "metagate.discovery"
			require.Equal(t, reads, hints.ReadOnlyHint, tool.Name)
			require.Equal(t, admin, hints.DestructiveHint != nil && *hints.DestructiveHint, tool.Name)
			require.False(t, *hints.OpenWorldHint, tool.Name)
			if admin {
				require.Contains(t, tool.Description, "Admins only", tool.Name)
			}
			_, asks := tool.InputSchema.(object)["properties"].(object)["auth_token"]
			require.Equal(t, !reads, asks, tool.Name)
		}
	})
}
