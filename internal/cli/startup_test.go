package cli

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/identity"
	"github.com/legivellum/metagate/internal/test/apptest"
)

func TestAStartupIsShownAsItsStory(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		r := remotely(t.Context(), a, "startup", uuid.NewString())
		require.Equal(t, exitRefused, r.code)
		require.Contains(t, oneLine(t, r.log), "SESSION_NOT_FOUND")

		ok(t, a, "apply", "-f", meshFile)
		jwt, err := identity.Sign(apptest.JWTSecret, "HS256", "asyncgate@mesh", 1<<40, "", "", time.Now())
		require.NoError(t, err)
		began := apptest.Got(a.Client(t, jwt).BootstrapWithResponse(t.Context(), nil, model.BootstrapRequest{
			ComponentKey: "asyncgate", InstanceID: "pod-1", Host: "node-7", Labels: json.RawMessage(`{"zone":"b","team":"ingest"}`),
		})).Is(t, 200).JSON200
		id := began.Startup.StartupID
		text := ok(t, a, "startup", id.String())
		require.Regexp(t, `^`+id.String()+`  OPEN  asyncgate\n  opened +20\d\d-\S+ \S+Z\n  deadline +20\d\d-\S+ \S+Z  \+2m\n\n  principal +asyncgate\n`, text)
		require.Regexp(t, `(?m)^  instance +pod-1\n  host +node-7\n  labels +team=ingest zone=b$`, text)
		require.Regexp(t, `(?m)^  profile +gate\n  manifest +legivellum-mesh@1\n  packet +`+began.PacketEtag+`\n  credential +.*asyncgate@mesh.*\n  peer +127\.0\.0\.1\n  source +live$`, text)

		apptest.Got(a.AdminClient(t).ReportReadyWithResponse(t.Context(), model.ReadyReport{
			StartupID: id, BuildVersion: "1.2.3", Health: json.RawMessage(`{"db":"ok"}`),
		})).Is(t, 200)
		text = ok(t, a, "startup", id.String())
		require.Regexp(t, `^\S+  READY  asyncgate\n  opened .*\n  ready +\S+ \S+  \+[0-9.]+m?s\n  deadline `, text, "in the order of time")
		require.Regexp(t, `(?m)^  build +1\.2\.3\n  health +db=ok$`, text)

		var receipt model.StartupSession
		require.NoError(t, json.Unmarshal([]byte(ok(t, a, "startup", id.String(), "-o", "json")), &receipt))
		require.Equal(t, began.PacketEtag, receipt.PacketEtag)
		require.Contains(t, ok(t, a, "startup", id.String(), "-o", "yaml"), "\nlabels:\n  zone: b\n  team: ingest\n")
		r = remotely(t.Context(), a, "startup", id.String(), "--ack=why")
		require.Equal(t, exitRefused, r.code)
		require.Contains(t, oneLine(t, r.log), "not overdue")
	})
}

func TestAnOverdueStartupIsAcknowledgedWithAReason(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		ok(t, a, "apply", "-f", meshFile)
		overdue(t, a)
		var rows []model.StartupSession
		require.NoError(t, json.Unmarshal([]byte(ok(t, a, "startups", "-o", "json")), &rows))
		id := rows[0].StartupID.String()
		require.Regexp(t, `^\S+  OVERDUE by 5[89]m\S*  lost\n`, ok(t, a, "startup", id))
		text := ok(t, a, "startup", id, "--ack=decommissioned, see 4711")
		require.Regexp(t, `^\S+  ACKNOWLEDGED  lost\n  opened .*\n  deadline .*\n  acknowledged +\S+ \S+  \+1h  by admin: decommissioned, see 4711\n`, text)
		require.Equal(t, text, ok(t, a, "startup", id, "--ack=once more"), "the first word counts")
		require.Equal(t, result{log: "none\n"}, remotely(t.Context(), a, "startups", "--status=overdue"))
		require.Contains(t, ok(t, a, "startups", "--status=acknowledged"), "decommissioned")
	})
}
