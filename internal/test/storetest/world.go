package storetest

import (
	"context"
	"fmt"
	"math"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/store"
)

// world is a tenant with one of everything in it.
type world struct {
	*store.Store
	tenant    string
	epoch     int64
	now       time.Time
	principal store.Principal
	profile   store.Profile
	manifest  store.Manifest
	binding   store.Binding // active
	secret    store.SecretRef
	key       store.APIKey
}

var made atomic.Int64

// unique makes a text that no other test of this process uses.
func unique(prefix string) string { return fmt.Sprintf("%s-%d", prefix, made.Add(1)) }

// newEpoch is as long as the product's, and next to others: all its digits count.
func newEpoch() int64 { return math.MaxInt64 - made.Add(1) }

// Move gives a tenant the next revision and another epoch, as a write does: 1 and a
// first epoch if there was none.
func Move(ctx context.Context, q store.Queries, tenant string) (epoch int64, err error) {
	epoch = newEpoch()
	at, err := q.LockTenant(ctx, store.LockTenantParams{TenantKey: tenant, Epoch: epoch})
	if err != nil {
		return 0, err
	}
	return epoch, q.SetRevision(ctx, store.SetRevisionParams{TenantKey: tenant, Revision: at.Revision + 1, Epoch: epoch})
}

// requireAt asserts where a tenant is.
func requireAt(t *testing.T, q store.Queries, tenant string, revision, epoch int64, msg ...any) {
	t.Helper()
	require.Equal(t, store.GetRevisionRow{Revision: revision, Epoch: epoch}, must(q.GetRevision(t.Context(), tenant))(t), msg...)
}

func newWorld(t *testing.T, s *store.Store) *world {
	t.Helper()
	w := &world{Store: s, tenant: unique("tenant"), now: store.Now()}
	w.epoch = must(Move(t.Context(), s, w.tenant))(t)
	w.principal = w.addPrincipal(t)
	w.profile = w.addProfile(t)
	w.manifest = w.addManifest(t)
	w.binding = must(s.CreateBinding(t.Context(), w.newBinding(true)))(t)
	w.secret = w.addSecretRef(t, unique("secret"), "active")
	w.key = w.addKey(t)
	return w
}

func (w *world) newPrincipal() store.CreatePrincipalParams {
	key := unique("principal")
	return store.CreatePrincipalParams{
		ID: store.NewID(w.now), TenantKey: w.tenant, PrincipalKey: key, AuthSubject: "subject of " + key,
		PrincipalType: "component", Status: "active", CreatedAt: w.now, UpdatedAt: w.now,
	}
}

func (w *world) addPrincipal(t *testing.T) store.Principal {
	t.Helper()
	return must(w.CreatePrincipal(t.Context(), w.newPrincipal()))(t)
}

func (w *world) newProfile() store.CreateProfileParams {
	return store.CreateProfileParams{
		ID: store.NewID(w.now), TenantKey: w.tenant, ProfileKey: unique("profile"), StartupSLASeconds: 120,
		Capabilities: store.JSON(`{"memory_read":true}`), Policy: store.JSON(`{"rate":1.10}`), CreatedAt: w.now, UpdatedAt: w.now,
	}
}

func (w *world) addProfile(t *testing.T) store.Profile {
	t.Helper()
	return must(w.CreateProfile(t.Context(), w.newProfile()))(t)
}

func (w *world) newManifest() store.CreateManifestParams {
	return store.CreateManifestParams{
		ID: store.NewID(w.now), TenantKey: w.tenant, ManifestKey: unique("manifest"), DeploymentKey: unique("deployment"),
		Environment: store.JSON(`{"e":1}`), Services: store.JSON(`{"s":2}`), MemoryMap: store.JSON(`{"m":3}`),
		Polling: store.JSON(`{"p":4}`), Schemas: store.JSON(`{"c":5}`), Version: 1, CreatedAt: w.now, UpdatedAt: w.now,
	}
}

func (w *world) addManifest(t *testing.T) store.Manifest {
	t.Helper()
	return must(w.CreateManifest(t.Context(), w.newManifest()))(t)
}

func (w *world) newBinding(active bool) store.CreateBindingParams {
	return store.CreateBindingParams{
		ID: store.NewID(w.now), TenantKey: w.tenant, PrincipalID: w.principal.ID, ProfileID: w.profile.ID, ManifestID: w.manifest.ID,
		Overrides: store.JSON(`{"policy":{"rate":2}}`), Active: active, CreatedAt: w.now, UpdatedAt: w.now,
	}
}

// deactivated is an update of the world's binding that makes room for another.
func (w *world) deactivated() store.UpdateBindingParams {
	return store.UpdateBindingParams{
		ID: w.binding.ID, ProfileID: w.binding.ProfileID, ManifestID: w.binding.ManifestID, Overrides: w.binding.Overrides, UpdatedAt: w.now,
	}
}

func (w *world) newSecretRef(key, status string) store.CreateSecretRefParams {
	return store.CreateSecretRefParams{
		ID: store.NewID(w.now), TenantKey: w.tenant, SecretKey: key, RefKind: "env", RefName: "NAME",
		RefMeta: store.JSON(`{"k":null}`), Status: status, CreatedAt: w.now, UpdatedAt: w.now,
	}
}

func (w *world) addSecretRef(t *testing.T, key, status string) store.SecretRef {
	t.Helper()
	return must(w.CreateSecretRef(t.Context(), w.newSecretRef(key, status)))(t)
}

