package app_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/store"
	"github.com/legivellum/metagate/internal/test/apptest"
	"github.com/legivellum/metagate/internal/test/testdb"
)

// heard are the seqs of failures, up to the one that is the last.
func heard(t *testing.T, h *hearing, last int64) (seqs []int64) {
	t.Helper()
	for {
		e := says[model.Event](t, h.next(t, "event"))
		if e.Type == model.EventTypeStartupFailed {
			seqs = append(seqs, e.Seq)
		}
		if e.Seq == last {
			return seqs
		}
	}
}

func TestWhoGoesOnBesideAnotherHearsOfEachEventOnce(t *testing.T) {
	t.Parallel()
	testdb.Each(t, apptest.Migrate, func(t *testing.T, url string) {
		const path = streamPath + "?types=event"
		a := apptest.Start(t, url)
		l := newLab(t, a)
		h := adminWire(a).listen(t, path)
		l.fails(t, 1)
		heard(t, h, l.told(t, model.EventTypeStartupFailed, 1)[0].Seq)
		require.NoError(t, a.Close())

		a = apptest.Start(t, url)
		l.App, l.component, l.admin = a, a.Client(t, l.key.APIKey), a.AdminClient(t)
		l.fails(t, 1) // while nobody listens
		l.told(t, model.EventTypeStartupFailed, 2)
		other := adminWire(a).listen(t, path)
		l.fails(t, 3)
		events := l.told(t, model.EventTypeStartupFailed, 5)
		heard(t, other, events[4].Seq)

		again := adminWire(a).listen(t, path, "Last-Event-ID", h.LastID)
		l.fails(t, 1)
		last := l.told(t, model.EventTypeStartupFailed, 6)[5].Seq
		require.Equal(t, []int64{events[1].Seq, events[2].Seq, events[3].Seq, events[4].Seq, last}, heard(t, again, last))
	})
}

func TestAStreamSaysThatAllEventsOfThatTimeAreGone(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, a *apptest.App) {
		const path = streamPath + "?types=event"
		l := newLab(t, a)
		h := adminWire(a).listen(t, path)
		l.fails(t, 1)
		heard(t, h, l.told(t, model.EventTypeStartupFailed, 1)[0].Seq)
		h.stop()
		l.fails(t, 3)
		l.told(t, model.EventTypeStartupFailed, 4)
		later := store.Now().AddDate(1, 0, 0)
		_, err := l.Store.DeleteOldEvents(t.Context(), store.DeleteOldEventsParams{Before: later, Whatever: later, RowLimit: 1000})
		require.NoError(t, err)
		require.Equal(t, "expired", adminWire(a).listen(t, path, "Last-Event-ID", h.LastID).notice(t, "reset").Reason)
	})
}
