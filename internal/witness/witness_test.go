package witness_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/api"
	"github.com/legivellum/metagate/internal/errs"
	"github.com/legivellum/metagate/internal/store"
	"github.com/legivellum/metagate/internal/witness"
)

// service's clock calls between, which runs after the world has been read and
// before the receipt is written.
func service(w *world, between func()) *witness.Service {
	return &witness.Service{Store: w.Store, Now: func() time.Time { between(); return noon }}
}

func TestABootstrapThatCantBeAnsweredLeavesNoReceipt(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		s := service(w, func() {})
		unbound := w.principal
		unbound.ID = uuid.New()
		_, err := s.Bootstrap(t.Context(), unbound, "c")
		require.True(t, errs.Is(err, errs.NoBinding), "%v", err)

		_, err = w.UpdateProfile(t.Context(), store.UpdateProfileParams{
			ID: w.profile.ID, ProfileKey: "profile", Capabilities: store.JSON(`{"allowed_components":["other"]}`),
			Policy: store.JSON(`{}`), StartupSLASeconds: 60, UpdatedAt: noon,
		})
		require.NoError(t, err)
		_, err = s.Bootstrap(t.Context(), w.principal, "c")
		require.True(t, errs.Is(err, errs.ComponentNotPermitted), "%v", err)
		require.Empty(t, w.ids(t))
	})
}

func TestAnAnsweredBootstrapHasItsReceipt(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		opened, err := service(w, func() {}).Bootstrap(t.Context(), w.principal, "c")
		require.NoError(t, err)
		row, err := w.GetStartup(t.Context(), opened.StartupID)
		require.NoError(t, err)
		require.Equal(t, store.StartupSession{
			ID: opened.StartupID, TenantKey: "t", PrincipalID: w.principal.ID, PrincipalKey: "p", ComponentKey: "c",
			ProfileKey: "profile", ManifestKey: "manifest", ManifestVersion: 1, PacketID: opened.PacketID, PacketEtag: opened.Etag,
			Status: "OPEN", OpenedAt: noon, DeadlineAt: noon.Add(time.Minute), MirrorStatus: "off",
		}, row)
	})
}

func TestABootstrapStartsOverWhenTheWorldChangesUnderIt(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		changes := int64(0)
		opened, err := service(w, func() {
			if changes < 9 {
				changes++
				w.edit(t, 100+changes)
			}
		}).Bootstrap(t.Context(), w.principal, "c")
		require.NoError(t, err)
		require.EqualValues(t, 9, changes)
		require.Equal(t, noon.Add(109*time.Second), opened.DeadlineAt, "the world after the last change")
		require.Equal(t, []uuid.UUID{opened.StartupID}, w.ids(t), "one receipt, whatever the attempts")
	})
}

func TestAWorldThatNeverStandsStillIsUnavailableAndLeavesNoReceipt(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		changes := int64(0)
		_, err := service(w, func() { changes++; w.edit(t, changes) }).Bootstrap(t.Context(), w.principal, "c")
		require.True(t, errs.Is(err, errs.Unavailable), "%v", err)
		require.EqualValues(t, 10, changes, "it doesn't try for ever")
		require.Empty(t, w.ids(t))
	})
}

func TestOnlyTheOwnerAndAnAdminOfItsTenantSeeAStartup(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		id, s := w.open(t, noon, noon), service(w, func() {})
		only := func(tenant string) func(string) bool { return func(t string) bool { return t == tenant } }
		for _, stranger := range []witness.Reader{{}, {PrincipalID: uuid.New()}, {PrincipalID: uuid.New(), Tenants: only("u")}} {
			_, err := s.Get(t.Context(), stranger, id)
			require.True(t, errs.Is(err, errs.SessionNotFound), "%v", err)
			_, err = s.Ready(t.Context(), stranger, api.ReadyReport{StartupID: id, BuildVersion: "1"})
			require.True(t, errs.Is(err, errs.SessionNotFound), "%v", err)
			_, err = s.Failed(t.Context(), stranger, api.FailedReport{StartupID: id, Error: "e"})
			require.True(t, errs.Is(err, errs.SessionNotFound), "%v", err)
		}
		for _, reader := range []witness.Reader{{PrincipalID: w.principal.ID}, {PrincipalID: uuid.New(), Tenants: only("t")}} {
			row, err := s.Get(t.Context(), reader, id)
			require.NoError(t, err)
			require.Equal(t, "OPEN", row.Status)
		}
	})
}

func TestTheFirstReportDecidesAndIsRepeated(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		clock := noon
		s := &witness.Service{Store: w.Store, Now: func() time.Time { clock = clock.Add(time.Second); return clock }}
		owner := witness.Reader{PrincipalID: w.principal.ID}
		id := w.open(t, noon, noon)
		first, err := s.Failed(t.Context(), owner, api.FailedReport{StartupID: id, Error: "e"})
		require.NoError(t, err)
		require.Equal(t, noon.Add(time.Second), *first.FailedAt)
		again, err := s.Failed(t.Context(), owner, api.FailedReport{StartupID: id, Error: "another"})
		require.NoError(t, err)
		require.Equal(t, first, again)
		_, err = s.Ready(t.Context(), owner, api.ReadyReport{StartupID: id, BuildVersion: "1"})
		require.True(t, errs.Is(err, errs.InvalidState), "%v", err)
		require.ErrorContains(t, err, "FAILED")
	})
}
