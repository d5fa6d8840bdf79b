package witness_test

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/identity"
	"github.com/legivellum/metagate/internal/store"
	"github.com/legivellum/metagate/internal/test/storetest"
	"github.com/legivellum/metagate/internal/test/testdb"
	"github.com/legivellum/metagate/internal/witness"
)

func TestMain(m *testing.M) { testdb.Main(m) }

// world is a principal that may start, in tenant "t".
type world struct {
	*store.Store
	principal store.Principal
	profile   store.Profile
}

// service is a running witness with this clock.
func service(t *testing.T, w *world, now func() time.Time) *witness.Service {
	t.Helper()
	s := witness.New(witness.Options{Store: w.Store, Now: now, CacheBytes: 1 << 20, MaxInFlight: 64})
	t.Cleanup(s.Close)
	return s
}

func atNoon() time.Time { return noon }

// identity reads who the principal is now, as each request does. When its world has
// moved on it isn't read anew: the tests are told.
func (w *world) identity(t *testing.T) identity.Caller {
	t.Helper()
	row, err := w.GetIdentityBySubject(t.Context(), w.principal.AuthSubject)
	require.NoError(t, err)
	return identity.Caller{
		ID: row.ID, TenantKey: row.TenantKey, PrincipalKey: row.PrincipalKey, Epoch: row.Epoch,
		ProfileID: row.ProfileID, ManifestID: row.ManifestID, Overrides: row.Overrides, Reread: stale,
	}
}

// adminOf is another principal, who is an admin of a tenant.
func (w *world) adminOf(t *testing.T, tenant string) identity.Caller {
	t.Helper()
	if _, err := w.GetRevision(t.Context(), tenant); err != nil {
		move(t, w.Store, tenant)
	}
	at, err := w.GetRevision(t.Context(), tenant)
	require.NoError(t, err)
	return identity.Caller{ID: uuid.New(), PrincipalKey: "admin", TenantKey: tenant, Epoch: at.Epoch, Admin: true, Reread: stale}
}

func stale(context.Context, store.Queries) (identity.Caller, error) {
	return identity.Caller{}, witness.ErrStale
}

// noon is when these tests take place.
var noon = time.Date(2026, 7, 1, 12, 0, 0, 1000, time.UTC)

func each(t *testing.T, f func(t *testing.T, w *world)) {
	t.Helper()
	testdb.Each(t, storetest.Migrate, func(t *testing.T, url string) {
		s, err := store.Open(t.Context(), url)
		require.NoError(t, err)
		t.Cleanup(s.Close)
		f(t, newWorld(t, s))
	})
}

func newWorld(t *testing.T, s *store.Store) *world {
	t.Helper()
	w := &world{Store: s}
	ctx, doc := t.Context(), store.JSON("{}")
	var err error
	move(t, s, "t")
	w.principal, err = s.CreatePrincipal(ctx, store.CreatePrincipalParams{
		ID: store.NewID(noon), TenantKey: "t", PrincipalKey: "p", AuthSubject: "s", PrincipalType: "component", Status: "active",
		CreatedAt: noon, UpdatedAt: noon,
	})
	require.NoError(t, err)
	w.profile, err = s.CreateProfile(ctx, store.CreateProfileParams{
		ID: store.NewID(noon), TenantKey: "t", ProfileKey: "profile", Capabilities: doc, Policy: doc, StartupSLASeconds: 60,
		CreatedAt: noon, UpdatedAt: noon,
	})
	require.NoError(t, err)
	m, err := s.CreateManifest(ctx, store.CreateManifestParams{
		ID: store.NewID(noon), TenantKey: "t", ManifestKey: "manifest", DeploymentKey: "d", Version: 1,
		Environment: doc, Services: doc, MemoryMap: doc, Polling: doc, Schemas: doc, CreatedAt: noon, UpdatedAt: noon,
	})
	require.NoError(t, err)
	_, err = s.CreateBinding(ctx, store.CreateBindingParams{
		ID: store.NewID(noon), TenantKey: "t", PrincipalID: w.principal.ID, ProfileID: w.profile.ID, ManifestID: m.ID,
		Overrides: doc, Active: true, CreatedAt: noon, UpdatedAt: noon,
	})
	require.NoError(t, err)
	return w
}

func (w *world) open(t *testing.T, opened, deadline time.Time) uuid.UUID {
	t.Helper()
	at, err := w.GetRevision(t.Context(), "t")
	require.NoError(t, err)
	id := store.NewID(opened)
	n, err := w.OpenStartup(t.Context(), store.OpenStartupParams{
		ID: id, TenantKey: "t", Epoch: at.Epoch, Source: "live", PrincipalID: w.principal.ID, PrincipalKey: "p",
		OpenedAt: opened, DeadlineAt: deadline,
	})
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
	return id
}

// ids lists all receipts, newest first.
func (w *world) ids(t *testing.T) []uuid.UUID {
	t.Helper()
	rows, err := w.ListStartups(t.Context(), store.ListStartupsParams{BeforeID: store.MaxID, RowLimit: 1000})
	require.NoError(t, err)
	out := []uuid.UUID{}
	for _, r := range rows {
		out = append(out, r.ID)
	}
	return out
}

// edit makes the profile's SLA these seconds, as an admin's write would.
func (w *world) edit(t *testing.T, seconds int64) {
	t.Helper()
	require.NoError(t, w.InTx(t.Context(), func(q store.Queries) error {
		move(t, q, "t")
		_, err := q.UpdateProfile(t.Context(), store.UpdateProfileParams{
			ID: w.profile.ID, ProfileKey: w.profile.ProfileKey, Capabilities: w.profile.Capabilities, Policy: w.profile.Policy,
			StartupSLASeconds: seconds, UpdatedAt: noon,
		})
		return err
	}))
}

// move gives a tenant another epoch, as an admin's write does.
func move(t *testing.T, q store.Queries, tenant string) {
	t.Helper()
	at, err := q.LockTenant(t.Context(), store.LockTenantParams{TenantKey: tenant, Epoch: rand.Int64()})
	require.NoError(t, err)
	require.NoError(t, q.SetRevision(t.Context(), store.SetRevisionParams{TenantKey: tenant, Revision: at.Revision + 1, Epoch: rand.Int64()}))
}

// birth is that of component c, which takes itself for hint.
func birth(hint string) witness.Birth { return witness.Birth{ComponentKey: "c", PrincipalKey: hint} }
