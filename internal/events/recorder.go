// Package events is what an operator has to hear of: startups that are overdue, late, FAILED
// or superseded, worlds that changed, credentials that are where they shouldn't be. It
// reads what is on disk, beside the write path, and puts each down once, in a table
// with a number that has no holes. It may fail alone: nobody who starts waits for it.
package events

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/legivellum/metagate/internal/store"
)

const (
	// recorderName is the recorder's row in sinks: position is a change, delivered the last seq.
	recorderName = "events"
	// term is how long recording stays with one replica that says nothing more. Nothing
	// depends on it: of two that record at once one finds out when it writes.
	term = 6 * time.Second
	// poll is how long anything waits at most to be seen.
	poll = 250 * time.Millisecond
	// grace is how long after its deadline a startup is overdue for an event: a report in time may be on its way,
	// and the clock that set the deadline isn't quite the database's.
	grace = 500 * time.Millisecond
	// patience is how much later a standby records what the replica whose turn it is did not.
	patience = 600 * time.Millisecond
	// settleTime is how long writers are waited for: with what they hold up alone. An operator hears of
	// it after a while.
	settleTime, stallTime = 300 * time.Millisecond, 5 * time.Second
	// batch is how many events are written at once, in a transaction that others wait for. Where many have one
	// deadline each batch passes over those before it, so small ones are dear.
	batch     = 2000
	lastRetry = 2 * time.Second
)

// Recorder records events: on one replica at a time, each exactly once. Methods are safe
// for concurrent use.
type Recorder struct {
	Store *store.Store
	Now   func() time.Time
	Log   *slog.Logger
	Keep  time.Duration // EVENT_RETENTION_DAYS; 0 is for ever

	lease   *store.Lease
	since   time.Time // when recording began: deadlines before are none of it
	overdue sweep
	world   pause
	refused pause
	twins   pause
	cleaned time.Time
	turned  time.Time // when the database's clock was read
	stalled time.Time // since when nothing has settled
	passed  time.Time // when the place was last written

	recorded atomic.Int64 // by this replica
	current  atomic.Int64 // up to when all is recorded, in Unix microseconds; 0 on a standby
}

// errPassed is of a turn that is for nothing: another replica has recorded meanwhile.
var errPassed = errors.New("another replica has recorded meanwhile")

// Run records until ctx ends.
func (r *Recorder) Run(ctx context.Context) {
	r.lease = r.Store.NewLease(recorderName, term, r.Now)
	defer r.leave(ctx)
	turns := store.Turns{
		Log: r.Log, Fails: "events are not recorded, will try again", Resumes: "events are recorded again", Every: poll, Slowest: lastRetry,
	}
	turns.Run(ctx, func(ctx context.Context) (mine bool, err error) {
		if mine, err = r.turn(ctx); errors.Is(err, errPassed) {
			r.lease.Lose()
			return false, nil
		}
		return mine, err
	})
}

// turn records what there is, if it is this replica's turn.
func (r *Recorder) turn(ctx context.Context) (mine bool, err error) {
	if mine, err = r.take(ctx); err != nil || !mine {
		r.current.Store(0)
		return false, err
	}
	now, err := r.Store.Clock(ctx)
	if err != nil {
		return true, err
	}
	r.current.CompareAndSwap(0, now.UnixMicro())
	if err := r.record(ctx, now); err != nil {
		return true, err
	}
	r.current.Store(now.UnixMicro())
	return true, r.clean(ctx, now)
}

// take tells whether it is this replica's turn. A standby takes it when it has run
// out, or when a startup is overdue for longer than another would leave it: so one that
// is killed delays no event by more than a second.
func (r *Recorder) take(ctx context.Context) (mine bool, err error) {
	had := r.lease.Has()
	if mine, err = r.lease.Take(ctx); err == nil && !mine {
		var asleep bool
		if asleep, err = r.overslept(ctx); asleep {
			mine, err = r.lease.Seize(ctx)
		}
	}
	if mine && !had {
		r.overdue = sweep{}
	}
	return mine, err
}

// overslept reports whether a startup is overdue and not recorded though it should be.
func (r *Recorder) overslept(ctx context.Context) (bool, error) {
	if err := r.began(ctx); err != nil {
		return false, err
	}
	now, err := r.Store.Clock(ctx)
	if err != nil {
		return false, err
	}
	late := now.Add(-grace - patience)
	rows, err := r.Store.ListOverdue(ctx, store.ListOverdueParams{After: later(r.since, late.Add(-lookBack)), UpTo: late, RowLimit: 1})
	return len(rows) > 0, err
}

