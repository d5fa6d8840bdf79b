package feed

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/store"
	"github.com/legivellum/metagate/internal/test/testdb"
)

func TestAClockThatGoesBackPutsNoAttemptOffToWhereItWas(t *testing.T) {
	t.Parallel()
	st, err := store.Open(t.Context(), testdb.SQLite(t))
	require.NoError(t, err)
	t.Cleanup(st.Close)
	_, err = st.Migrate(t.Context())
	require.NoError(t, err)
	asked := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked++
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	defer s.Close()
	now := store.Now().AddDate(1, 0, 0)
	w := NewWebhook(st, func() time.Time { return now }, slog.New(slog.DiscardHandler), WebhookConfig{
		Name: "pager", URL: s.URL, AllowPrivate: true, DigestAbove: digestAbove, secrets: []string{goodSecret},
	})
	_, err = w.turn(t.Context())
	require.NoError(t, err, "it joins")
	now = now.Add(time.Second)
	require.NoError(t, st.InTx(t.Context(), func(q store.Queries) error {
		e := store.CreateEventParams{Seq: 1, ID: uuid.New(), Type: "startup.failed", About: "a", OccurredAt: now, RecordedAt: now, Data: store.JSON(`{}`)}
		if err := q.CreateEvent(t.Context(), e); err != nil {
			return err
		}
		at, err := q.GetSink(t.Context(), "events")
		if err == nil {
			_, err = q.PassEvents(t.Context(), store.PassEventsParams{FromChange: at.Position, Position: at.Position, Recorded: 1})
		}
		return err
	}))
	turns := func(want int) {
		t.Helper()
		_, _ = w.turn(t.Context()) // which failed
		require.Equal(t, want, asked)
	}
	turns(1)
	now = now.AddDate(-1, 0, 0)
	turns(2)
	turns(2) // and is left alone for as long as after any failure
	now = now.Add(freshRetry)
	turns(3)
}
