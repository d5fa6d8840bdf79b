package witness_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/errs"
	"github.com/legivellum/metagate/internal/store"
	"github.com/legivellum/metagate/internal/witness"
)

// settled starts c as its principal is within the transaction, and reports READY there.
func (w *world) settled(ctx context.Context, s *witness.Service, who witness.Identity) (opened witness.Opened, err error) {
	done := make(chan witness.Opened, 1)
	err = s.Settle(ctx, who, func(ctx context.Context, q store.Queries, inside *witness.Service) error {
		row, err := q.GetIdentityBySubject(ctx, w.principal.AuthSubject)
		if err != nil {
			return err
		}
		who := who
		who.Epoch, who.ProfileID, who.ManifestID, who.Overrides = row.Epoch, row.ProfileID, row.ManifestID, row.Overrides
		opened, err := inside.Bootstrap(ctx, who, birth(""))
		if err != nil {
			return err
		}
		_, err = inside.Ready(ctx, witness.Reader{Identity: who}, model.ReadyReport{StartupID: opened.StartupID})
		done <- opened
		return err
	})
	if err == nil {
		opened = <-done
	}
	return opened, err
}

func TestWhoeverFindsAMovingWorldIsResolvedInsideTheWrite(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		s, stale := ticking(t, w.Store), w.caller(t)
		w.edit(t, 33)
		_, err := s.Bootstrap(t.Context(), stale, birth(""))
		require.ErrorIs(t, err, witness.ErrStale)
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				opened, err := w.settled(t.Context(), s, stale)
				if err == nil && opened.DeadlineAt.Sub(opened.IssuedAt) != 33*time.Second {
					err = errors.New("a packet of another world")
				}
				if err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		require.Len(t, w.ids(t), 20)
		for _, id := range w.ids(t) {
			row, err := w.GetStartup(t.Context(), id)
			require.NoError(t, err)
			require.Equal(t, "READY", row.Status)
		}
	})
}

func TestARefusalInsideTheWriteIsTheCallersAlone(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		s, who := ticking(t, w.Store), w.caller(t)
		refused := errs.New(errs.Forbidden, "no")
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() {
				err := s.Settle(t.Context(), who, func(context.Context, store.Queries, *witness.Service) error { return refused })
				if !errors.Is(err, refused) {
					t.Error(err)
				}
			})
			all.Go(func() {
				if _, err := w.settled(t.Context(), s, who); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		require.Len(t, w.ids(t), 10)
	})
}
