package app_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/app"
	"github.com/legivellum/metagate/internal/store"
	"github.com/legivellum/metagate/internal/test/apptest"
	"github.com/legivellum/metagate/internal/test/testdb"
)

// holdTenant keeps writes of the default tenant waiting in the database until
// release is called: on PostgreSQL by a row lock, on SQLite by the one writer.
func holdTenant(t *testing.T, a *apptest.App) (release func()) {
	t.Helper()
	held, let, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		done <- a.Store.InTx(context.WithoutCancel(t.Context()), func(q store.Queries) error {
			if err := lockTenant(context.WithoutCancel(t.Context()), q, "default"); err != nil {
				return err
			}
			close(held)
			<-let
			return nil
		})
	}()
	<-held
	return func() {
		close(let)
		require.NoError(t, <-done)
	}
}

type outcome struct {
	status int
	body   string
	err    error
}

// inFlight starts a write and returns when its handler is reading the body: a
// server that was told to expect a body asks for it then.
func inFlight(t *testing.T, a *apptest.App, body string) <-chan outcome {
	t.Helper()
	reading, answer := make(chan struct{}), make(chan outcome, 1)
	trace := &httptrace.ClientTrace{Got100Continue: func() { close(reading) }}
	r, err := http.NewRequestWithContext(httptrace.WithClientTrace(t.Context(), trace), http.MethodPost, a.URL+"/v1/admin/profiles", strings.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Expect", "100-continue")
	r.Header.Set(a.Config.APIKeyHeader, apptest.AdminKey)
	transport := &http.Transport{ExpectContinueTimeout: time.Minute}
	t.Cleanup(transport.CloseIdleConnections)
	go func() {
		resp, err := transport.RoundTrip(r)
		if err != nil {
			answer <- outcome{err: err}
			return
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		answer <- outcome{resp.StatusCode, string(text), err}
	}()
	select {
	case <-reading:
	case early := <-answer:
		require.Fail(t, "answered before its body was read", "%+v", early)
	}
	return answer
}

func TestShutdownFinishesWhatIsInFlightAndTakesNothingNew(t *testing.T) {
	t.Parallel()
	testdb.Each(t, apptest.Migrate, func(t *testing.T, url string) {
		a := apptest.Start(t, url)
		release := holdTenant(t, a)
		answer := inFlight(t, a, `{"profile_key":"in-flight"}`)

		ctx, sigterm := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- a.Serve(ctx) }()
		sigterm()
		address := strings.TrimPrefix(a.URL, "http://")
		require.Eventually(t, func() bool {
			conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
			if err == nil {
				_ = conn.Close()
			}
			return err != nil
		}, time.Minute, time.Millisecond, "it still accepts connections")
		select {
		case err := <-ended:
			require.Fail(t, "it ended with a request in flight", "%v", err)
		case early := <-answer:
			require.Fail(t, "it did not wait for the database", "%+v", early)
		default:
		}

		release()
		got := <-answer
		require.NoError(t, got.err)
		require.Equal(t, http.StatusCreated, got.status, got.body)
		require.NoError(t, <-ended)

		again := apptest.Start(t, url)
		found := wire{again, apptest.AdminKey}.send(t, http.MethodGet, "/v1/admin/profiles?profile_key=in-flight", "")
		require.Contains(t, found.Body, `"in-flight"`, "what was answered is there")
	})
}

func TestShutdownCutsOffWhatTakesLongerThanItsLimit(t *testing.T) {
	t.Parallel()
	testdb.Each(t, apptest.Migrate, func(t *testing.T, url string) {
		a := apptest.Start(t, url, func(c *app.Config) { c.ShutdownSeconds = 0 })
		release := holdTenant(t, a)
		answer := inFlight(t, a, `{"profile_key":"in-flight"}`)
		ended := make(chan error, 1)
		go func() { ended <- a.Close() }()
		require.Error(t, (<-answer).err, "the connection is cut")
		release() // SQLite's and PostgreSQL's pools wait for it
		require.ErrorContains(t, <-ended, "SHUTDOWN_SECONDS")
	})
}

func TestShutdownDoesNotOutlastItsLimitForADatabaseThatNeverAnswers(t *testing.T) {
	t.Parallel()
	pit, url := newTarpit(t, testdb.Postgres(t, apptest.Migrate))
	a := apptest.Start(t, url, func(c *app.Config) { c.ShutdownSeconds, c.DrainSeconds = 2, 1 })
	l := newLab(t, a)
	id := l.start(t, "c").Startup.StartupID
	pit.freeze(true)
	for name, call := range l.knock(t, id) { // whose connections now wait for the database
		requireUnavailable(t, name, call)
	}
	ctx, sigterm := context.WithCancel(t.Context())
	sigterm()
	require.NoError(t, a.Serve(ctx), "all requests were answered")
	require.Contains(t, a.Log.String(), "draining")
	require.Contains(t, a.Log.String(), "the database was left before its connections had closed")
	pit.freeze(false)
}
