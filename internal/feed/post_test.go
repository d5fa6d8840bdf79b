package feed

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAWebhookMayAskForPatience(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	for after, want := range map[string]time.Duration{
		"":                              0,
		"0":                             0,
		"-5":                            0,
		"7":                             7 * time.Second,
		"99999999":                      24 * time.Hour,
		"soon":                          0,
		"1.5":                           0,
		"Sat, 28 Nov 2026 12:01:00 GMT": time.Minute,
		"Sat, 28 Nov 2026 11:00:00 GMT": 0,
		"Tue, 01 Dec 2026 12:00:00 GMT": 24 * time.Hour,
	} {
		for _, code := range []int{429, 503} {
			v := judge(&http.Response{StatusCode: code, Header: http.Header{"Retry-After": {after}}}, now)
			require.Equal(t, want, v.after, after)
			require.Error(t, v.err)
			require.False(t, v.final || v.gone)
		}
		taken := judge(&http.Response{StatusCode: http.StatusOK, Header: http.Header{"Retry-After": {after}}}, now)
		require.Equal(t, verdict{}, taken)
	}
}

func TestAnEventIsTriedByTheScheduleOfStandardWebhooks(t *testing.T) {
	t.Parallel()
	var at time.Duration
	for _, pause := range schedule {
		wait, over := retry(at)
		require.False(t, over)
		require.Equal(t, pause, wait)
		at += wait
	}
	_, over := retry(at)
	require.True(t, over)
	require.Equal(t, 75*time.Hour+35*time.Minute+5*time.Second, at)
}
