package app_test

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/store"
	"github.com/legivellum/metagate/internal/test/apptest"
	"github.com/legivellum/metagate/internal/test/testdb"
)

// counts are the samples of the outcomes' metrics of some replicas, added up.
func counts(t *testing.T, replicas ...*apptest.App) map[string]int64 {
	t.Helper()
	out := map[string]int64{}
	for _, a := range replicas {
		for sample, value := range scrape(t, a) {
			for _, name := range []string{"metagate_startup_outcomes_total{", "metagate_startups_late_total", "metagate_time_to_ready_seconds_"} {
				if strings.HasPrefix(sample, name) && !strings.HasPrefix(sample, name+"sum") {
					n, err := strconv.ParseInt(value, 10, 64)
					require.NoError(t, err)
					out[sample] += n
				}
			}
		}
	}
	return out
}

func TestTheMetricsTellWhatBecameOfStartups(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l, now := newLab(t, a), store.Now()
		outcome := func(version int64, what string) string {
			return fmt.Sprintf(`metagate_startup_outcomes_total{manifest=%q,outcome=%q,version="%d"}`, l.manifest.ManifestKey, what, version)
		}
		until(t, func() bool { _, ok := counts(t, a)[outcome(1, "failed")]; return ok }) // before anything started
		require.Zero(t, counts(t, a)[outcome(1, "failed")])

		for range 3 {
			apptest.Got(l.component.ReportReadyWithResponse(t.Context(), ready(l.start(t, "up").Startup.StartupID))).Is(t, 200)
		}
		id := l.start(t, "down").Startup.StartupID
		for range 2 { // a report that is repeated counts once
			apptest.Got(l.component.ReportFailedWithResponse(t.Context(), failed(id))).Is(t, 200)
		}
		late := l.opened(t, store.OpenStartupParams{ComponentKey: "late", OpenedAt: now.Add(-time.Minute), DeadlineAt: now.Add(-time.Second)})
		apptest.Got(l.component.ReportReadyWithResponse(t.Context(), ready(late))).Is(t, 200)
		apptest.Got(l.component.BootstrapWithResponse(t.Context(), nil, model.BootstrapRequest{ComponentKey: "up", Source: model.BootstrapRequestSourceBench})).Is(t, 200)
		l.counted(t)
		times := fmt.Sprintf(`{manifest=%q,profile=%q`, l.manifest.ManifestKey, l.profile.ProfileKey)
		until(t, func() bool { return counts(t, a)["metagate_time_to_ready_seconds_count"+times+"}"] == 4 })
		got := counts(t, a)
		require.EqualValues(t, 5, got[outcome(1, "started")], "measurements are none")
		require.EqualValues(t, 4, got[outcome(1, "ready")])
		require.EqualValues(t, 1, got[outcome(1, "failed")])
		require.EqualValues(t, 1, got["metagate_startups_late_total"])
		require.EqualValues(t, 3, got["metagate_time_to_ready_seconds_bucket"+times+`,le="30"}`], "the late one took a minute")
		require.Equal(t, "histogram", scrape(t, a)["# metagate_time_to_ready_seconds"])
		require.Equal(t, "counter", scrape(t, a)["# metagate_startup_outcomes_total"])
	})
}

func TestReplicasTellOfEachStartupOnce(t *testing.T) {
	t.Parallel()
	testdb.Each(t, apptest.Migrate, func(t *testing.T, url string) {
		first, second := apptest.Start(t, url), apptest.Start(t, url)
		l := newLab(t, first)
		leaders := func(all ...*apptest.App) (n int) {
			for _, a := range all {
				if scrape(t, a)["metagate_outcomes_leader"] == "1" {
					n++
				}
			}
			return n
		}
		start := func(n int) {
			for range n {
				apptest.Got(l.component.ReportReadyWithResponse(t.Context(), ready(l.start(t, "c").Startup.StartupID))).Is(t, 200)
			}
		}
		count := fmt.Sprintf(`metagate_time_to_ready_seconds_count{manifest=%q,profile=%q}`, l.manifest.ManifestKey, l.profile.ProfileKey)
		start(20)
		until(t, func() bool { return leaders(first, second) == 1 })
		l.counted(t)
		until(t, func() bool { return counts(t, first, second)[count] >= 20 })
		require.EqualValues(t, 20, counts(t, first, second)[count])

		lost := counts(t, second)[count] // with the counters of who goes
		require.NoError(t, second.Close())
		start(5)
		until(t, func() bool { return leaders(first) == 1 && counts(t, first)[count] >= 25-lost })
		require.Equal(t, 25-lost, counts(t, first)[count])
	})
}

