package cli

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/oapi-codegen/nullable"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/identity"
	"github.com/legivellum/metagate/internal/store"
	"github.com/legivellum/metagate/internal/test/apptest"
)

func starts(t *testing.T, a *apptest.App, subject, component string) uuid.UUID {
	t.Helper()
	jwt, err := identity.Sign(apptest.JWTSecret, "HS256", subject, time.Hour, "", "", time.Now())
	require.NoError(t, err)
	return apptest.Got(a.Client(t, jwt).BootstrapWithResponse(t.Context(), nil, model.BootstrapRequest{ComponentKey: component})).Is(t, 200).JSON200.Startup.StartupID
}

// overdue puts a receipt that is past its deadline into the database.
func overdue(t *testing.T, a *apptest.App) {
	t.Helper()
	at, err := a.Store.GetRevision(t.Context(), "default")
	require.NoError(t, err)
	opened := store.Now().Add(-time.Hour)
	n, err := a.Store.OpenStartup(t.Context(), store.OpenStartupParams{
		ID: store.NewID(opened), TenantKey: "default", Epoch: at.Epoch, Source: "live", PrincipalID: uuid.New(), PrincipalKey: "asyncgate", ComponentKey: "lost",
		ProfileKey: "gate", ManifestKey: "mesh", ManifestVersion: 1, PacketID: uuid.New(), PacketEtag: strings.Repeat("0", 64),
		OpenedAt: opened, DeadlineAt: opened.Add(time.Minute), InstanceID: new("pod-1"),
	})
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
}

func TestStartupsListsWhoCameUpAndWhoDidNot(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		ok(t, a, "apply", "-f", meshFile)
		require.Equal(t, "[]\n", ok(t, a, "startups", "-o", "json"))
		require.Equal(t, "[]\n", ok(t, a, "startups", "-o", "yaml"))
		require.Equal(t, result{log: "none\n"}, remotely(t.Context(), a, "startups", "--status=overdue"))
		overdue(t, a)
		first, second := starts(t, a, "asyncgate@mesh", "one"), starts(t, a, "delegate@mesh", "two")
		admin := a.AdminClient(t)
		apptest.Got(admin.ReportReadyWithResponse(t.Context(), model.ReadyReport{StartupID: first, BuildVersion: "1.2.3"})).Is(t, 200)
		apptest.Got(admin.ReportFailedWithResponse(t.Context(), model.FailedReport{StartupID: second, Error: "no\nroute\x1b[2J"})).Is(t, 200)

		lines := strings.Split(ok(t, a, "startups"), "\n")
		require.Len(t, lines, 5)
		require.Regexp(t, `^STATE +AGE +TTR +OVERDUE BY +PRINCIPAL +COMPONENT +INSTANCE +MANIFEST +STARTUP +NOTE$`, lines[0])
		require.Regexp(t, `^FAILED +\d+s +- +- +delegate +two +- +legivellum-mesh@1 +`+second.String()+`  no route�\[2J$`, lines[1], "a component can't clear the screen")
		require.Regexp(t, `^READY +\d+s +[0-9.]+m?s +- +asyncgate +one +- +legivellum-mesh@1 +`+first.String()+`  1\.2\.3$`, lines[2])
		require.Regexp(t, `^OVERDUE +(1h|59m\d+s) +- +5[89]m\S* +asyncgate +lost +pod-1 +mesh@1 +\S{36}  -$`, lines[3], "newest first")
		for filter, n := range map[string]int{
			"--status=OVERDUE": 1, "--status=open": 1, "--status=Ready": 1, "--principal=asyncgate": 2, "--component=two": 1, "--instance=pod-1": 1,
			"--since=30m": 2, "--since=1d": 3,
		} {
			require.Equal(t, n+1, strings.Count(ok(t, a, "startups", filter), "\n"), filter)
		}
		cut := remotely(t.Context(), a, "startups", "--limit=2")
		require.Equal(t, "2 of more: --all shows them\n", cut.log)
		require.Equal(t, 3, strings.Count(cut.out, "\n"))
		require.Equal(t, 4, strings.Count(ok(t, a, "startups", "--limit=3"), "\n"), "there is no more")
		var rows []model.StartupSession
		require.NoError(t, json.Unmarshal([]byte(ok(t, a, "startups", "--status=OVERDUE", "--output=json")), &rows))
		require.Equal(t, "lost", rows[0].ComponentKey)
		require.Equal(t, 2, remotely(t.Context(), a, "startups", "--status=LATE").code)
	})
}

func TestTheTableOfStartupsTellsEachStateApart(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	opened := func(ago time.Duration, edit func(*model.StartupSession)) model.StartupSession {
		r := model.StartupSession{
			StartupID: uuid.UUID{15: byte(ago / time.Second)}, Status: model.StartupStatusOPEN, PrincipalKey: "worker", ComponentKey: "worker_1", Manifest: "mesh", ManifestVersion: 7,
			OpenedAt: now.Add(-ago), DeadlineAt: now.Add(30*time.Second - ago),
		}
		for _, v := range []*nullable.Nullable[time.Time]{&r.ReadyAt, &r.FailedAt, &r.SupersededAt, &r.AcknowledgedAt} {
			v.SetNull()
		}
		edit(&r)
		return r
	}
	at := nullable.NewNullableWithValue[time.Time]
	text := nullable.NewNullableWithValue[string]
	var out bytes.Buffer
	table := startupsTable(streams{out: &out})
	for _, r := range []model.StartupSession{
		opened(2*time.Second, func(r *model.StartupSession) { r.InstanceID = text("pod-7f9") }),
		opened(61*time.Second, func(r *model.StartupSession) { r.Overdue = true }),
		opened(90*time.Second, func(r *model.StartupSession) {
			r.Status, r.ReadyAt, r.BuildVersion = model.StartupStatusREADY, at(r.OpenedAt.Add(1234*time.Millisecond)), text("1.4.2")
		}),
		opened(92*time.Second, func(r *model.StartupSession) {
			r.Status, r.Late, r.ReadyAt, r.BuildVersion = model.StartupStatusREADY, true, at(r.OpenedAt.Add(45*time.Second)), text(strings.Repeat("x", 100))
		}),
		opened(95*time.Second, func(r *model.StartupSession) {
			r.Status, r.Error = model.StartupStatusFAILED, text("can't\tlisten")
		}),
		opened(26*time.Hour, func(r *model.StartupSession) { r.SupersededAt = at(now) }),
		opened(49*time.Hour, func(r *model.StartupSession) {
			r.SupersededAt, r.AcknowledgedAt, r.AcknowledgedReason = at(now), at(now), text("decommissioned")
		}),
		opened(-time.Second, func(*model.StartupSession) {}), // its clock is ahead of ours
	} {
		startupRow(table, now, r)
	}
	require.NoError(t, table.flush())
	require.Equal(t, textOf(t, "testdata/startups.txt"), out.String())
}
