package app_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/identity"
	"github.com/legivellum/metagate/internal/test/apptest"
)

// wire sends requests as they are written, without a client's good manners.
type wire struct {
	*apptest.App
	credential string // an API key, a JWT, or none
}

// wired is what came back.
type wired struct {
	Status int
	Header http.Header
	Body   string
}

// send makes a request; header is name, value, name, value and replaces what
// send would set. An empty value leaves the header out.
func (w wire) send(t *testing.T, method, path, body string, header ...string) wired {
	t.Helper()
	var reader io.Reader
	if body != "" || method == http.MethodPost || method == http.MethodPatch {
		reader = strings.NewReader(body)
	}
	return w.do(t, method, path, reader, header...)
}

func (w wire) do(t *testing.T, method, path string, body io.Reader, header ...string) wired {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, w.URL+path, body)
	require.NoError(t, err)
	switch {
	case strings.HasPrefix(w.credential, identity.KeyPrefix):
		r.Header.Set(w.Config.APIKeyHeader, w.credential)
	case w.credential != "":
		r.Header.Set("Authorization", "Bearer "+w.credential)
	}
	switch method {
	case http.MethodPost:
		r.Header.Set("Content-Type", "application/json")
	case http.MethodPatch:
		r.Header.Set("Content-Type", "application/merge-patch+json")
	}
	for i := 0; i < len(header); i += 2 {
		if r.Header.Del(header[i]); header[i+1] != "" {
			r.Header[http.CanonicalHeaderKey(header[i])] = []string{header[i+1]}
		}
	}
	resp, err := w.HTTP(t).Do(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return wired{resp.StatusCode, resp.Header, string(text)}
}

// create posts and returns the new resource's id.
func (w wire) create(t *testing.T, path, body string) string {
	t.Helper()
	got := w.send(t, http.MethodPost, path, body)
	require.Equal(t, http.StatusCreated, got.Status, "%s %s: %s", path, body, got.Body)
	id, _ := got.member(t, "id").(string)
	require.Equal(t, path+"/"+id, got.Header.Get("Location"))
	return id
}

func (g wired) member(t *testing.T, name string) any {
	t.Helper()
	var all map[string]json.RawMessage
	require.NoError(t, json.Unmarshal([]byte(g.Body), &all), g.Body)
	var value any
	require.NoError(t, json.Unmarshal(all[name], &value), g.Body)
	return value
}

// leaks are traces of the inside that no answer may show: Go's and the drivers'
// names, their error texts, and stacks.
var leaks = regexp.MustCompile(`(?i)(?-i:json:)|jsontext|\bpq\b|pgx|sqlite|sqlstate|goroutine|github\.com|openapi3|runtime error|` +
	`\.go:\d|\*?errors\.|interface ?\{|map\[string|strconv|parsing time|unmarshal|uuid\.|2006-01-02`)

// refused demands a problem document of this status and code, that names the
// request and shows nothing of the inside.
func (g wired) refused(t *testing.T, status int, code string) model.Problem {
	t.Helper()
	require.Equal(t, status, g.Status, g.Body)
	require.Equal(t, "application/problem+json", g.Header.Get("Content-Type"))
	require.NotRegexp(t, leaks, g.Body)
	var p model.Problem
	require.NoError(t, json.Unmarshal([]byte(g.Body), &p), g.Body)
	require.Equal(t, code, p.Code, g.Body)
	require.Equal(t, status, p.Status)
	require.NotEmpty(t, p.Detail)
	require.Equal(t, http.StatusText(status), p.Title)
	require.Equal(t, g.Header.Get("X-Request-ID"), p.RequestID)
	return p
}

func pointersOf(p model.Problem) []string {
	out := make([]string, len(p.Errors))
	for i, e := range p.Errors {
		out[i] = e.Pointer
	}
	return out
}

// everyList is what an admin can list: all that MetaGate stores.
var everyList = []string{"principals", "profiles", "manifests", "bindings", "secret-refs", "validators", "api-keys", "startups", "audit-log"}

// census reads all rows that w sees: what two of them have in common was not
// written in between. When a key was last used is not part of it.
func (w wire) census(t *testing.T) map[string][]map[string]json.RawMessage {
	t.Helper()
	out := map[string][]map[string]json.RawMessage{}
	for _, list := range everyList {
		got := w.send(t, http.MethodGet, "/v1/admin/"+list+"?limit=1000", "")
		require.Equal(t, http.StatusOK, got.Status, got.Body)
		var rows []map[string]json.RawMessage
		require.NoError(t, json.Unmarshal([]byte(got.Body), &rows))
		require.Less(t, len(rows), 1000)
		for _, row := range rows {
			delete(row, "last_used_at")
		}
		out[list] = rows
	}
	return out
}

// wireWorld is one principal that can bootstrap, with all there is to break.
type wireWorld struct {
	admin, component                               wire
	principal, profile, manifest, binding, ref, id string
	validator                                      string
	startup                                        string // OPEN
}

// newWireWorld makes a world in the tenant of w, each key with this suffix.
func newWireWorld(t *testing.T, w wire, suffix string) wireWorld {
	t.Helper()
	out := wireWorld{admin: w}
	out.principal = w.create(t, "/v1/admin/principals", fmt.Sprintf(`{"principal_key":"p%s","auth_subject":"s%[1]s"}`, suffix))
	out.profile = w.create(t, "/v1/admin/profiles", fmt.Sprintf(`{"profile_key":"p%s","startup_sla_seconds":86400}`, suffix))
	out.manifest = w.create(t, "/v1/admin/manifests", fmt.Sprintf(`{"manifest_key":"m%s"}`, suffix))
	out.binding = w.create(t, "/v1/admin/bindings", fmt.Sprintf(`{"principal_id":%q,"profile_id":%q,"manifest_id":%q}`, out.principal, out.profile, out.manifest))
	out.ref = w.create(t, "/v1/admin/secret-refs", fmt.Sprintf(`{"secret_key":"s%s","ref_kind":"env","ref_name":"S"}`, suffix))
	out.validator = w.create(t, "/v1/admin/validators", fmt.Sprintf(`{"validator_key":"v%s","on":"profile","match":{"keys":["nobody"]},"schema":{"properties":{"policy":{"type":"object"}}}}`, suffix))
	issued := w.send(t, http.MethodPost, "/v1/admin/api-keys", fmt.Sprintf(`{"principal_id":%q,"name":"k"}`, out.principal))
	require.Equal(t, http.StatusCreated, issued.Status, issued.Body)
	out.id, _ = issued.member(t, "id").(string)
	key, _ := issued.member(t, "api_key").(string)
	out.component = wire{w.App, key}
	out.startup = out.bootstrap(t)
	return out
}

// bootstrap opens a startup and returns its id.
func (w wireWorld) bootstrap(t *testing.T) string {
	t.Helper()
	got := w.component.send(t, http.MethodPost, "/v1/bootstrap", `{"component_key":"c"}`)
	require.Equal(t, http.StatusOK, got.Status, got.Body)
	return got.Header.Get("Metagate-Startup-Id")
}
