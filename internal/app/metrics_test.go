package app_test

import (
	"maps"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/test/apptest"
)

// scrape gives the server's samples by name and labels, as /metrics writes them.
func scrape(t *testing.T, a *apptest.App) map[string]string {
	t.Helper()
	got := wire{a, ""}.send(t, http.MethodGet, "/metrics", "")
	require.Equal(t, http.StatusOK, got.Status)
	out := map[string]string{}
	for line := range strings.Lines(got.Body) {
		if sample, value, found := strings.Cut(strings.TrimSpace(line), " "); found && !strings.HasPrefix(line, "#") {
			out[sample] = value
		}
		if name, found := strings.CutPrefix(line, "# TYPE "); found {
			out["# "+strings.Fields(name)[0]] = strings.Fields(name)[1]
		}
	}
	return out
}

func bootstraps(t *testing.T, a *apptest.App) map[string]string {
	t.Helper()
	out := map[string]string{}
	code := regexp.MustCompile(`^metagate_bootstraps_total\{code="(\w+)"\}$`)
	for sample, value := range scrape(t, a) {
		if m := code.FindStringSubmatch(sample); m != nil {
			out[m[1]] = value
		}
	}
	return out
}

func TestEveryBootstrapIsCountedWhoeverRefusesIt(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		want := map[string]string{}
		for _, code := range []string{
			"OK", "INVALID_REQUEST", "UNAUTHENTICATED", "FORBIDDEN", "NO_BINDING", "COMPONENT_NOT_PERMITTED", "PRINCIPAL_MISMATCH", "IDEMPOTENCY_KEY_REUSED",
			"PAYLOAD_TOO_LARGE", "UNSUPPORTED_MEDIA_TYPE", "TOO_MANY_REQUESTS", "INTERNAL", "UNAVAILABLE",
		} {
			want[code] = "0"
		}
		require.Equal(t, want, bootstraps(t, a), "each has its zero from the start")

		l := newLab(t, a)
		send := func(credential, body string, header ...string) {
			wire{a, credential}.send(t, http.MethodPost, "/v1/bootstrap", body, header...)
		}
		const good = `{"component_key":"c"}`
		send("", good)
		send("mgk_guess", good)
		send("a.b.c", good)
		send(token(t, "nobody"), good)
		send(apptest.AdminKey, good)
		send(l.key.APIKey, `{`)
		send(l.key.APIKey, `{"component_key":1}`)
		send(l.key.APIKey, `{"component_key":"c","principal_key":"another"}`)
		send(l.key.APIKey, good, "Content-Type", "text/plain")
		send(l.key.APIKey, good)
		send(l.key.APIKey, `{"component_key":"c"}`, "If-None-Match", "*")
		send(l.key.APIKey, `{"component_key":"c","a":"`+strings.Repeat("a", 2<<20)+`"}`)
		l.component.GetHealthWithResponse(t.Context()) //nolint:errcheck // it counts as nothing
		maps.Copy(want, map[string]string{
			"OK": "2", "UNAUTHENTICATED": "3", "FORBIDDEN": "1", "NO_BINDING": "1", "INVALID_REQUEST": "2", "PRINCIPAL_MISMATCH": "1",
			"UNSUPPORTED_MEDIA_TYPE": "1", "PAYLOAD_TOO_LARGE": "1",
		})
		require.Equal(t, want, bootstraps(t, a))
	})
}

func TestTheMetricsNameTheBuildAndCountInCounters(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		all := scrape(t, a)
		require.Equal(t, "counter", all["# metagate_db_waits_total"])
		require.Equal(t, "counter", all["# metagate_db_wait_seconds_total"])
		require.NotContains(t, all, "# metagate_db_waits")
		require.Equal(t, "gauge", all["# metagate_build_info"])
		require.Equal(t, "0", all[`metagate_startup_reports_total{state="FAILED"}`])
		for sample, value := range all {
			if strings.HasPrefix(sample, "metagate_build_info{") {
				require.Contains(t, sample, `version="test"`)
				require.Equal(t, "1", value)
				return
			}
		}
		require.Fail(t, "no metagate_build_info")
	})
}

func TestTheLogTellsOnceWhyACredentialWasRefused(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		wire{a, "mgk_guess"}.knock(t).refused(t, 401, "UNAUTHENTICATED")
		wire{a, ""}.knock(t).refused(t, 401, "UNAUTHENTICATED")
		wire{a, "mgk_guess"}.knock(t, "Authorization", "Basic x").refused(t, 401, "UNAUTHENTICATED")
		require.NoError(t, a.Close())
		for _, cause := range []string{"unknown API key", "no credential", "no bearer token; unknown API key"} {
			require.Contains(t, a.Log.String(), `"error":"UNAUTHENTICATED: missing or invalid credentials: `+cause+`"`)
		}
	})
}
