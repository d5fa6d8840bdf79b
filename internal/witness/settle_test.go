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
	"github.com/legivellum/metagate/internal/identity"
	"github.com/legivellum/metagate/internal/store"
)

// moving is who finds the world moved on each time that it is read outside of a
// transaction, as if admins wrote without a pause.
func (w *world) moving(t *testing.T) identity.Caller {
	t.Helper()
	who := w.identity(t)
	passed := who
	who.Reread = func(ctx context.Context, q store.Queries) (identity.Caller, error) {
		if q == store.Queries(w.Store) {
			return passed, nil
		}
		row, err := q.GetIdentityBySubject(ctx, w.principal.AuthSubject)
		now := passed
		now.Epoch, now.ProfileID, now.ManifestID, now.Overrides = row.Epoch, row.ProfileID, row.ManifestID, row.Overrides
		return now, err
	}
	passed.Reread = who.Reread
	return who
}

func TestWhoeverFindsAMovingWorldIsResolvedInsideTheWrite(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		s, moving := ticking(t, w.Store), w.moving(t)
		w.edit(t, 33)
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				opened, err := s.Bootstrap(t.Context(), moving, birth(""))
				if err == nil && opened.DeadlineAt.Sub(opened.IssuedAt) != 33*time.Second {
					err = errors.New("a packet of another world")
				}
				if err == nil {
					_, err = s.Ready(t.Context(), moving, model.ReadyReport{StartupID: opened.StartupID})
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
		s, moving := ticking(t, w.Store), w.moving(t)
		w.edit(t, 33)
		refused, withdrawn := errs.New(errs.Forbidden, "no"), moving
		withdrawn.Reread = func(ctx context.Context, q store.Queries) (identity.Caller, error) {
			if q == store.Queries(w.Store) {
				return withdrawn, nil
			}
			return identity.Caller{}, refused
		}
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() {
				if _, err := s.Bootstrap(t.Context(), withdrawn, birth("")); !errors.Is(err, refused) {
					t.Error(err)
				}
			})
			all.Go(func() {
				if _, err := s.Bootstrap(t.Context(), moving, birth("")); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		require.Len(t, w.ids(t), 10)
	})
}

func TestWhatAWriteHasLoadedIsKeptForTheNext(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		s, moving := ticking(t, w.Store), w.moving(t)
		moved := moving
		moved.Reread = func(ctx context.Context, q store.Queries) (identity.Caller, error) {
			if q == store.Queries(w.Store) {
				w.edit(t, 33)
			}
			now, err := moving.Reread(ctx, q)
			now.Reread = moved.Reread
			return now, err
		}
		w.edit(t, 33)
		_, err := s.Bootstrap(t.Context(), moved, birth(""))
		require.NoError(t, err)
		s.Snapshot(func(context.Context, func(store.Queries) error) error { return errors.New("it was read already") })
		opened, err := s.Bootstrap(t.Context(), w.identity(t), birth(""))
		require.NoError(t, err)
		require.Equal(t, 33*time.Second, opened.DeadlineAt.Sub(opened.IssuedAt))
	})
}

func TestWhoseTenantIsAnotherWithinTheWriteIsToComeAgain(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		s, moving := ticking(t, w.Store), w.moving(t)
		w.edit(t, 33)
		moved := moving
		moved.Reread = func(ctx context.Context, q store.Queries) (identity.Caller, error) {
			now, err := moving.Reread(ctx, q)
			if q != store.Queries(w.Store) {
				now.TenantKey = "another"
			}
			now.Reread = moved.Reread
			return now, err
		}
		_, err := s.Bootstrap(t.Context(), moved, birth(""))
		refused, ok := errors.AsType[*errs.Error](err)
		require.True(t, ok, err)
		require.Equal(t, errs.Unavailable, refused.Code)
		require.Empty(t, w.ids(t))
	})
}

func TestWhoGoesTogetherWithAFailureInsideTheWriteIsAnsweredAllTheSame(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		s, moving := ticking(t, w.Store), w.moving(t)
		w.edit(t, 33)
		inside := func(then func() error) identity.Caller {
			who := moving
			who.Reread = func(ctx context.Context, q store.Queries) (identity.Caller, error) {
				now, err := moving.Reread(ctx, q)
				if q != store.Queries(w.Store) && err == nil {
					err = then()
				}
				now.Reread = who.Reread
				return now, err
			}
			return who
		}
		failure, there, release := errors.New("nothing that a database tells"), make(chan struct{}), make(chan struct{})
		var all sync.WaitGroup
		begin := func(who identity.Caller, wants error) {
			all.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				if _, err := s.Bootstrap(ctx, who, birth("")); !errors.Is(err, wants) {
					t.Errorf("%v in place of %v", err, wants)
				}
			})
		}
		begin(inside(func() error { close(there); <-release; return nil }), nil)
		<-there
		begin(moving, nil)
		require.Eventually(t, func() bool { return s.SettlesWaiting() == 1 }, time.Minute, time.Millisecond)
		begin(inside(func() error { return failure }), failure)
		require.Eventually(t, func() bool { return s.SettlesWaiting() == 2 }, time.Minute, time.Millisecond)
		close(release)
		all.Wait()
		require.Len(t, w.ids(t), 2)
		_, err := s.Bootstrap(t.Context(), moving, birth(""))
		require.NoError(t, err, "and who comes later")
	})
}
