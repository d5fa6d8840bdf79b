package app_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/store"
	"github.com/legivellum/metagate/internal/test/apptest"
)

func TestAReportForAStartupThatIsNotTheCallersIs404(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l, other := newLab(t, a), newLab(t, a)
		theirs := other.start(t, "c").Startup.StartupID
		for _, id := range []uuid.UUID{uuid.Nil, uuid.New(), theirs} {
			apptest.Got(l.component.ReportReadyWithResponse(t.Context(), ready(id))).Fails(t, 404, "SESSION_NOT_FOUND")
			apptest.Got(l.component.ReportFailedWithResponse(t.Context(), failed(id))).Fails(t, 404, "SESSION_NOT_FOUND")
			apptest.Got(l.component.GetStartupWithResponse(t.Context(), id)).Fails(t, 404, "SESSION_NOT_FOUND")
		}
		require.Equal(t, model.StartupStatusOPEN, other.get(t, theirs).Status)
	})
}

func TestAStartupIsOpenUntilItIsReportedReady(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l := newLab(t, a)
		packet := l.start(t, "c")
		require.Equal(t, model.StartupStatusOPEN, packet.Startup.Status)
		require.Equal(t, time.Hour, packet.Startup.DeadlineAt.Sub(packet.IssuedAt), "the profile's SLA")
		id := packet.Startup.StartupID

		want := model.StartupSession{
			StartupID: id, TenantKey: "default", Status: model.StartupStatusOPEN,
			PrincipalKey: l.principal.PrincipalKey, ComponentKey: "c",
			Profile: l.profile.ProfileKey, Manifest: l.manifest.ManifestKey, ManifestVersion: 1,
			PacketID: packet.PacketID, PacketEtag: packet.PacketEtag, OpenedAt: packet.IssuedAt, DeadlineAt: packet.Startup.DeadlineAt,
		}
		got := l.get(t, id)
		for _, empty := range []bool{
			got.ReadyAt.IsNull(), got.FailedAt.IsNull(), got.BuildVersion.IsNull(), got.Health.IsNull(), got.Error.IsNull(), got.Details.IsNull(),
		} {
			require.True(t, empty)
		}
		want.ReadyAt, want.FailedAt, want.BuildVersion = got.ReadyAt, got.FailedAt, got.BuildVersion
		want.Health, want.Error, want.Details = got.Health, got.Error, got.Details
		want.Source, want.Revision, want.Credential, want.RemoteAddr = model.StartupSource("live"), got.Revision, got.Credential, got.RemoteAddr
		for _, n := range []interface{ IsNull() bool }{
			got.InstanceID, got.Host, got.Labels, got.SupersededBy, got.SupersededAt, got.AcknowledgedAt, got.AcknowledgedBy, got.AcknowledgedReason, got.MirrorError,
			got.ClaimedOpenedAt, got.ClaimedClosedAt,
		} {
			require.True(t, n.IsNull())
		}
		want.InstanceID, want.Host, want.Labels, want.SupersededBy, want.SupersededAt = got.InstanceID, got.Host, got.Labels, got.SupersededBy, got.SupersededAt
		want.AcknowledgedAt, want.AcknowledgedBy, want.AcknowledgedReason = got.AcknowledgedAt, got.AcknowledgedBy, got.AcknowledgedReason
		want.MirrorStatus, want.MirrorError = model.MirrorStatusOff, got.MirrorError
		want.ClaimedOpenedAt, want.ClaimedClosedAt = got.ClaimedOpenedAt, got.ClaimedClosedAt
		require.Equal(t, want, got)

		ack := *apptest.Got(l.component.ReportReadyWithResponse(t.Context(), ready(id))).Is(t, 200).JSON200
		require.Equal(t, id, ack.StartupID)
		require.Equal(t, model.StartupStatusREADY, ack.Status)
		require.WithinRange(t, ack.AcknowledgedAt, packet.IssuedAt, time.Now())

		got = l.get(t, id)
		require.Equal(t, model.StartupStatusREADY, got.Status)
		require.Equal(t, ack.AcknowledgedAt, got.ReadyAt.MustGet())
		require.Equal(t, "1.2.3", got.BuildVersion.MustGet())
		require.Equal(t, `{"load":1.10}`, string(got.Health.MustGet()))
		require.True(t, got.FailedAt.IsNull() && got.Error.IsNull() && got.Details.IsNull())
		require.False(t, got.Late || got.Overdue)
	})
}

func TestAStartupThatFailedKeepsItsReason(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l := newLab(t, a)
		id := l.start(t, "c").Startup.StartupID
		ack := *apptest.Got(l.component.ReportFailedWithResponse(t.Context(), failed(id))).Is(t, 200).JSON200
		require.Equal(t, model.StartupStatusFAILED, ack.Status)
		got := l.get(t, id)
		require.Equal(t, model.StartupStatusFAILED, got.Status)
		require.Equal(t, ack.AcknowledgedAt, got.FailedAt.MustGet())
		require.Equal(t, "no route\nto host", got.Error.MustGet())
		require.Equal(t, `{"code":12345678901234567890}`, string(got.Details.MustGet()))
		require.True(t, got.ReadyAt.IsNull() && got.BuildVersion.IsNull() && got.Health.IsNull())
		require.False(t, got.Late || got.Overdue)
	})
}

