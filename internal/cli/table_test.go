package cli

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestATableIsAlignedOverAllItsPagesUnderOneHeader(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	table := newTable(&out, "KEY", "N", "NOTE")
	require.NoError(t, table.flush())
	require.Empty(t, out.String(), "no header without rows")
	table.row(green, "gate→way", "1", "")
	table.row("", "", "20,000", "a\tb\nc\u202ed\x1b")
	require.NoError(t, table.flush())
	table.row("", "k", "3", "later")
	require.NoError(t, table.flush())
	require.Equal(t, strings.Join([]string{
		"KEY       N       NOTE",
		"gate→way  1       -",
		"-         20,000  a b c�d�",
		"k         3       later",
		"",
	}, "\n"), out.String())
}

func TestAnAgeHasItsTwoLargestUnits(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	for want, d := range map[string]time.Duration{
		"0s": -time.Hour, "59s": time.Minute - 1, "1m": time.Minute, "2m5s": 125 * time.Second, "1h": time.Hour + 59*time.Second,
		"23h59m": day - 1, "1d": day, "3d4h": 3*day + 4*time.Hour + time.Minute, "400d": 400 * day,
	} {
		require.Equal(t, want, age(d))
	}
	for want, d := range map[string]time.Duration{"0s": 0, "340ms": 340400 * time.Microsecond, "1.2s": 1234 * time.Millisecond, "1m0s": 59970 * time.Millisecond, "2m5s": 125 * time.Second} {
		require.Equal(t, want, took(d))
	}
}

func TestASpanKnowsDays(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{"90d": 90 * 24 * time.Hour, "1d12h": 36 * time.Hour, "15m": 15 * time.Minute, "0s": 0} {
		var s span
		require.NoError(t, s.UnmarshalText([]byte(text)), text)
		require.Equal(t, want, time.Duration(s), text)
	}
	for _, text := range []string{"", "1", "d", "-1d", "1d-1h", "1.5d", "99999d", "1w", "1h1d"} {
		require.Error(t, new(span).UnmarshalText([]byte(text)), text)
	}
}

func TestThousandsAreTakenApart(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 19990: "19,990", 1234567: "1,234,567"} {
		require.Equal(t, want, thousands(n))
	}
}

func TestTheNextPageIsWhereTheLinkSays(t *testing.T) {
	t.Parallel()
	require.Equal(t, new("a b"), nextCursor(`</v1/admin/startups?cursor=a+b&limit=1>; rel="next"`))
	for _, link := range []string{"", `</x?cursor=a>; rel="prev"`, `</x?limit=1>; rel="next"`, "<:", "<%zz?cursor=a>; rel=\"next\""} {
		require.Nil(t, nextCursor(link), link)
	}
}