func (w *world) newKey() store.CreateAPIKeyParams {
	expires := w.now.Add(time.Hour)
	return store.CreateAPIKeyParams{
		ID: store.NewID(w.now), TenantKey: w.tenant, PrincipalID: w.principal.ID, Name: "a key", KeyHash: unique("hash"),
		Status: "active", ExpiresAt: &expires, CreatedAt: w.now, UpdatedAt: w.now,
	}
}

func (w *world) addKey(t *testing.T) store.APIKey {
	t.Helper()
	return must(w.CreateAPIKey(t.Context(), w.newKey()))(t)
}

func (w *world) newStartup(opened, deadline time.Time) store.OpenStartupParams {
	return store.OpenStartupParams{
		ID: store.NewID(opened), TenantKey: w.tenant, Epoch: w.epoch, Source: "live", PrincipalID: w.principal.ID, PrincipalKey: w.principal.PrincipalKey,
		ComponentKey: unique("component"), ProfileKey: w.profile.ProfileKey, ManifestKey: w.manifest.ManifestKey,
		ManifestVersion: 7, PacketID: store.NewID(opened), PacketEtag: unique("etag"), OpenedAt: opened, DeadlineAt: deadline,
	}
}

// backfill is a start an hour ago that is told of now.
func (w *world) backfill(at time.Time) store.BackfillStartupParams {
	end := at.Add(time.Second)
	return store.BackfillStartupParams{
		ID: store.NewID(at), TenantKey: w.tenant, PrincipalID: w.principal.ID, PrincipalKey: w.principal.PrincipalKey,
		ComponentKey: unique("component"), ProfileKey: w.profile.ProfileKey, ManifestKey: w.manifest.ManifestKey, ManifestVersion: 7,
		PacketID: store.NewID(w.now), PacketEtag: unique("etag"), Status: "READY", OpenedAt: w.now, DeadlineAt: w.now.Add(time.Minute),
		ReadyAt: &w.now, BuildVersion: new("1.2"), Health: store.JSON(`{"n":1.10}`), Labels: store.JSON(`{"zone":"a"}`),
		Credential: store.JSON(`{"method":"api_key"}`), Revision: new(int64(3)), ClaimedOpenedAt: &at, ClaimedClosedAt: &end,
	}
}

// asOpened is how the startup is stored while the tenant is at revision 1.
func asOpened(p store.OpenStartupParams) store.StartupSession {
	return store.StartupSession{
		ID: p.ID, TenantKey: p.TenantKey, PrincipalID: p.PrincipalID, PrincipalKey: p.PrincipalKey, ComponentKey: p.ComponentKey,
		ProfileKey: p.ProfileKey, ManifestKey: p.ManifestKey, ManifestVersion: p.ManifestVersion,
		PacketID: p.PacketID, PacketEtag: p.PacketEtag, Status: "OPEN", OpenedAt: p.OpenedAt, DeadlineAt: p.DeadlineAt,
		InstanceID: p.InstanceID, Host: p.Host, Labels: p.Labels, Source: p.Source, Revision: new(int64(1)),
		Credential: p.Credential, RemoteAddr: p.RemoteAddr, DeploymentKey: p.DeploymentKey,
	}
}

// unnumbered is a startup without the numbers of its changes, which only
// changes.go and queries_outcomes.go are about.
func unnumbered(s store.StartupSession) store.StartupSession {
	s.Changed, s.OpenedChange = 0, 0
	return s
}

// told adds all that may be known of who starts.
func told(p store.OpenStartupParams) store.OpenStartupParams {
	p.InstanceID, p.Host, p.RemoteAddr = new(unique("instance")), new("höst"), new("::1")
	p.DeploymentKey = new("eu")
	p.Labels, p.Credential = store.JSON(`{"zone":"a","n": 1.10}`), store.JSON(`{"method":"api_key"}`)
	return p
}

// open opens a startup and returns it as it was stored.
func (w *world) open(t *testing.T, opened, deadline time.Time) store.StartupSession {
	t.Helper()
	p := w.newStartup(opened, deadline)
	require.EqualValues(t, 1, must(w.OpenStartup(t.Context(), p))(t))
	return must(w.GetStartup(t.Context(), p.ID))(t)
}

func (w *world) readyReport(id uuid.UUID, at time.Time) store.ReportStartupParams {
	return store.ReportStartupParams{
		ID: id, PrincipalID: w.principal.ID, CallerTenant: w.tenant, CallerEpoch: w.epoch,
		Status: "READY", ReadyAt: &at, BuildVersion: new("1.2.3"), Health: store.JSON(`{"ok":1.10}`),
	}
}

func (w *world) failedReport(id uuid.UUID, at time.Time) store.ReportStartupParams {
	return store.ReportStartupParams{
		ID: id, PrincipalID: w.principal.ID, CallerTenant: w.tenant, CallerEpoch: w.epoch,
		Status: "FAILED", FailedAt: &at, Error: new("no route\nto host"), Details: store.JSON(`{"code":7}`),
	}
}

// ready closes a startup, whoever opened it, without a document.
func (w *world) ready(t *testing.T, id uuid.UUID) {
	t.Helper()
	p := w.readyReport(id, w.now)
	p.Health, p.PrincipalID = nil, must(w.GetStartup(t.Context(), id))(t).PrincipalID
	require.EqualValues(t, 1, must(w.ReportStartup(t.Context(), p))(t))
}
