package app_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/store"
	"github.com/legivellum/metagate/internal/test/apptest"
	"github.com/legivellum/metagate/internal/test/testdb"
)

// hangUp sends requests and doesn't wait for their answers, until seen.
func hangUp(t *testing.T, w wire, method, path, body string, seen func() bool) {
	t.Helper()
	for began := time.Now(); !seen(); require.Less(t, time.Since(began), patience) {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		r, err := http.NewRequestWithContext(ctx, method, w.URL+path, strings.NewReader(body))
		require.NoError(t, err)
		r.Header.Set(w.Config.APIKeyHeader, w.credential)
		r.Header.Set("Content-Type", map[string]string{"POST": "application/json", "PATCH": "application/merge-patch+json"}[method])
		if resp, err := http.DefaultClient.Do(r); err == nil {
			require.NoError(t, resp.Body.Close())
		}
		cancel()
	}
}

// requireHungUp demands log lines of callers who hung up that are no errors.
func requireHungUp(t *testing.T, a *apptest.App) {
	t.Helper()
	require.NoError(t, a.Close())
	lines := 0
	for line := range strings.Lines(a.Log.String()) {
		if strings.Contains(line, `"status":499`) {
			lines++
			require.Contains(t, line, `"level":"INFO"`)
			require.Contains(t, line, `"code":"CANCELED"`)
		}
	}
	require.Positive(t, lines)
}

func metric(t *testing.T, a *apptest.App, name string) bool {
	t.Helper()
	return strings.Contains(wire{App: a}.send(t, http.MethodGet, "/metrics", "").Body, name)
}

func TestAnAdminWhoHangsUpIsNoFailureOfTheDatabase(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		w := newWireWorld(t, wire{a, apptest.AdminKey}, "1")
		held, release, released := make(chan struct{}), make(chan struct{}), make(chan error, 1)
		go func() { // holds the tenant's lock, and SQLite's writer
			released <- a.Store.InTx(t.Context(), func(q store.Queries) error {
				err := lockTenant(t.Context(), q, "default")
				close(held)
				<-release
				return errors.Join(err, errors.New("not to be kept"))
			})
		}()
		<-held
		hangUp(t, w.admin, "PATCH", "/v1/admin/profiles/"+w.profile, `{"policy":{"a":1}}`, func() bool {
			return metric(t, a, `metagate_http_request_duration_seconds_count{operation="updateProfile",status="499"}`)
		})
		close(release)
		require.ErrorContains(t, <-released, "not to be kept")
		require.Contains(t, w.admin.send(t, http.MethodGet, "/v1/admin/profiles/"+w.profile, "").Body, `"policy":{}`)
		requireHungUp(t, a)
	})
}

func TestAComponentThatHangsUpIsCountedAsCanceled(t *testing.T) {
	t.Parallel()
	pit, url := newTarpit(t, testdb.Postgres(t, apptest.Migrate))
	l := newLab(t, apptest.Start(t, url))
	l.start(t, "c")
	pit.freeze(true)
	hangUp(t, wire{l.App, l.key.APIKey}, "POST", "/v1/bootstrap", `{"component_key":"c"}`, func() bool {
		return metric(t, l.App, `metagate_bootstraps_total{code="CANCELED"}`)
	})
	pit.freeze(false)
	l.resumed(t)
	requireHungUp(t, l.App)
}