func TestTheSameReportAgainGivesTheFirstAcknowledgement(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l := newLab(t, a)
		up, down := l.start(t, "c").Startup.StartupID, l.start(t, "c").Startup.StartupID
		firstUp := *apptest.Got(l.component.ReportReadyWithResponse(t.Context(), ready(up))).Is(t, 200).JSON200
		firstDown := *apptest.Got(l.component.ReportFailedWithResponse(t.Context(), failed(down))).Is(t, 200).JSON200
		for range 3 {
			require.Equal(t, firstUp, *apptest.Got(l.component.ReportReadyWithResponse(t.Context(),
				model.ReadyReport{StartupID: up, BuildVersion: "another"})).Is(t, 200).JSON200)
			require.Equal(t, firstDown, *apptest.Got(l.component.ReportFailedWithResponse(t.Context(),
				model.FailedReport{StartupID: down, Error: "another"})).Is(t, 200).JSON200)
		}
		require.Equal(t, "1.2.3", l.get(t, up).BuildVersion.MustGet(), "what was reported first")
		require.Equal(t, "no route\nto host", l.get(t, down).Error.MustGet())
	})
}

func TestAContradictingReportIsRefusedAndNamesTheState(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l := newLab(t, a)
		up, down := l.start(t, "c").Startup.StartupID, l.start(t, "c").Startup.StartupID
		apptest.Got(l.component.ReportReadyWithResponse(t.Context(), ready(up))).Is(t, 200)
		apptest.Got(l.component.ReportFailedWithResponse(t.Context(), failed(down))).Is(t, 200)
		both := func() []model.StartupSession { return []model.StartupSession{l.get(t, up), l.get(t, down)} }
		before := both()
		require.Contains(t, apptest.Got(l.component.ReportFailedWithResponse(t.Context(), failed(up))).Fails(t, 409, "INVALID_STATE").Detail, "READY")
		require.Contains(t, apptest.Got(l.component.ReportReadyWithResponse(t.Context(), ready(down))).Fails(t, 409, "INVALID_STATE").Detail, "FAILED")
		require.Equal(t, before, both())
	})
}

// What a component reports is testimony (contract 1.5, 5).
func TestAReportIsNeverRefusedForItsForm(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l := newLab(t, a)
		for _, doc := range []string{`{"a":[{"Tasks ":1}],"deploy":{"scale":1}}`, `"all fine"`, `[1.10,null]`, `true`, `1.10`} {
			up, down := l.start(t, "c").Startup.StartupID, l.start(t, "c").Startup.StartupID
			apptest.Got(l.component.ReportReadyWithResponse(t.Context(), model.ReadyReport{StartupID: up, Health: []byte(doc)})).Is(t, 200)
			apptest.Got(l.component.ReportFailedWithResponse(t.Context(), model.FailedReport{StartupID: down, Details: []byte(doc)})).Is(t, 200)
			require.Equal(t, doc, string(l.get(t, up).Health.MustGet()))
			require.Empty(t, l.get(t, up).BuildVersion.MustGet())
			require.Equal(t, doc, string(l.get(t, down).Details.MustGet()))
			require.Empty(t, l.get(t, down).Error.MustGet())
		}
		id := l.start(t, "c").Startup.StartupID
		wire{a, l.key.APIKey}.send(t, "POST", "/v1/startup/ready", `{"startup_id":"`+id.String()+`","build_version":"1","health":null}`)
		require.True(t, l.get(t, id).Health.IsNull())
		require.Equal(t, model.StartupStatusREADY, l.get(t, id).Status)
	})
}

func TestAStartupPastItsDeadlineIsOverdueAndALateReadyIsAccepted(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l := newLab(t, a)
		past := store.OpenStartupParams{OpenedAt: store.Now().Add(-time.Hour), DeadlineAt: store.Now().Add(-time.Minute)}
		up, down := l.opened(t, past), l.opened(t, past)
		got := l.get(t, up)
		require.True(t, got.Overdue)
		require.False(t, got.Late)
		require.Equal(t, model.StartupStatusOPEN, got.Status, "overdue is derived, never stored")

		apptest.Got(l.component.ReportReadyWithResponse(t.Context(), ready(up))).Is(t, 200)
		apptest.Got(l.component.ReportFailedWithResponse(t.Context(), failed(down))).Is(t, 200)
		for _, id := range []uuid.UUID{up, down} {
			got := l.get(t, id)
			require.False(t, got.Overdue)
			require.True(t, got.Late)
		}
	})
}

func TestAStartupBecomesOverdueByItself(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l := newLab(t, a)
		apptest.Got(l.admin.UpdateProfileWithApplicationMergePatchPlusJSONBodyWithResponse(t.Context(), l.profile.ID.String(), nil,
			[]byte(`{"startup_sla_seconds":1}`))).Is(t, 200)
		id := l.start(t, "c").Startup.StartupID
		until(t, func() bool {
			list, _ := adminList[model.StartupSession](t, a, "startups?status=OVERDUE")
			return len(list) == 1 && list[0].StartupID == id && list[0].Overdue
		})
		require.True(t, l.get(t, id).Overdue)
	})
}

func TestAnAdminReportsForAComponentOfItsTenant(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l := newLab(t, a)
		id := l.start(t, "c").Startup.StartupID
		require.Equal(t, l.get(t, id), *apptest.Got(l.admin.GetStartupWithResponse(t.Context(), id)).Is(t, 200).JSON200)
		apptest.Got(l.admin.ReportFailedWithResponse(t.Context(), failed(id))).Is(t, 200)
		require.Equal(t, model.StartupStatusFAILED, l.get(t, id).Status)
	})
}
