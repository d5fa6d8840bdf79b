package cli

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/store"
	"github.com/legivellum/metagate/internal/test/apptest"
)

func TestTheRosterListsWhoNeverCalled(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		require.Equal(t, result{log: "none\n"}, remotely(t.Context(), a, "roster"))
		ok(t, a, "apply", "-f", meshFile)
		require.Equal(t, 2, remotely(t.Context(), a, "roster", "--state=LOST").code)
		id := starts(t, a, "asyncgate@mesh", "one")
		apptest.Got(a.AdminClient(t).ReportReadyWithResponse(t.Context(), model.ReadyReport{StartupID: id, BuildVersion: "1.2.3"})).Is(t, 200)
		all := ok(t, a, "roster")
		require.Regexp(t, `^STATE +SINCE +TTR +PRINCIPAL +COMPONENT +INSTANCE +BUILD +MANIFEST +PACKET +LABELS\n`, all)
		require.Regexp(t, `\nREADY +\d+s +[0-9.]+m?s +asyncgate +one +- +1\.2\.3 +legivellum-mesh@1 +current +-\n`, all)
		require.Regexp(t, `\nNEVER +\d+s +- +delegate +- +- +- +- +- +-\n`, all)
		require.NotContains(t, ok(t, a, "roster", "--state=never"), "asyncgate")
		require.Equal(t, 2, strings.Count(ok(t, a, "roster", "--packet=current"), "\n"))
		require.Equal(t, "[]\n", ok(t, a, "roster", "--packet=outdated", "-o", "json"))
		var rows []model.RosterEntry
		require.NoError(t, json.Unmarshal([]byte(ok(t, a, "roster", "--principal=delegate", "-o", "json")), &rows))
		require.Equal(t, model.RosterStateNEVER, rows[0].State)
	})
}

// startsOf puts n receipts of a version of manifest mesh into the database, of which some were READY.
func startsOf(t *testing.T, a *apptest.App, version int64, n, ready int) {
	t.Helper()
	at, err := a.Store.GetRevision(t.Context(), "default")
	require.NoError(t, err)
	caller, err := a.Store.ListPrincipals(t.Context(), store.ListPrincipalsParams{RowLimit: 1})
	require.NoError(t, err)
	for i := range n {
		opened := store.Now().Add(-3600e9)
		id := store.NewID(opened)
		require.NoError(t, a.Store.InTx(t.Context(), func(q store.Queries) error {
			_, err := q.OpenStartup(t.Context(), store.OpenStartupParams{
				ID: id, TenantKey: "default", Epoch: at.Epoch, Source: "live", PrincipalID: caller[0].ID, PrincipalKey: "p", ComponentKey: "c",
				ProfileKey: "gate", ManifestKey: "mesh@eu", ManifestVersion: version, PacketID: id, PacketEtag: strings.Repeat("0", 64),
				OpenedAt: opened, DeadlineAt: opened.Add(60e9),
			})
			return err
		}))
		if i >= ready {
			continue
		}
		closed := opened.Add(10e9)
		require.NoError(t, a.Store.InTx(t.Context(), func(q store.Queries) error {
			n, err := q.ReportStartup(t.Context(), store.ReportStartupParams{
				ID: id, PrincipalID: caller[0].ID, CallerTenant: "default", CallerEpoch: at.Epoch, Status: "READY", ReadyAt: &closed, BuildVersion: new(fmt.Sprint("b", version)),
			})
			require.EqualValues(t, 1, n)
			return err
		}))
	}
}

func TestTheGateOpensForNoVersionThatIsWorseOrHardlyKnown(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		for _, wrong := range []string{"mesh", "mesh@", "@7", "mesh@0", "mesh@x", "mesh@1"} {
			require.Equal(t, exitUsage, remotely(t.Context(), a, "gate", wrong).code, wrong)
		}
		r := remotely(t.Context(), a, "gate", "mesh@eu@8")
		require.Equal(t, exitUnknown, r.code)
		require.Contains(t, r.log, "version 8 has 0 decided startups, of at least 20")
		startsOf(t, a, 7, 30, 30)
		startsOf(t, a, 8, 25, 25)
		startsOf(t, a, 9, 25, 10)
		r = remotely(t.Context(), a, "gate", "mesh@eu@8")
		require.Zero(t, r.code, r.log)
		require.Regexp(t, `^OF +STARTED +READY +LATE +FAILED +OVERDUE +WAITING +P50 +P95 +P99\nmesh@eu@8 +25 +25 +0 +0 +0 +0 +\S+ +\S+ +\S+\nmesh@eu@7 +30 +30 `, r.out)
		require.Regexp(t, `\nfisher exact: more not READY in time, p = 1\.0000, fails below 0\.025\nmann whitney: over 10 % slower, p = [01]\.\d{4}, fails below 0\.025\npass\n$`, r.out)
		r = remotely(t.Context(), a, "gate", "mesh@eu@9", "--against=7")
		require.Equal(t, exitClosed, r.code)
		require.Contains(t, r.log, "15 of 25 were not READY in time, before 0 of 30")
		require.True(t, strings.HasSuffix(r.out, "\nfail\n"))
		var is model.Comparison
		r = remotely(t.Context(), a, "gate", "mesh@eu@8", "--min=26", "-o", "json")
		require.Equal(t, exitUnknown, r.code)
		require.NoError(t, json.Unmarshal([]byte(r.out), &is))
		require.Equal(t, model.VerdictInsufficient, is.Verdict)

		out := ok(t, a, "outcomes")
		require.Regexp(t, `\nmesh@eu@9 +25 +10 +0 +0 +15 +0 `, out)
		require.Regexp(t, `\nb7 +30 +30 `, ok(t, a, "outcomes", "--by=build-version"))
		require.Regexp(t, `\n- +15 +0 +0 +0 +15 `, ok(t, a, "outcomes", "--by=build-version", "--since=3h"))
		require.Regexp(t, `\n20\d\d-\d\d-\d\d \d\d:00:00Z +80 +65 `, ok(t, a, "outcomes", "--by=hour"))
	})
}

func TestRefusalsSayWhoWasTurnedAway(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		require.Equal(t, result{log: "none\n"}, remotely(t.Context(), a, "refusals"))
		apptest.Got(a.Client(t, "mgk_notakeythatanybodyhasissued_0123456789abcdef").BootstrapWithResponse(t.Context(), nil, model.BootstrapRequest{ComponentKey: "c"})).Fails(t, 401, "UNAUTHENTICATED")
		require.Regexp(t, `^CODE +TIMES +LAST +FIRST +PRINCIPAL +KEY +COMPONENT +FROM +WHAT +NOTE\nUNAUTHENTICATED +1 +\d+s +\d+s +- +mgk_notakeyt… +- +\S+ +bootstrap +missing or invalid credentials\n$`, ok(t, a, "refusals"))
		require.Equal(t, "[]\n", ok(t, a, "refusals", "--code=no_binding", "-o", "json"))
	})
}
