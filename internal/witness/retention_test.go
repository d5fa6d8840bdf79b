package witness_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/store"
	"github.com/legivellum/metagate/internal/test/storetest"
	"github.com/legivellum/metagate/internal/test/testdb"
	"github.com/legivellum/metagate/internal/witness"
)

func retention(w *world, batch int64) witness.Retention {
	return witness.Retention{Store: w.Store, Now: func() time.Time { return noon }, Keep: 24 * time.Hour, Batch: batch}
}

func TestRetentionRemovesWhatIsOldAndKeepsWhatIsStillExpected(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		day := -24 * time.Hour
		inTime := w.open(t, noon.Add(2*day), noon.Add(time.Microsecond))
		due := w.open(t, noon.Add(2*day), noon)
		w.open(t, noon.Add(2*day), noon.Add(-time.Microsecond))
		kept := w.open(t, noon.Add(day), noon.Add(day))              // a day old to the microsecond
		w.open(t, noon.Add(day-time.Millisecond), noon.Add(day))     // older
		young := w.open(t, noon.Add(day+time.Second), noon.Add(day)) // younger
		n, err := retention(w, 10).Sweep(t.Context())
		require.NoError(t, err)
		require.EqualValues(t, 2, n)
		require.Equal(t, []uuid.UUID{young, kept, due, inTime}, w.ids(t))
		n, err = retention(w, 10).Sweep(t.Context())
		require.NoError(t, err)
		require.Zero(t, n)
	})
}

func TestRetentionGoesOnUntilABatchIsNotFull(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		for _, rows := range []int64{0, 1, 2, 3, 4, 7} {
			for range rows {
				w.open(t, noon.Add(-48*time.Hour), noon.Add(-47*time.Hour))
			}
			n, err := retention(w, 2).Sweep(t.Context())
			require.NoError(t, err)
			require.Equal(t, rows, n)
			require.Empty(t, w.ids(t))
		}
	})
}

func TestRetentionStopsBetweenTwoBatchesWhenTheProgramEnds(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		for range 5 {
			w.open(t, noon.Add(-48*time.Hour), noon.Add(-47*time.Hour))
		}
		r := retention(w, 2)
		r.Pause, r.Every = time.Hour, time.Hour
		ctx, end := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); r.Run(ctx) }()
		for len(w.ids(t)) > 3 { // the first batch is under way
			require.NoError(t, t.Context().Err())
		}
		end()
		<-done
		require.Len(t, w.ids(t), 3)
	})
}

func TestRetentionTriesAgainAfterAFailure(t *testing.T) {
	t.Parallel()
	testdb.Each(t, nil, func(t *testing.T, url string) {
		s, err := store.Open(t.Context(), url)
		require.NoError(t, err)
		t.Cleanup(s.Close)
		sweeps := make(chan struct{})
		r := witness.Retention{Store: s, Keep: time.Hour, Batch: 10, Every: time.Millisecond, Now: func() time.Time {
			sweeps <- struct{}{}
			return noon
		}}
		ctx, end := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); r.Run(ctx) }()
		<-sweeps
		<-sweeps // the one before failed: there is no table yet
		require.NoError(t, storetest.Migrate(t.Context(), url))
		w := newWorld(t, s)
		w.open(t, noon.Add(-2*time.Hour), noon.Add(-time.Hour))
		for len(w.ids(t)) > 0 {
			select {
			case <-sweeps:
			default:
			}
		}
		end()
		for open := true; open; {
			select {
			case <-sweeps:
			case <-done:
				open = false
			}
		}
	})
}

func TestRetentionTellsOfEachTurnWhatItRemovedAndWhatWentWrong(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		for range 3 {
			w.open(t, noon.Add(-48*time.Hour), noon.Add(-47*time.Hour))
		}
		type turn struct {
			receipts, packets int64
			err               error
		}
		ctx, stop := context.WithCancel(t.Context())
		told, turns := make(chan turn), 0
		r := retention(w, 2)
		r.Every = time.Millisecond
		r.Read = func(context.Context) (int64, error) {
			if turns++; turns > 1 {
				return 0, context.DeadlineExceeded
			}
			return 1 << 40, nil
		}
		r.Swept = func(receipts, packets int64, err error) {
			select {
			case told <- turn{receipts, packets, err}:
			case <-ctx.Done():
			}
		}
		ended := make(chan struct{})
		go func() { defer close(ended); r.Run(ctx) }()
		require.Equal(t, turn{receipts: 3}, <-told)
		require.ErrorIs(t, (<-told).err, context.DeadlineExceeded)
		stop()
		<-ended
	})
}
