package board

import (
	"testing"
	"time"

	"github.com/oapi-codegen/nullable"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
)

func TestAHistogramHasFewBarsAndLosesNobody(t *testing.T) {
	t.Parallel()
	none, _ := bars(nil)
	require.Empty(t, none)
	for name, spans := range map[string][]model.HistogramSpan{
		"one":       {{Seconds: 3, Version: 7}},
		"zero":      {{Seconds: 0, Version: 1}, {Seconds: 100, Against: 2}},
		"alike":     {{Seconds: 3, Version: 1}, {Seconds: 3.2, Against: 1}},
		"far apart": {{Seconds: 1e-6, Version: 1}, {Seconds: 0.5, Version: 40, Against: 3}, {Seconds: 1e6, Against: 5}},
	} {
		var version, against, drawnVersion, drawnAgainst int64
		for _, s := range spans {
			version, against = version+s.Version, against+s.Against
		}
		out, highest := bars(spans)
		require.LessOrEqual(t, len(out), mostBars, name)
		tallest := 0
		for i, b := range out {
			drawnVersion, drawnAgainst = drawnVersion+b.Version, drawnAgainst+b.Against
			tallest = max(tallest, b.VersionHeight, b.AgainstHeight)
			require.Equal(t, i*barStep, b.X, name)
			require.Equal(t, barHeight, b.VersionTop+b.VersionHeight, name)
			require.Equal(t, b.Version > 0, b.VersionHeight > 0, "%s: whoever is there is seen", name)
		}
		require.Equal(t, version, drawnVersion, name)
		require.Equal(t, against, drawnAgainst, name)
		require.Equal(t, barHeight, tallest, name)
		require.LessOrEqual(t, highest, int64(100), name)
	}
}

func TestEachVersionStandsBesideTheOneBefore(t *testing.T) {
	t.Parallel()
	of := func(tenant, name string, number, started, ready int64) model.Outcome {
		return model.Outcome{
			TenantKey: tenant, Name: nullable.NewNullableWithValue(name), Version: nullable.NewNullableWithValue(number),
			Started: started, Ready: ready, TimeToReady: nullable.NewNullNullable[model.TimeToReady](),
		}
	}
	out := versions([]model.Outcome{of("a", "mesh", 7, 1000, 999), of("b", "mesh", 1, 4, 4), of("a", "mesh", 9, 10, 5), of("a", "shop", 1, 2, 0)})
	require.Equal(t, []int64{9, 7, 1, 1}, []int64{out[0].Number, out[1].Number, out[2].Number, out[3].Number})
	require.Equal(t, int64(7), out[0].Before, "of the versions that have started")
	require.Equal(t, "?manifest=mesh&of=a&version=9", out[0].Link)
	require.Equal(t, "-49.9 pp", out[0].Change)
	require.True(t, out[0].Worse)
	require.Equal(t, "99.9 %", out[1].Share, "not 100 where one was not READY")
	for _, first := range out[1:] {
		require.Zero(t, first.Before, "another manifest, or another tenant's, is not the version before")
		require.Empty(t, first.Link)
	}
	require.Empty(t, versions(nil))
}

func TestTimesAreToldInTheirLargestUnit(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	for d, want := range map[time.Duration]string{
		0: "now", 119 * time.Second: "119 s ago", 2 * time.Minute: "2 min ago", 47 * time.Hour: "47 h ago", 50 * time.Hour: "2 d ago", -5 * time.Second: "in 5 s",
	} {
		require.Equal(t, want, ago(now, now.Add(-d)))
	}
	for s, want := range map[float64]string{0.0042: "4 ms", 1.24: "1.2 s", 12.9: "12 s", 600: "10 min"} {
		require.Equal(t, want, seconds(s))
	}
}

func TestAJWTIsToldFromAnAPIKey(t *testing.T) {
	t.Parallel()
	require.True(t, isToken("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln"))
	for _, key := range []string{"", "mgk_0123456789", "eyes-that-are-a-chosen-key-0123456789", "a.b.c"} {
		require.False(t, isToken(key), key)
	}
}
