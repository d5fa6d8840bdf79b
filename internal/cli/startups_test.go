package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
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
		OpenedAt: opened, DeadlineAt: opened.Add(time.Minute),
	})
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
}

func TestStartupsListsWhoCameUpAndWhoDidNot(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		ok(t, a, "apply", "-f", meshFile)
		require.Equal(t, "[]\n", ok(t, a, "startups", "-o", "json"))
		overdue(t, a)
		first, second := starts(t, a, "asyncgate@mesh", "one"), starts(t, a, "delegate@mesh", "two")
		admin := a.AdminClient(t)
		apptest.Got(admin.ReportReadyWithResponse(t.Context(), model.ReadyReport{StartupID: first, BuildVersion: "1.2.3"})).Is(t, 200)
		apptest.Got(admin.ReportFailedWithResponse(t.Context(), model.FailedReport{StartupID: second, Error: "no route"})).Is(t, 200)

		lines := strings.Split(ok(t, a, "startups"), "\n")
		require.Len(t, lines, 4)
		require.Regexp(t, `^20\S+Z  OVERDUE     asyncgate  lost  \S{36}  $`, lines[0])
		require.Regexp(t, `^20\S+Z  READY       asyncgate  one  `+first.String()+`  1\.2\.3$`, lines[1])
		require.Regexp(t, `^20\S+Z  FAILED      delegate  two  `+second.String()+`  no route$`, lines[2])
		for filter, n := range map[string]int{
			"--status=OVERDUE": 1, "--status=OPEN": 1, "--status=READY": 1, "--principal=asyncgate": 2, "--component=two": 1, "--since=30m": 2, "--since=24h": 3, "--limit=1": 1,
		} {
			require.Equal(t, n, strings.Count(ok(t, a, "startups", filter), "\n"), filter)
		}
		var rows []model.StartupSession
		require.NoError(t, json.Unmarshal([]byte(ok(t, a, "startups", "--status=OVERDUE", "--output=json")), &rows))
		require.Equal(t, "lost", rows[0].ComponentKey)
		require.Equal(t, 2, remotely(t.Context(), a, "startups", "--status=LATE").code)
	})
}

func TestWatchedStartupsAreShownOnceUntilTheWatchEnds(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		ok(t, a, "apply", "-f", meshFile)
		overdue(t, a)
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		out, in := io.Pipe()
		ended := make(chan int, 1)
		var log strings.Builder
		go func() {
			ended <- run(ctx, []string{"startups", "--watch", "--server=" + a.URL, "--api-key=" + apptest.AdminKey}, "dev", in, &log)
			_ = in.Close()
		}()
		lines := bufio.NewScanner(out)
		require.True(t, lines.Scan())
		require.Contains(t, lines.Text(), "OVERDUE")
		id := starts(t, a, "asyncgate@mesh", "new")
		require.True(t, lines.Scan())
		require.Contains(t, lines.Text(), "OPEN        asyncgate  new  "+id.String())
		apptest.Got(a.AdminClient(t).ReportReadyWithResponse(t.Context(), model.ReadyReport{StartupID: id, BuildVersion: "1"})).Is(t, 200)
		require.True(t, lines.Scan())
		require.Contains(t, lines.Text(), "READY       asyncgate  new  "+id.String())
		stop()
		require.False(t, lines.Scan(), "each state once")
		require.Zero(t, <-ended)
		require.Empty(t, log.String())
	})
}
