package witness_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/errs"
	"github.com/legivellum/metagate/internal/identity"
	"github.com/legivellum/metagate/internal/store"
	"github.com/legivellum/metagate/internal/witness"
)

func TestABootstrapThatCantBeAnsweredLeavesNoReceipt(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		s, who := service(t, w, atNoon), w.identity(t)
		_, err := s.Bootstrap(t.Context(), who, birth("somebody-else"))
		require.True(t, errs.Is(err, errs.PrincipalMismatch), "%v", err)

		unbound := who
		unbound.ProfileID, unbound.ManifestID, unbound.Overrides = nil, nil, nil
		_, err = s.Bootstrap(t.Context(), unbound, birth("p"))
		require.True(t, errs.Is(err, errs.NoBinding), "%v", err)

		_, err = w.UpdateProfile(t.Context(), store.UpdateProfileParams{
			ID: w.profile.ID, ProfileKey: "profile", Capabilities: store.JSON(`{"allowed_components":["other"]}`),
			Policy: store.JSON(`{}`), StartupSLASeconds: 60, UpdatedAt: noon,
		})
		require.NoError(t, err)
		_, err = s.Bootstrap(t.Context(), who, birth(""))
		require.True(t, errs.Is(err, errs.ComponentNotPermitted), "%v", err)
		require.Empty(t, w.ids(t))
	})
}

func TestAnAnsweredBootstrapHasItsReceipt(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		opened, err := service(t, w, atNoon).Bootstrap(t.Context(), w.identity(t), birth("p"))
		require.NoError(t, err)
		row, err := w.GetStartup(t.Context(), opened.StartupID)
		require.NoError(t, err)
		at, err := w.GetRevision(t.Context(), "t")
		require.NoError(t, err)
		require.Equal(t, store.StartupSession{
			ID: opened.StartupID, TenantKey: "t", PrincipalID: w.principal.ID, PrincipalKey: "p", ComponentKey: "c",
			ProfileKey: "profile", ManifestKey: "manifest", ManifestVersion: 1, PacketID: opened.PacketID, PacketEtag: opened.Etag,
			Status: "OPEN", OpenedAt: noon, DeadlineAt: noon.Add(time.Minute), Source: "live", Revision: &at.Revision,
			Changed: row.Changed, OpenedChange: row.Changed, DeploymentKey: new("d"), PacketBody: row.PacketBody,
		}, row)
		require.Positive(t, *row.PacketBody)
		require.Contains(t, string(opened.AppendPacket(nil, witness.ByREST)), opened.StartupID.String())
	})
}

func TestARememberedEtagIsThatOfTheComponentAndTheRevision(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		s := service(t, w, atNoon)
		seen := map[string]bool{}
		etag := func(who identity.Caller, component string) string {
			opened, err := s.Bootstrap(t.Context(), who, witness.Birth{ComponentKey: component})
			require.NoError(t, err)
			return opened.Etag
		}
		for round := range 3 {
			w.profile.Policy = store.JSON(fmt.Sprintf(`{"round":%d}`, round))
			w.edit(t, 60)
			plain, remembers := w.identity(t), w.identity(t)
			remembers.Memo = new(identity.Memo)
			for _, component := range []string{"a", "a", "b", "a", "b", "b"} {
				require.Equal(t, etag(plain, component), etag(remembers, component))
			}
			seen[etag(remembers, "a")], seen[etag(remembers, "b")] = true, true
		}
		require.Len(t, seen, 2*3, "each revision's and each component's is another")
	})
}

// The clock is read after the world has been, and before the receipt is written.
func TestABootstrapIsStaleWhenTheWorldChangesUnderItAndLeavesNoReceipt(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		changes, armed := int64(0), false
		s := service(t, w, func() time.Time {
			if armed {
				armed = false
				changes++
				w.edit(t, 100+changes)
			}
			return noon
		})
		for want := range int64(3) {
			armed = true
			_, err := s.Bootstrap(t.Context(), w.identity(t), birth(""))
			require.ErrorIs(t, err, witness.ErrStale)
			require.Equal(t, want+1, changes)
			require.Empty(t, w.ids(t))
		}
		opened, err := s.Bootstrap(t.Context(), w.identity(t), birth(""))
		require.NoError(t, err)
		require.Equal(t, noon.Add(103*time.Second), opened.DeadlineAt, "the world after the last change")
		require.Equal(t, []uuid.UUID{opened.StartupID}, w.ids(t))
	})
}

