package app_test

import (
	"bytes"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/client"
	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/doc"
	"github.com/legivellum/metagate/internal/store"
	"github.com/legivellum/metagate/internal/test/apptest"
)

const (
	asJSON = "application/json"
	asYAML = "application/yaml"
)

// how an apply is asked for.
const (
	prune  = "prune"
	dryRun = "dry_run"
)

// worlds drives one program as its first admin.
type worlds struct {
	*apptest.App
	admin *client.ClientWithResponses
	wire  wire
}

func worldsOf(t *testing.T, a *apptest.App) worlds {
	t.Helper()
	return worlds{a, a.AdminClient(t), wire{a, apptest.AdminKey}}
}

// mesh is the example as a document that a test may edit.
func mesh(t *testing.T) model.World {
	t.Helper()
	text, err := os.ReadFile(meshFile)
	require.NoError(t, err)
	doc, err := doc.YAMLToJSON(text, 1<<20)
	require.NoError(t, err)
	var w model.World
	require.NoError(t, json.Unmarshal(doc, &w))
	return w
}

// try applies a text and gives what came back.
func (w worlds) try(t *testing.T, mediaType, doc string, how ...string) apptest.Call[*client.ApplyWorldResult] {
	t.Helper()
	params := &model.ApplyWorldParams{DryRun: new(slices.Contains(how, dryRun)), Prune: new(slices.Contains(how, prune))}
	return apptest.Got(w.admin.ApplyWorldWithBodyWithResponse(t.Context(), params, mediaType, strings.NewReader(doc)))
}

// apply applies a world that must be accepted.
func (w worlds) apply(t *testing.T, world model.World, how ...string) model.Plan {
	t.Helper()
	doc, err := json.Marshal(world)
	require.NoError(t, err)
	return *w.try(t, asJSON, string(doc), how...).Is(t, 200).JSON200
}

// refuse applies a YAML text that must be refused, and proves that it left nothing.
func (w worlds) refuse(t *testing.T, doc string, status int, code string, how ...string) model.Problem {
	t.Helper()
	world, revision, written := w.export(t, asJSON), w.revision(t), len(w.audited(t, 0))
	p := w.try(t, asYAML, doc, how...).Fails(t, status, code)
	require.Equal(t, world, w.export(t, asJSON), doc)
	require.Equal(t, revision, w.revision(t), doc)
	require.Len(t, w.audited(t, 0), written, doc)
	text, err := json.Marshal(p)
	require.NoError(t, err)
	require.NotRegexp(t, leaks, string(text), doc)
	return p
}

func (w worlds) revision(t *testing.T) int64 {
	t.Helper()
	at, err := w.Store.GetRevision(t.Context(), "default")
	require.NoError(t, err)
	return at.Revision
}

// export gives the world as bytes.
func (w worlds) export(t *testing.T, mediaType string) string {
	t.Helper()
	r := apptest.Got(w.admin.ExportWorldWithResponse(t.Context(), nil, accept(mediaType))).Is(t, 200)
	require.Equal(t, mediaType, r.HTTPResponse.Header.Get("Content-Type"))
	return string(r.Body)
}

// exported gives the world as a document.
func (w worlds) exported(t *testing.T) model.World {
	t.Helper()
	var out model.World
	require.NoError(t, json.Unmarshal([]byte(w.export(t, asJSON)), &out))
	return out
}

// unchanged demands that a plan has nothing to do.
func unchanged(t *testing.T, p model.Plan) {
	t.Helper()
	for _, c := range p.Changes {
		require.Equal(t, model.PlanActionUnchanged, c.Action, "%+v", c)
		require.Empty(t, c.Diff)
	}
	require.Equal(t, model.PlanSummary{Unchanged: len(p.Changes)}, p.Summary)
	require.Empty(t, p.Packets)
}

// did lists what a plan changes, as "update profile gate".
func did(p model.Plan) []string {
	out := []string{}
	for _, c := range p.Changes {
		if c.Action != model.PlanActionUnchanged {
			out = append(out, string(c.Action)+" "+string(c.ResourceType)+" "+c.ResourceKey)
		}
	}
	return out
}

// audited lists the audit log from the row after the first n, oldest first.
func (w worlds) audited(t *testing.T, n int) []store.AuditLog {
	t.Helper()
	rows, err := w.Store.ListAuditLog(t.Context(), store.ListAuditLogParams{BeforeID: store.MaxID, RowLimit: 100_000})
	require.NoError(t, err)
	slices.Reverse(rows)
	return rows[n:]
}

// principal finds a principal's id by its key.
func (w worlds) principal(t *testing.T, key string) uuid.UUID {
	t.Helper()
	rows := *apptest.Got(w.admin.ListPrincipalsWithResponse(t.Context(), nil, query("principal_key="+key))).Is(t, 200).JSON200
	require.Len(t, rows, 1, key)
	return rows[0].ID
}

// born is what a principal gets at a bootstrap.
type born struct {
	etag    string // empty when it is refused
	code    string // of the refusal
	members map[string]json.RawMessage
}

// bear bootstraps a component with its principal's token.
func (w worlds) bear(t *testing.T, subject, component string) born {
	t.Helper()
	client, request := w.Client(t, token(t, subject)), model.BootstrapRequest{ComponentKey: component}
	r, err := client.BootstrapWithResponse(t.Context(), nil, request)
	for n := 0; err == nil && r.StatusCode() == 503 && n < 5; n++ { // a slow machine takes longer than a second: it says try again
		r, err = client.BootstrapWithResponse(t.Context(), nil, request)
	}
	require.NoError(t, err)
	if r.StatusCode() != 200 {
		return born{code: apptest.Got(r, err).Fails(t, 403, codeOf(t, r.Body)).Code}
	}
	out := born{etag: r.JSON200.PacketEtag}
	require.NoError(t, json.NewDecoder(bytes.NewReader(r.Body)).Decode(&out.members))
	for _, volatile := range []string{"packet_id", "packet_etag", "issued_at", "manifest_version", "startup"} {
		delete(out.members, volatile)
	}
	return out
}

func codeOf(t *testing.T, body []byte) string {
	t.Helper()
	var p model.Problem
	require.NoError(t, json.Unmarshal(body, &p))
	return p.Code
}

// bearAll bootstraps everybody whom the world names, each as its component of the mesh.
func (w worlds) bearAll(t *testing.T, world model.World) map[string]born {
	t.Helper()
	out := map[string]born{}
	for _, p := range world.Principals {
		if component, ok := meshComponents[p.PrincipalKey]; ok {
			out[p.PrincipalKey] = w.bear(t, p.AuthSubject, component.component)
		}
	}
	return out
}
