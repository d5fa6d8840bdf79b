package cli

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/test/apptest"
)

func TestEventsAreListedFromTheNewestOrAfterASeq(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		for _, args := range [][]string{{"--types", "startup.early"}, {"--after", "-7"}, {"--every", "0s"}} {
			r := remotely(t.Context(), a, append([]string{"events"}, args...)...)
			require.Equal(t, 2, r.code, args)
			oneLine(t, r.log)
		}
		ok(t, a, "apply", "-f", meshFile, "--reason", "the mesh")
		key := strings.TrimSpace(remotely(t.Context(), a, "keys", "issue", "memorygate").out)
		component := a.Client(t, key)
		p := apptest.Got(component.BootstrapWithResponse(t.Context(), nil, model.BootstrapRequest{ComponentKey: "memorygate_main"})).Is(t, 200)
		apptest.Got(component.ReportFailedWithResponse(t.Context(), model.FailedReport{StartupID: p.JSON200.Startup.StartupID, Error: "port 8000 is taken"})).Is(t, 200)
		failed := "" // it is recorded beside the report
		require.Eventually(t, func() bool {
			failed = remotely(t.Context(), a, "events", "--types", "startup.failed").out // none so far is said on stderr
			return strings.Count(failed, "\n") == 2
		}, 30*time.Second, 50*time.Millisecond)
		require.Regexp(t, `^SEQ +AGO +TYPE +ABOUT +PRINCIPAL +TENANT\n\d+ +\S+ +startup\.failed +startups/`+p.JSON200.Startup.StartupID.String()+` +memorygate +default\n$`, failed)

		var all, rest []model.Event
		require.NoError(t, json.Unmarshal([]byte(ok(t, a, "events", "--all", "-o", "json")), &all))
		require.GreaterOrEqual(t, len(all), 2, "the world, and what failed")
		for i, e := range all {
			require.Equal(t, all[0].Seq+int64(i), e.Seq, "there are no holes")
		}
		require.NoError(t, json.Unmarshal([]byte(ok(t, a, "events", "--after", "1", "-o", "json")), &rest))
		require.GreaterOrEqual(t, len(rest), len(all)-1) // more may have been recorded since
		require.Equal(t, all[1:], rest[:len(all)-1])
		require.Equal(t, 2, strings.Count(ok(t, a, "events", "--limit", "1"), "\n"), "the newest one and the header")
	})
}
