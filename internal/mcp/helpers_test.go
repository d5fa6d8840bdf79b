package mcp_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/admin"
	"github.com/legivellum/metagate/internal/identity"
	"github.com/legivellum/metagate/internal/test/apptest"
)

// object is a JSON object as it came.
type object = map[string]any

func jsonOf(value any) ([]byte, error) { return json.Marshal(value) }

// wire posts to /mcp as LegiVellum's programs do: without Accept, with an API key or
// without. Every answer is held against openapi.yaml.
type wire struct {
	*apptest.App
	key string
}

type wired struct {
	status int
	header http.Header
	body   string
}

// post sends a body; header is name, value, name, value.
func (w wire) post(t *testing.T, body string, header ...string) wired {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.URL+"/mcp", strings.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/json")
	if w.key != "" {
		r.Header.Set("X-API-Key", w.key)
	}
	for i := 0; i < len(header); i += 2 {
		if r.Header.Del(header[i]); header[i] == "Host" {
			r.Host = header[i+1]
		} else if header[i+1] != "" {
			r.Header.Set(header[i], header[i+1])
		}
	}
	resp, err := w.HTTP(t).Do(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return wired{resp.StatusCode, resp.Header, string(text)}
}

// tool calls a tool with arguments as they are written.
func (w wire) tool(t *testing.T, name, arguments string, header ...string) wired {
	t.Helper()
	return w.post(t, fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":%q,"arguments":%s}}`, name, arguments), header...)
}

// does is a tool's result, by its own members alone.
func (w wire) does(t *testing.T, name, arguments string, header ...string) object {
	t.Helper()
	got := w.tool(t, name, arguments, header...)
	return got.result(t)["structuredContent"].(object)
}

// patch changes a resource through REST.
func (w wire) patch(t *testing.T, resource, patch string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPatch, w.URL+"/v1/admin/"+resource, strings.NewReader(patch))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/merge-patch+json")
	r.Header.Set("X-API-Key", w.key)
	resp, err := w.HTTP(t).Do(r)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusOK, resp.StatusCode)
}

func (g wired) result(t *testing.T) object {
	t.Helper()
	require.Equal(t, 200, g.status, g.body)
	var m struct {
		JSONRPC string
		Result  object
	}
	require.NoError(t, json.Unmarshal([]byte(g.body), &m), g.body)
	require.NotNil(t, m.Result, g.body)
	return m.Result
}

// refusal is a JSON-RPC error.
type refusal struct {
	Code    int
	Message string
	Data    struct {
		model.Problem
		Supported []string
		Requested string
	}
}

// refused demands an error of this code, and of ours.
func (g wired) refused(t *testing.T, status, code int, kind string) refusal {
	t.Helper()
	require.Equal(t, status, g.status, g.body)
	var m struct {
		Result any
		Error  refusal
	}
	require.NoError(t, json.Unmarshal([]byte(g.body), &m), g.body)
	require.Nil(t, m.Result)
	require.Equal(t, code, m.Error.Code, g.body)
	require.Equal(t, kind, m.Error.Data.Code, g.body)
	return m.Error
}

func pointers(r refusal) []string {
	var out []string
	for _, e := range r.Data.Errors {
		out = append(out, e.Pointer)
	}
	return out
}

// mesh is a principal that can bootstrap.
type mesh struct {
	admin, component wire
	principal        model.Principal
	key              model.APIKeyIssued
}

func newMesh(t *testing.T, a *apptest.App, key string) mesh {
	t.Helper()
	c, ctx := a.AdminClient(t), t.Context()
	m := mesh{admin: wire{a, apptest.AdminKey}}
	m.principal = *apptest.Got(c.CreatePrincipalWithResponse(ctx, nil, model.PrincipalCreate{PrincipalKey: key, AuthSubject: key + "@mesh"})).Is(t, 201).JSON201
	profile := apptest.Got(c.CreateProfileWithResponse(ctx, nil, model.ProfileCreate{
		ProfileKey: key, Capabilities: model.JSONObject(`{"allowed_components":["` + key + `*"]}`), Policy: model.JSONObject(`{"limit":1.10}`),
	})).Is(t, 201).JSON201
	manifest := apptest.Got(c.CreateManifestWithResponse(ctx, nil, model.ManifestCreate{
		ManifestKey: key, Services: model.JSONObject(`{"receiptgate-main":{"type":"receiptgate","endpoint":"http://receiptgate:8000/mcp?a=<1>&b=\"é\"","config":{}}}`),
	})).Is(t, 201).JSON201
	apptest.Got(c.CreateBindingWithResponse(ctx, nil, model.BindingCreate{PrincipalID: m.principal.ID.String(), ProfileID: profile.ID.String(), ManifestID: manifest.ID.String()})).Is(t, 201)
	m.key = *apptest.Got(c.CreateAPIKeyWithResponse(ctx, nil, model.APIKeyCreate{PrincipalID: m.principal.ID.String(), Name: "k"})).Is(t, 201).JSON201
	m.component = wire{a, m.key.APIKey}
	return m
}

// tenantAdmin makes a tenant by making its first admin.
func tenantAdmin(t *testing.T, a *apptest.App, tenant string) wire {
	t.Helper()
	anywhere := admin.CLI()
	anywhere.AnyTenant = true
	p, _, err := admin.Principals.Create(t.Context(), a.Admin, anywhere, tenant,
		model.PrincipalCreate{PrincipalKey: "admin", AuthSubject: "admin@" + tenant, PrincipalType: identity.TypeAdmin})
	require.NoError(t, err)
	issued, _, err := a.Admin.IssueKey(t.Context(), anywhere, model.APIKeyCreate{PrincipalID: p.ID.String(), Name: "k"})
	require.NoError(t, err)
	return wire{a, issued.APIKey}
}

func token(t *testing.T, subject string) string {
	t.Helper()
	signed, err := identity.Sign(apptest.JWTSecret, "", subject, time.Hour, "", "", time.Now())
	require.NoError(t, err)
	return signed
}

// startup is a startup as REST tells it.
func (m mesh) startup(t *testing.T, id any) model.StartupSession {
	t.Helper()
	return *apptest.Got(m.component.Client(t, m.key.APIKey).GetStartupWithResponse(t.Context(), uuid.MustParse(id.(string)))).Is(t, 200).JSON200
}