// A refusal writes nothing that would tell: it has to be checked by itself.
func TestARefusalOfAWorldThatHasPassedIsStale(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		s, before := service(t, w, atNoon), w.identity(t)
		w.edit(t, 7)
		unbound := before
		unbound.ProfileID, unbound.ManifestID = nil, nil
		for _, who := range []identity.Caller{before, unbound} {
			for _, hint := range []string{"", "somebody-else"} {
				_, err := s.Bootstrap(t.Context(), who, birth(hint))
				require.ErrorIs(t, err, witness.ErrStale)
			}
		}
		id := w.open(t, noon, noon)
		_, err := s.Ready(t.Context(), before, model.ReadyReport{StartupID: id, BuildVersion: "1"})
		require.ErrorIs(t, err, witness.ErrStale)
		_, err = s.Failed(t.Context(), before, model.FailedReport{StartupID: uuid.New(), Error: "e"})
		require.ErrorIs(t, err, witness.ErrStale)
		row, err := w.GetStartup(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, "OPEN", row.Status)
	})
}

func TestOnlyTheOwnerAndAnAdminOfItsTenantSeeAStartup(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		s, owner := service(t, w, atNoon), w.identity(t)
		another := owner
		another.ID, another.PrincipalKey = uuid.New(), "q"
		id := w.open(t, noon, noon)
		for _, stranger := range []identity.Caller{another, w.adminOf(t, "u")} {
			_, err := s.Get(t.Context(), stranger, id)
			require.True(t, errs.Is(err, errs.SessionNotFound), "%v", err)
			_, err = s.Ready(t.Context(), stranger, model.ReadyReport{StartupID: id, BuildVersion: "1"})
			require.True(t, errs.Is(err, errs.SessionNotFound), "%v", err)
			_, err = s.Failed(t.Context(), stranger, model.FailedReport{StartupID: id, Error: "e"})
			require.True(t, errs.Is(err, errs.SessionNotFound), "%v", err)
		}
		for _, r := range []identity.Caller{owner, w.adminOf(t, "t")} {
			row, err := s.Get(t.Context(), r, id)
			require.NoError(t, err)
			require.Equal(t, "OPEN", row.Status)

			closed := w.open(t, noon, noon)
			ack, err := s.Ready(t.Context(), r, model.ReadyReport{StartupID: closed, BuildVersion: "1"})
			require.NoError(t, err)
			require.Equal(t, model.StartupAck{StartupID: closed, Status: model.StartupStatusREADY, AcknowledgedAt: noon}, ack)
			row, err = s.Get(t.Context(), r, closed)
			require.NoError(t, err)
			require.Equal(t, "READY", row.Status)
		}
	})
}

func TestTheFirstReportDecidesAndIsRepeated(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		clock := noon
		s := service(t, w, func() time.Time { clock = clock.Add(time.Second); return clock })
		owner := w.identity(t)
		id := w.open(t, noon, noon)
		first, err := s.Failed(t.Context(), owner, model.FailedReport{StartupID: id, Error: "e"})
		require.NoError(t, err)
		require.Equal(t, model.StartupAck{StartupID: id, Status: model.StartupStatusFAILED, AcknowledgedAt: noon.Add(time.Second)}, first)
		again, err := s.Failed(t.Context(), owner, model.FailedReport{StartupID: id, Error: "another"})
		require.NoError(t, err)
		require.Equal(t, first, again)
		_, err = s.Ready(t.Context(), owner, model.ReadyReport{StartupID: id, BuildVersion: "1"})
		require.True(t, errs.Is(err, errs.InvalidState), "%v", err)
		require.ErrorContains(t, err, "FAILED")
	})
}

// A report is testimony (contract 1.5, 5).
func TestAReportIsKeptAsItCame(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		s, owner := service(t, w, atNoon), w.identity(t)
		for _, doc := range []string{`{"a":[{"Jobs":1}]}`, `"fine"`, `[1.10]`, `7`, `null`, ``} {
			ready, failed := w.open(t, noon, noon), w.open(t, noon, noon)
			_, err := s.Ready(t.Context(), owner, model.ReadyReport{StartupID: ready, Health: []byte(doc)})
			require.NoError(t, err)
			_, err = s.Failed(t.Context(), owner, model.FailedReport{StartupID: failed, Details: []byte(doc)})
			require.NoError(t, err)
			r, err := w.GetStartup(t.Context(), ready)
			require.NoError(t, err)
			f, err := w.GetStartup(t.Context(), failed)
			require.NoError(t, err)
			want := strings.TrimSuffix(doc, "null")
			require.Equal(t, want, string(r.Health))
			require.Equal(t, want, string(f.Details))
			require.Equal(t, []string{"", ""}, []string{*r.BuildVersion, *f.Error}, "empty texts are texts")
			require.Nil(t, r.Error)
			require.Nil(t, f.BuildVersion)
		}
	})
}
