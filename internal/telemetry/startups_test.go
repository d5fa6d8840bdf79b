package telemetry_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/store"
	"github.com/legivellum/metagate/internal/telemetry"
	"github.com/legivellum/metagate/internal/test/testdb"
)

// samples are those of a metric.
func samples(t *testing.T, m *telemetry.Metrics, name string) (out []string) {
	t.Helper()
	text, _, err := m.Text()
	require.NoError(t, err)
	for line := range strings.Lines(string(text)) {
		if rest, found := strings.CutPrefix(line, name); found {
			out = append(out, strings.TrimSpace(rest))
		}
	}
	return out
}

func metrics(t testing.TB) (*telemetry.Metrics, *telemetry.Startups) {
	t.Helper()
	st, err := store.Open(t.Context(), testdb.SQLite(t))
	require.NoError(t, err)
	t.Cleanup(st.Close)
	m := telemetry.NewMetrics(st, "test")
	return m, m.Startups([]float64{1, 10})
}

func TestOfAManifestTheNewestFiveVersionsAreToldApart(t *testing.T) {
	t.Parallel()
	m, s := metrics(t)
	started := func() (versions []string) {
		for _, sample := range samples(t, m, `metagate_startup_outcomes_total{manifest="mesh",outcome="started",`) {
			versions = append(versions, strings.TrimPrefix(sample, "version="))
		}
		return versions
	}
	s.Expect("mesh", 3)
	require.Equal(t, []string{`"3"} 0`}, started(), "each has its zero before anything starts")
	for version := range int64(8) {
		s.Outcomes("mesh", 10-version, 1, 0, 0) // those that come later are older
	}
	require.Equal(t, []string{`"(older)"} 3`, `"10"} 1`, `"6"} 1`, `"7"} 1`, `"8"} 1`, `"9"} 1`}, started())
	s.Outcomes("mesh", 11, 1, 0, 0)
	require.Equal(t, []string{`"(older)"} 3`, `"10"} 1`, `"11"} 1`, `"7"} 1`, `"8"} 1`, `"9"} 1`}, started(), "what leaves is no increase of the others")
}

func TestNoMetricHasMoreLabelsOfAdminsThanTwoHundred(t *testing.T) {
	t.Parallel()
	m, s := metrics(t)
	for n := range 1000 {
		name := fmt.Sprint("m", n)
		s.Outcomes(name, int64(n+1), 1, 0, 1)
		s.Ready("p", name, []int64{1, 0, 0}, .5, 1)
	}
	failed := samples(t, m, "metagate_startup_outcomes_total")
	require.Len(t, failed, 3*201)
	require.Contains(t, failed, `{manifest="(other)",outcome="failed",version="(other)"} 800`)
	require.Contains(t, failed, `{manifest="m199",outcome="failed",version="200"} 1`)
	ready := samples(t, m, "metagate_time_to_ready_seconds_count")
	require.Len(t, ready, 201)
	require.Contains(t, ready, `{manifest="(other)",profile="(other)"} 800`)
	require.Equal(t, []string{"1000"}, samples(t, m, "metagate_startups_late_total "))
}

func TestTimesToReadyAreAHistogram(t *testing.T) {
	t.Parallel()
	m, s := metrics(t)
	s.Ready("p", "mesh", []int64{2, 1, 4}, 90.5, 0)
	s.Ready("p", "mesh", []int64{0, 1, 0}, 9, 0)
	require.Equal(t, []string{
		`_bucket{manifest="mesh",profile="p",le="1"} 2`, `_bucket{manifest="mesh",profile="p",le="10"} 4`, `_bucket{manifest="mesh",profile="p",le="+Inf"} 8`,
		`_sum{manifest="mesh",profile="p"} 99.5`, `_count{manifest="mesh",profile="p"} 8`,
	}, samples(t, m, "metagate_time_to_ready_seconds"))
}
