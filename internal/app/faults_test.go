package app_test

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/store"
	"github.com/legivellum/metagate/internal/test/apptest"
	"github.com/legivellum/metagate/internal/test/testdb"
)

func TestADatabaseThatIsGoneIs503AndComesBackWithAllThatWasAnswered(t *testing.T) {
	t.Parallel()
	cluster := testdb.OwnCluster(t)
	l := newLab(t, apptest.Start(t, cluster.URL("")))

	// Components that start all the time: what they were answered has to be there.
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var wg sync.WaitGroup
	var mu sync.Mutex
	var answered []uuid.UUID
	var wrong []error
	count := func() int { mu.Lock(); defer mu.Unlock(); return len(answered) }
	for range 4 {
		wg.Go(func() {
			for ctx.Err() == nil {
				r, err := l.component.BootstrapWithResponse(t.Context(), nil, model.BootstrapRequest{ComponentKey: "c"})
				mu.Lock()
				switch {
				case err != nil:
					wrong = append(wrong, err)
				case r.StatusCode() == 200:
					answered = append(answered, r.JSON200.Startup.StartupID)
				case r.StatusCode() != 503:
					wrong = append(wrong, fmt.Errorf("%d: %s", r.StatusCode(), r.Body))
				}
				mu.Unlock()
			}
		})
	}
	first := l.start(t, "c").Startup.StartupID
	until(t, func() bool { return count() >= 50 })
	require.NoError(t, cluster.Kill())
	before := count()
	for range 3 {
		for name, call := range l.knock(t, first) {
			requireUnavailable(t, name, call)
		}
	}
	l.requireRetryAfter(t)
	l.requireAlive(t)
	list := wire{l.App, apptest.AdminKey}.send(t, http.MethodGet, "/v1/admin/principals", "")
	list.refused(t, 503, "UNAVAILABLE")
	require.NotEmpty(t, list.Header.Get("Retry-After"))

	require.NoError(t, cluster.Restart(t.Context()))
	l.resumed(t)
	until(t, func() bool { return count() >= before+50 })
	stop()
	wg.Wait()
	require.Empty(t, wrong, "an answer is a packet or 503")
	for _, id := range answered {
		_, err := l.Store.GetStartup(t.Context(), id)
		require.NoError(t, err, "an answered bootstrap whose receipt is gone")
	}
	apptest.Got(l.component.ReportReadyWithResponse(t.Context(), ready(first))).Is(t, 200)
}

func TestADatabaseThatAcceptsAndNeverAnswersIs503(t *testing.T) {
	t.Parallel()
	pit, url := newTarpit(t, testdb.Postgres(t, apptest.Migrate))
	l := newLab(t, apptest.Start(t, url))
	id := l.start(t, "c").Startup.StartupID
	for range 2 { // it may happen twice
		pit.freeze(true)
		for name, call := range l.knock(t, id) {
			requireUnavailable(t, name, call)
		}
		l.requireRetryAfter(t)
		l.requireAlive(t)
		pit.freeze(false)
		packet := l.resumed(t)
		require.Equal(t, packet.PacketEtag, l.get(t, packet.Startup.StartupID).PacketEtag)
	}
	apptest.Got(l.component.ReportReadyWithResponse(t.Context(), ready(id))).Is(t, 200)
}

func TestADatabaseThatNeverAnswersKeepsNoMoreRequestsThanThereAre(t *testing.T) {
	t.Parallel()
	pit, url := newTarpit(t, testdb.Postgres(t, apptest.Migrate))
	l := newLab(t, apptest.Start(t, url))
	pit.freeze(true)
	const components = 40 // more than the pool has connections
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	statuses := make(chan int, components)
	for range components {
		go func() {
			r, err := l.component.BootstrapWithResponse(ctx, nil, model.BootstrapRequest{ComponentKey: "c"})
			if err != nil {
				statuses <- 0
				return
			}
			statuses <- r.StatusCode()
		}()
	}
	for range components {
		require.Equal(t, 503, <-statuses)
	}
	pit.freeze(false)
	l.resumed(t)
}

func TestALockOfAnotherProcessOnSQLiteIs503AndPassesOver(t *testing.T) {
	t.Parallel()
	url := testdb.SQLite(t)
	l := newLab(t, apptest.Start(t, url))
	id := l.start(t, "c").Startup.StartupID
	another, err := store.Open(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(another.Close)
	err = another.InTx(t.Context(), func(q store.Queries) error { // it holds the lock while this runs
		if err := lockTenant(t.Context(), q, "default"); err != nil {
			return err
		}
		for name, call := range l.knock(t, id) {
			switch name {
			case "get startup": // readers wait for no writer
				call.Is(t, 200)
			case "ready": // it shares a connection with those that wait
			default:
				requireUnavailable(t, name, call)
			}
		}
		requireUnavailable(t, "ready", apptest.Got[apptest.Result](l.component.GetReadyWithResponse(t.Context()))) // it says what a bootstrap meets
		got := wire{l.App, l.key.APIKey}.send(t, http.MethodPost, "/v1/bootstrap", `{"component_key":"c"}`)
		got.refused(t, 503, "UNAVAILABLE")
		require.Regexp(t, `^[1-9][0-9]*$`, got.Header.Get("Retry-After"))
		apptest.Got(l.admin.DeleteBindingWithResponse(t.Context(), l.binding.ID, nil)).Fails(t, 503, "UNAVAILABLE")
		l.requireAlive(t)
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, model.StartupStatusOPEN, l.get(t, id).Status, "503 is nothing written")
	rows, _ := adminList[model.StartupSession](t, l.App, "startups")
	require.Len(t, rows, 1)
	l.resumed(t)
	rows, _ = adminList[model.StartupSession](t, l.App, "startups")
	require.Len(t, rows, 2)
}
