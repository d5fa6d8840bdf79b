package app_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/client"
	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/store"
	"github.com/legivellum/metagate/internal/test/apptest"
)

// lab is a program with a component that can start, made by its admin.
type lab struct {
	*apptest.App
	admin, component *client.ClientWithResponses
	principal        model.Principal
	profile          model.Profile
	manifest         model.Manifest
	binding          model.Binding
	key              model.APIKeyIssued // of principal
}

var labs atomic.Int64

func newLab(t *testing.T, a *apptest.App) *lab {
	t.Helper()
	l := &lab{App: a, admin: a.AdminClient(t)}
	l.principal = l.addPrincipal(t)
	l.profile = l.addProfile(t)
	l.manifest = l.addManifest(t)
	l.binding = *apptest.Got(l.admin.CreateBindingWithResponse(t.Context(), nil, l.newBinding())).Is(t, 201).JSON201
	l.key = l.addKey(t, l.principal.ID)
	l.component = a.Client(t, l.key.APIKey)
	return l
}

func (l *lab) addPrincipal(t *testing.T) model.Principal {
	t.Helper()
	key := fmt.Sprintf("principal-%d", labs.Add(1))
	return *apptest.Got(l.admin.CreatePrincipalWithResponse(t.Context(), nil, model.PrincipalCreate{PrincipalKey: key, AuthSubject: "subject of " + key})).Is(t, 201).JSON201
}

func (l *lab) addProfile(t *testing.T) model.Profile {
	t.Helper()
	return *apptest.Got(l.admin.CreateProfileWithResponse(t.Context(), nil, model.ProfileCreate{
		ProfileKey: fmt.Sprintf("profile-%d", labs.Add(1)), StartupSLASeconds: 3600,
		Capabilities: json.RawMessage(`{"read":true}`), Policy: json.RawMessage(`{"rate":1.10}`),
	})).Is(t, 201).JSON201
}

func (l *lab) addManifest(t *testing.T) model.Manifest {
	t.Helper()
	return *apptest.Got(l.admin.CreateManifestWithResponse(t.Context(), nil, model.ManifestCreate{
		ManifestKey: fmt.Sprintf("manifest-%d", labs.Add(1)), Services: json.RawMessage(`{"gate":{"port":1}}`),
	})).Is(t, 201).JSON201
}

func (l *lab) newBinding() model.BindingCreate {
	return model.BindingCreate{PrincipalID: l.principal.ID.String(), ProfileID: l.profile.ID.String(), ManifestID: l.manifest.ID.String()}
}

func (l *lab) addKey(t *testing.T, principal uuid.UUID) model.APIKeyIssued {
	t.Helper()
	return *apptest.Got(l.admin.CreateAPIKeyWithResponse(t.Context(), nil, model.APIKeyCreate{PrincipalID: principal.String(), Name: "a key"})).Is(t, 201).JSON201
}

// start bootstraps component and returns the packet.
func (l *lab) start(t *testing.T, component string) model.WelcomePacket {
	t.Helper()
	return *apptest.Got(l.component.BootstrapWithResponse(t.Context(), nil, model.BootstrapRequest{ComponentKey: component})).Is(t, 200).JSON200
}

func (l *lab) get(t *testing.T, id uuid.UUID) model.StartupSession {
	t.Helper()
	return *apptest.Got(l.component.GetStartupWithResponse(t.Context(), id)).Is(t, 200).JSON200
}

// opened puts a receipt with these times into the database: nobody waits for a deadline.
func (l *lab) opened(t *testing.T, p store.OpenStartupParams) uuid.UUID {
	t.Helper()
	at, err := l.Store.GetRevision(t.Context(), l.principal.TenantKey)
	require.NoError(t, err)
	p.ID, p.TenantKey, p.Epoch, p.Source = store.NewID(p.OpenedAt), l.principal.TenantKey, at.Epoch, "live"
	p.PrincipalID, p.PrincipalKey, p.PacketID = l.principal.ID, l.principal.PrincipalKey, uuid.New()
	p.ProfileKey, p.ManifestKey, p.ManifestVersion = l.profile.ProfileKey, l.manifest.ManifestKey, 1
	p.PacketEtag = "0000000000000000000000000000000000000000000000000000000000000000"
	if p.ComponentKey == "" {
		p.ComponentKey = "component"
	}
	require.NoError(t, l.Store.InTx(t.Context(), func(q store.Queries) error {
		n, err := q.OpenStartup(t.Context(), p)
		require.EqualValues(t, 1, n)
		return err
	}))
	return p.ID
}

func ready(id uuid.UUID) model.ReadyReport {
	return model.ReadyReport{StartupID: id, BuildVersion: "1.2.3", Health: json.RawMessage(`{"load":1.10}`)}
}

func failed(id uuid.UUID) model.FailedReport {
	return model.FailedReport{StartupID: id, Error: "no route\nto host", Details: json.RawMessage(`{"code":12345678901234567890}`)}
}

// adminList reads a page of a list as JSON would have it: the path, with its query.
func adminList[T any](t *testing.T, a *apptest.App, path string) (rows []T, next string) {
	t.Helper()
	got := wire{a, apptest.AdminKey}.send(t, http.MethodGet, "/v1/admin/"+path, "")
	require.Equal(t, 200, got.Status, got.Body)
	require.NoError(t, json.Unmarshal([]byte(got.Body), &rows))
	if link := got.Header.Get("Link"); link != "" {
		next, _, _ = strings.Cut(strings.TrimPrefix(link, "</v1/admin/"), ">")
	}
	return rows, next
}

// lockTenant makes the writes of a tenant wait, and on SQLite all.
func lockTenant(ctx context.Context, q store.Queries, tenant string) error {
	_, err := q.LockTenant(ctx, store.LockTenantParams{TenantKey: tenant})
	return err
}
