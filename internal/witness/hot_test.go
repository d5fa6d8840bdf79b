package witness_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/errs"
	"github.com/legivellum/metagate/internal/identity"
	"github.com/legivellum/metagate/internal/store"
	"github.com/legivellum/metagate/internal/witness"
)

// ticking starts a service on a store, whose clock is never twice the same.
func ticking(t *testing.T, st *store.Store) *witness.Service {
	t.Helper()
	var ticks atomic.Int64
	s := witness.New(witness.Options{
		Store: st, CacheBytes: 1 << 20, MaxInFlight: 1000,
		Now: func() time.Time { return noon.Add(time.Duration(ticks.Add(1)) * time.Millisecond) },
	})
	t.Cleanup(s.Close)
	return s
}

// report is READY or FAILED of id by r; again while the database is held.
func report(ctx context.Context, s *witness.Service, r identity.Caller, id uuid.UUID, status model.StartupStatus) (ack model.StartupAck, err error) {
	for {
		if status == model.StartupStatusREADY {
			ack, err = s.Ready(ctx, r, model.ReadyReport{StartupID: id, BuildVersion: "1"})
		} else {
			ack, err = s.Failed(ctx, r, model.FailedReport{StartupID: id, Error: "e"})
		}
		if !errs.Is(store.Classify(err), errs.Unavailable) {
			return ack, err
		}
	}
}

type reported struct {
	ack model.StartupAck
	err error
}

// together reports on a startup for each of who in one batch: the writer is kept
// in a write of another startup until all wait.
func (w *world) together(t *testing.T, s *witness.Service, id uuid.UUID, who []identity.Caller, status []model.StartupStatus) []reported {
	t.Helper()
	owner, held := w.identity(t), w.open(t, noon, noon)
	out := make([]reported, len(who))
	var all sync.WaitGroup
	release := errors.New("rolled back")
	err := w.InTx(t.Context(), func(q store.Queries) error {
		at := noon
		if _, err := q.ReportStartup(t.Context(), store.ReportStartupParams{
			ID: held, Status: "READY", ReadyAt: &at, PrincipalID: owner.ID, CallerTenant: "t", CallerEpoch: owner.Epoch,
		}); err != nil {
			return err
		}
		all.Go(func() { _, _ = s.Ready(t.Context(), owner, model.ReadyReport{StartupID: held, BuildVersion: "1"}) })
		for i := range who {
			all.Go(func() { out[i].ack, out[i].err = report(t.Context(), s, who[i], id, status[i]) })
		}
		for range 100_000 { // best effort: what a writer takes alone is answered the same
			if s.ReportsWaiting() >= len(who) {
				break
			}
			runtime.Gosched()
		}
		return release
	})
	require.ErrorIs(t, err, release)
	all.Wait()
	return out
}

func TestOfTwoReportsInOneBatchOneWinsAndStrangersGetNothing(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		s := ticking(t, w.Store)
		stale := w.identity(t)
		w.edit(t, 61)
		owner := w.identity(t)
		stranger, admin := owner, owner
		stranger.ID, admin.ID = uuid.New(), uuid.New()
		admin.Admin = true
		elsewhere := w.adminOf(t, "u")
		const ready, failed = model.StartupStatusREADY, model.StartupStatusFAILED
		for round := range 20 {
			id := w.open(t, noon, noon)
			who := []identity.Caller{owner, stranger, owner, stranger, stale, admin, elsewhere, stale}
			status := []model.StartupStatus{ready, ready, failed, failed, ready, ready, failed, failed}
			got := w.together(t, s, id, who, status)
			row, err := w.GetStartup(t.Context(), id)
			require.NoError(t, err)
			at := row.ReadyAt
			if row.Status == string(failed) {
				at = row.FailedAt
			}
			require.NotNil(t, at)
			for i, g := range got {
				switch {
				case i == 4 || i == 7:
					require.ErrorIs(t, g.err, witness.ErrStale, "round %d: who was read before the change", round)
				case i == 1 || i == 3 || i == 6:
					require.True(t, errs.Is(g.err, errs.SessionNotFound), "round %d: stranger %d: %v, %v", round, i, g.ack, g.err)
				case i == 5 && errors.Is(g.err, witness.ErrStale): // an admin who lost between two reads: the server asks again
				case string(status[i]) == row.Status:
					require.NoError(t, g.err)
					require.Equal(t, model.StartupAck{StartupID: id, Status: status[i], AcknowledgedAt: *at}, g.ack, "round %d: %d", round, i)
				default:
					require.True(t, errs.Is(g.err, errs.InvalidState), "round %d: %d: %v, %v", round, i, g.ack, g.err)
					require.ErrorContains(t, g.err, row.Status)
				}
			}
		}
	})
}

