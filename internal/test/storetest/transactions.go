package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/store"
)

var errTest = errors.New("the test's own")

func txCommits(t *testing.T, s *store.Store) {
	w := newWorld(t, s)
	p, secret := w.newProfile(), w.newSecretRef("in a transaction", "active")
	require.NoError(t, w.InTx(t.Context(), func(q store.Queries) error {
		if _, err := q.CreateProfile(t.Context(), p); err != nil {
			return err
		}
		_, err := q.CreateSecretRef(t.Context(), secret)
		return err
	}))
	must(w.GetProfile(t.Context(), p.ID))(t)
	must(w.GetSecretRef(t.Context(), secret.ID))(t)
}

// requireUndone asserts that the write is undone and that the store still works.
func requireUndone(t *testing.T, w *world, p store.CreateProfileParams) {
	t.Helper()
	_, err := w.GetProfile(t.Context(), p.ID)
	require.True(t, store.IsNotFound(err), "%v", err)
	require.NoError(t, w.InTx(t.Context(), func(q store.Queries) error {
		_, err := q.CreateProfile(t.Context(), p)
		return err
	}))
	require.Zero(t, w.Stats().InUse, "no connection is lost")
}

func txFails(t *testing.T, s *store.Store) {
	w := newWorld(t, s)
	p := w.newProfile()
	err := w.InTx(t.Context(), func(q store.Queries) error {
		must(q.CreateProfile(t.Context(), p))(t)
		return errTest
	})
	require.ErrorIs(t, err, errTest)
	requireUndone(t, w, p)

	// A failed statement, too, whatever its function makes of it.
	p = w.newProfile()
	again := w.newProfile()
	again.ProfileKey = w.profile.ProfileKey
	err = w.InTx(t.Context(), func(q store.Queries) error {
		must(q.CreateProfile(t.Context(), p))(t)
		_, err := q.CreateProfile(t.Context(), again)
		return fmt.Errorf("wrapped: %w", err)
	})
	requireUnique(t, err)
	requireUndone(t, w, p)
}

func txPanics(t *testing.T, s *store.Store) {
	w := newWorld(t, s)
	p := w.newProfile()
	require.PanicsWithValue(t, "the test's own", func() {
		_ = w.InTx(t.Context(), func(q store.Queries) error {
			must(q.CreateProfile(t.Context(), p))(t)
			panic("the test's own")
		})
	})
	requireUndone(t, w, p)
}

func txCancelled(t *testing.T, s *store.Store) {
	w := newWorld(t, s)
	p := w.newProfile()
	ctx, cancel := context.WithCancel(t.Context())
	err := w.InTx(ctx, func(q store.Queries) error {
		must(q.CreateProfile(ctx, p))(t)
		cancel()
		return nil
	})
	require.Error(t, err)
	requireUndone(t, w, p)
}

func txIsolated(t *testing.T, s *store.Store) {
	w := newWorld(t, s)
	p := w.newProfile()
	require.NoError(t, w.InTx(t.Context(), func(q store.Queries) error {
		must(q.CreateProfile(t.Context(), p))(t)
		must(q.GetProfile(t.Context(), p.ID))(t)
		rows := must(q.ListProfiles(t.Context(), store.ListProfilesParams{TenantKey: &w.tenant, After: w.profile.ID, RowLimit: all}))(t)
		require.Len(t, rows, 1)
		_, err := w.GetProfile(t.Context(), p.ID) // a reader beside it
		require.True(t, store.IsNotFound(err), "%v", err)
		return nil
	}))
	must(w.GetProfile(t.Context(), p.ID))(t)
}

func snapshot(t *testing.T, s *store.Store) {
	w := newWorld(t, s)
	var later store.Profile
	require.NoError(t, s.InSnapshot(t.Context(), func(q store.Queries) error {
		requireAt(t, q, w.tenant, 1, w.epoch)
		require.NoError(t, s.InTx(t.Context(), func(tx store.Queries) error { // neither waits for the other
			must(Move(t.Context(), tx, w.tenant))(t)
			later = must(tx.CreateProfile(t.Context(), w.newProfile()))(t)
			return nil
		}))
		requireAt(t, q, w.tenant, 1, w.epoch)
		_, err := q.GetProfile(t.Context(), later.ID)
		require.True(t, store.IsNotFound(err), "%v", err)
		return nil
	}))
	must(w.GetProfile(t.Context(), later.ID))(t)

	p := w.newProfile()
	require.Error(t, s.InSnapshot(t.Context(), func(q store.Queries) error {
		_, err := q.CreateProfile(t.Context(), p)
		return err
	}))
	requireUndone(t, w, p)
}

// readYourWrites reads through whichever connection the pool hands out.
func readYourWrites(t *testing.T, s *store.Store) {
	const writers, rounds = 8, 20
	var wg sync.WaitGroup
	failed := make(chan error, writers)
	w := newWorld(t, s)
	for range writers {
		profile := w.addProfile(t)
		wg.Go(func() {
			for i := int64(1); i <= rounds; i++ {
				if _, err := w.UpdateProfile(t.Context(), store.UpdateProfileParams{
					ID: profile.ID, ProfileKey: profile.ProfileKey, Capabilities: profile.Capabilities, Policy: profile.Policy,
					StartupSLASeconds: i, UpdatedAt: w.now,
				}); err != nil {
					failed <- err
					return
				}
				if row, err := w.GetProfile(t.Context(), profile.ID); err != nil || row.StartupSLASeconds != i {
					failed <- fmt.Errorf("round %d reads %d: %w", i, row.StartupSLASeconds, err)
					return
				}
			}
		})
	}
	wg.Wait()
	close(failed)
	for err := range failed {
		require.NoError(t, err)
	}
}

func revisionsSerialise(t *testing.T, s *store.Store) {
	const writers = 32
	tenant := unique("tenant") // without a row: the first insert is contended, too
	var wg sync.WaitGroup
	got := make(chan int64, writers)
	for range writers {
		wg.Go(func() {
			_ = s.InTx(t.Context(), func(q store.Queries) error {
				if _, err := Move(t.Context(), q, tenant); err != nil {
					return err
				}
				at, err := q.GetRevision(t.Context(), tenant)
				got <- at.Revision
				return err
			})
		})
	}
	wg.Wait()
	close(got)
	seen := map[int64]bool{}
	for revision := range got {
		require.False(t, seen[revision], "two writers made revision %d", revision)
		seen[revision] = true
	}
	require.Len(t, seen, writers)
	require.EqualValues(t, writers, must(s.GetRevision(t.Context(), tenant))(t).Revision)
}

func revisionRollsBack(t *testing.T, s *store.Store) {
	w := newWorld(t, s)
	err := w.InTx(t.Context(), func(q store.Queries) error {
		epoch := must(Move(t.Context(), q, w.tenant))(t)
		requireAt(t, q, w.tenant, 2, epoch)
		return errTest
	})
	require.ErrorIs(t, err, errTest)
	requireAt(t, w, w.tenant, 1, w.epoch)
	w.open(t, w.now, w.now) // of the epoch that was
}

func ended(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

func endedContext(t *testing.T, s *store.Store) {
	w := newWorld(t, s)
	ctx, p := ended(t), w.newProfile()
	_, err := w.CreateProfile(ctx, p)
	require.ErrorIs(t, err, context.Canceled)
	_, err = w.GetProfile(ctx, w.profile.ID)
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, w.Ping(ctx), context.Canceled)
	require.ErrorIs(t, w.InTx(ctx, func(store.Queries) error { return errTest }), context.Canceled)
	requireUndone(t, w, p)
	require.NoError(t, w.Ping(t.Context()))
}