// leave lets another replica go on at once, from where this one is.
func (r *Recorder) leave(ctx context.Context) {
	if r.passed = (time.Time{}); r.lease.Has() {
		short, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = r.changes(short, r.Now()) // writes where it is
	}
	r.lease.Leave(ctx)
}

// began reads when recording began.
func (r *Recorder) began(ctx context.Context) error {
	if !r.since.IsZero() {
		return nil
	}
	s, err := r.Store.GetSink(ctx, overdueName)
	if err == nil {
		r.since = time.UnixMicro(s.Since).UTC()
	}
	return err
}

// record records all there is. What fails keeps nothing else from it.
func (r *Recorder) record(ctx context.Context, now time.Time) error {
	r.turned = time.Now()
	if err := r.began(ctx); err != nil {
		return err
	}
	var failed []error
	for _, source := range []func(context.Context, time.Time) error{r.deadlines, r.changes, r.worlds, r.refusals, r.addresses} {
		err := source(ctx, now)
		if errors.Is(err, errPassed) || ctx.Err() != nil {
			return err
		}
		failed = append(failed, err)
	}
	return errors.Join(failed...)
}

// Record records all there is, as the replica whose turn it is does.
func (r *Recorder) Record(ctx context.Context) error {
	now, err := r.Store.Clock(ctx)
	if err != nil {
		return err
	}
	return r.record(ctx, now)
}

// place is how far recording is.
type place struct{ change, seq int64 }

func (r *Recorder) place(ctx context.Context) (place, error) {
	s, err := r.Store.GetSink(ctx, recorderName)
	return place{s.Position, s.Delivered}, err
}

// write puts events down behind a place, which was read before what they are made of was:
// so if another replica has recorded anything since, none of them is written.
// upTo is the change that all startups are recorded up to now; beside is written with them.
func (r *Recorder) write(ctx context.Context, at place, upTo int64, drafts []draft, now time.Time, beside func(store.Queries) error) error {
	if len(drafts) == 0 && upTo == at.change && beside == nil {
		return nil
	}
	recordedAt := now.Add(time.Since(r.turned).Truncate(time.Microsecond)) // by the database's clock
	err := r.Store.Staged(ctx, func(q store.Queries) error {
		for n, d := range drafts {
			p, err := d.params(at.seq+1+int64(n), recordedAt)
			if err == nil {
				err = q.CreateEvent(ctx, p)
			}
			if err != nil {
				return err
			}
		}
		if beside == nil {
			return nil
		}
		return beside(q)
	}, func(q store.Queries) error {
		n, err := q.PassEvents(ctx, store.PassEventsParams{FromChange: at.change, LastSeq: at.seq, Position: upTo, Recorded: int64(len(drafts))})
		if err == nil && n == 0 {
			err = errPassed
		}
		return err
	})
	if err == nil {
		r.recorded.Add(int64(len(drafts)))
	}
	return err
}

// settled is the change up to which startups can be read; ok is false while a writer holds
// that up. Of one that stays open for long an operator has to hear.
func (r *Recorder) settled(ctx context.Context, now time.Time) (upTo int64, ok bool, err error) {
	upTo, err = r.Store.SettledWithin(ctx, settleTime)
	switch {
	case err == nil:
		r.stalled = time.Time{}
		return upTo, true, nil
	case !errors.Is(err, store.ErrHeldUp):
		return 0, false, err
	case r.stalled.IsZero():
		r.stalled = now
	case now.Sub(r.stalled) > stallTime:
		return 0, false, fmt.Errorf("%w since %s", store.ErrHeldUp, r.stalled.Format(time.RFC3339))
	}
	return 0, false, nil
}

// Lag is the age of the moment up to which all is recorded; 0 on the replicas that don't
// record.
func (r *Recorder) Lag() time.Duration {
	if at := r.current.Load(); at != 0 {
		return max(0, r.Now().Sub(time.UnixMicro(at)))
	}
	return 0
}

// Recorded is how many events this replica has recorded.
func (r *Recorder) Recorded() int64 { return r.recorded.Load() }

// Position is the change up to which all startups are recorded, and the deadline up to which
// all that are overdue are, whichever replica did it.
func (r *Recorder) Position(ctx context.Context) (change int64, deadline time.Time, err error) {
	at, err := r.place(ctx)
	if err != nil {
		return 0, time.Time{}, err
	}
	s, err := r.Store.GetSink(ctx, overdueName)
	return at.change, time.UnixMicro(s.Position).UTC(), err
}