func TestFiftyReadyAtOnceAreAcknowledgedAtOneTime(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		s, owner := ticking(t, w.Store), w.identity(t)
		id := w.open(t, noon, noon)
		acks := make(chan reported)
		for range 50 {
			go func() {
				ack, err := report(t.Context(), s, owner, id, model.StartupStatusREADY)
				acks <- reported{ack, err}
			}()
		}
		first := <-acks
		require.NoError(t, first.err)
		for range 49 {
			require.Equal(t, first, <-acks)
		}
		row, err := w.GetStartup(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, first.ack.AcknowledgedAt, *row.ReadyAt)
	})
}

func TestAnAdminReportsForAnotherPrincipal(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		s := ticking(t, w.Store)
		admin := w.adminOf(t, "t")
		id := w.open(t, noon, noon)
		first, err := s.Failed(t.Context(), admin, model.FailedReport{StartupID: id, Error: "e"})
		require.NoError(t, err)
		again, err := s.Failed(t.Context(), admin, model.FailedReport{StartupID: id, Error: "another"})
		require.NoError(t, err)
		require.Equal(t, first, again)
		_, err = s.Ready(t.Context(), w.identity(t), model.ReadyReport{StartupID: id, BuildVersion: "1"})
		require.True(t, errs.Is(err, errs.InvalidState), "the owner comes too late: %v", err)

		id = w.open(t, noon, noon)
		w.edit(t, 99)
		_, err = s.Ready(t.Context(), admin, model.ReadyReport{StartupID: id, BuildVersion: "1"})
		require.ErrorIs(t, err, witness.ErrStale, "an admin's identity passes too")
		row, err := w.GetStartup(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, "OPEN", row.Status)
	})
}

func TestABatchOfBootstrapsOpensOnlyThoseOfThePresentWorld(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		s := ticking(t, w.Store)
		callers := []identity.Caller{w.identity(t)}
		w.edit(t, 77)
		callers = append(callers, w.identity(t))
		type got struct {
			opened witness.Opened
			err    error
			fresh  bool
		}
		all := make(chan got)
		for i := range 100 {
			go func() {
				opened, err := s.Bootstrap(t.Context(), callers[i%2], birth(""))
				all <- got{opened, err, i%2 == 1}
			}()
		}
		var ids []uuid.UUID
		for range 100 {
			if g := <-all; g.fresh {
				require.NoError(t, g.err)
				require.Equal(t, 77*time.Second, g.opened.DeadlineAt.Sub(g.opened.IssuedAt))
				ids = append(ids, g.opened.StartupID)
			} else {
				require.ErrorIs(t, g.err, witness.ErrStale)
			}
		}
		require.ElementsMatch(t, ids, w.ids(t))
	})
}

// turnstile is a database whose reads of a profile wait.
type turnstile struct {
	store.Queries
	entered, let chan struct{}
}

func (q turnstile) GetProfile(ctx context.Context, id uuid.UUID) (store.Profile, error) {
	q.entered <- struct{}{}
	<-q.let
	if err := ctx.Err(); err != nil {
		return store.Profile{}, err
	}
	return q.Queries.GetProfile(ctx, id)
}

func TestACallerThatHangsUpDoesNotHurtThoseWhoNeedTheSamePacket(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		gate := turnstile{nil, make(chan struct{}, 100), make(chan struct{})}
		s, who := ticking(t, w.Store), w.identity(t)
		s.Snapshot(func(ctx context.Context, fn func(store.Queries) error) error {
			return w.InSnapshot(ctx, func(q store.Queries) error { return fn(turnstile{q, gate.entered, gate.let}) })
		})
		first, hangUp := context.WithCancel(t.Context())
		gone, stay, started := make(chan error, 1), make(chan error), make(chan struct{})
		go func() { _, err := s.Bootstrap(first, who, birth("")); gone <- err }()
		<-gate.entered
		for range 20 {
			go func() {
				started <- struct{}{}
				_, err := s.Bootstrap(t.Context(), who, birth(""))
				stay <- err
			}()
			<-started
		}
		for range 1000 { // they come to wait for the same read, most of them
			runtime.Gosched()
		}
		hangUp()
		close(gate.let)
		for range 20 {
			require.NoError(t, <-stay)
		}
		require.Error(t, <-gone)
	})
}

func TestWhoeverWaitsForAPacketWaitsNoLongerThanItsOwnTime(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		s, who, held := ticking(t, w.Store), w.identity(t), make(chan struct{})
		s.Snapshot(func(ctx context.Context, fn func(store.Queries) error) error {
			<-held // a database that is locked, or frozen
			return w.InSnapshot(ctx, fn)
		})
		over, end := context.WithCancel(t.Context())
		end()
		_, err := s.Bootstrap(over, who, birth(""))
		require.ErrorIs(t, err, context.Canceled)
		close(held)
		_, err = s.Bootstrap(t.Context(), who, birth(""))
		require.NoError(t, err)
	})
}