func TestRefusalsOfBootstrapsAndReportsAreCountedByCode(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		l := newLab(t, a)
		refusals := func(code string) string { return scrape(t, a)[`metagate_refusals_total{code="`+code+`"}`] }
		for _, code := range []string{"UNAUTHENTICATED", "NO_BINDING", "INVALID_STATE", "TOO_MANY_REQUESTS"} {
			require.Equal(t, "0", refusals(code), "each has its zero from the start")
		}
		const good = `{"component_key":"c"}`
		wire{a, "mgk_guess"}.send(t, "POST", "/v1/bootstrap", good).refused(t, 401, "UNAUTHENTICATED")
		wire{a, ""}.send(t, "POST", "/v1/startup/ready", `{}`).refused(t, 401, "UNAUTHENTICATED")
		wire{a, ""}.send(t, "GET", "/v1/admin/profiles", "").refused(t, 401, "UNAUTHENTICATED") // no component's
		wire{a, apptest.AdminKey}.send(t, "POST", "/v1/bootstrap", good)
		id := l.start(t, "c").Startup.StartupID
		apptest.Got(l.component.ReportReadyWithResponse(t.Context(), ready(id))).Is(t, 200)
		apptest.Got(l.component.ReportFailedWithResponse(t.Context(), failed(id))).Is(t, 409)
		require.Equal(t, "2", refusals("UNAUTHENTICATED"))
		require.Equal(t, "1", refusals("NO_BINDING"))
		require.Equal(t, "1", refusals("INVALID_STATE"))
	})
}

func TestCommitsAreMeasuredAndTheirFailuresCounted(t *testing.T) {
	t.Parallel()
	testdb.Each(t, apptest.Migrate, func(t *testing.T, url string) {
		a := apptest.Start(t, url)
		l := newLab(t, a)
		for range 3 {
			apptest.Got(l.component.ReportReadyWithResponse(t.Context(), ready(l.start(t, "c").Startup.StartupID))).Is(t, 200)
		}
		all := scrape(t, a)
		for _, of := range []string{"receipts", "reports"} {
			require.Equal(t, "3", all[`metagate_commit_rows_sum{of="`+of+`"}`])
			require.Equal(t, "3", all[`metagate_commit_duration_seconds_count{of="`+of+`"}`])
			require.Equal(t, "0", all[`metagate_commits_failed_total{of="`+of+`"}`])
		}
		require.Equal(t, "0", all["metagate_last_commit_failed"])
		until(t, func() bool { return scrape(t, a)["metagate_ready"] == "1" })
		require.Equal(t, scrape(t, a)["metagate_db_migration_wanted"], scrape(t, a)["metagate_db_migration"])

		accept := refuseReceipts(t, url)
		require.GreaterOrEqual(t, wire{a, l.key.APIKey}.send(t, http.MethodPost, "/v1/bootstrap", `{"component_key":"c"}`).Status, 500)
		all = scrape(t, a)
		require.Equal(t, "1", all[`metagate_commits_failed_total{of="receipts"}`])
		require.Equal(t, "0", all[`metagate_commits_failed_total{of="reports"}`])
		require.Equal(t, "1", all["metagate_last_commit_failed"])
		until(t, func() bool { return scrape(t, a)["metagate_ready"] == "0" })
		accept()
		isReady(t, a)
		require.Equal(t, "0", scrape(t, a)["metagate_last_commit_failed"])
	})
}
