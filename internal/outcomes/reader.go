// Package outcomes is what the witness tells an operator: what became of startups, who
// is up and who never called, and who was turned away. It reads what is on disk,
// beside the write path, and may fail alone: nobody who starts waits for it.
package outcomes

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/legivellum/metagate/internal/store"
)

const (
	// readerName is the reader's row in sinks: since and position are changes.
	readerName = "outcomes"
	// term is how long reading stays with one replica that says nothing more. No count
	// depends on it: two that read at once find out when they write.
	term = 10 * time.Second
	// poll is how long a change waits at most to be seen, and a standby to look again.
	poll = 500 * time.Millisecond
	// settleTime is how long writers are waited for.
	settleTime = 5 * time.Second
	// page is how many startups are read at once.
	page = 2000
	// rosterAtOnce is how many starts are written in one transaction, which others wait for.
	rosterAtOnce = 200
	// maxNames is how many components, and build versions, an hour counts apart.
	maxNames = 1000
	// keepInstances is how many instances of a component the roster has.
	keepInstances = 100
	cleanEvery    = time.Hour
	lastRetry     = 30 * time.Second
)

// Reader counts what becomes of startups and keeps the roster: on one replica at a
// time, each change exactly once. Methods are safe for concurrent use.
type Reader struct {
	Store *store.Store
	Now   func() time.Time
	Log   *slog.Logger
	Keep  time.Duration // OUTCOME_RETENTION_DAYS; 0 is for ever

	// Counted, unless nil, is told what was counted, after it is on disk: of all replicas'
	// each change comes once, but for what a server that dies just then doesn't tell.
	Counted func(map[Kind]*Figures)

	lease   *store.Lease
	names   names
	cleaned time.Time
	passed  int64        // the position at the last turn
	current atomic.Int64 // up to when all is counted, in Unix microseconds; 0 on a standby
}

// Run reads until ctx ends.
func (r *Reader) Run(ctx context.Context) {
	r.lease = r.Store.NewLease(readerName, term, r.Now)
	defer r.lease.Leave(ctx)
	turns := store.Turns{
		Log: r.Log, Fails: "outcomes are not counted, will try again", Resumes: "outcomes are counted again", Every: poll, Slowest: lastRetry,
	}
	turns.Run(ctx, r.turn)
}

// turn counts what there is, if it is this replica's turn.
func (r *Reader) turn(ctx context.Context) (mine bool, err error) {
	if mine, err = r.lease.Take(ctx); err != nil {
		return false, err
	}
	if !mine {
		r.current.Store(0)
		return false, nil
	}
	now := r.Now()
	r.current.CompareAndSwap(0, now.UnixMicro())
	if err := r.Count(ctx); err != nil {
		return true, err
	}
	r.current.Store(now.UnixMicro())
	return true, r.clean(ctx, now)
}

// Lag is the age of the newest moment up to which all is counted; 0 on the replicas
// that don't count.
func (r *Reader) Lag() time.Duration {
	if at := r.current.Load(); at != 0 {
		return max(0, r.Now().Sub(time.UnixMicro(at)))
	}
	return 0
}

// Leads reports whether this replica is the one that counts.
func (r *Reader) Leads() bool { return r.current.Load() != 0 }

// Position is the change up to which all startups are counted, whichever replica did it.
func (r *Reader) Position(ctx context.Context) (int64, error) {
	s, err := r.Store.GetSink(ctx, readerName)
	return s.Position, err
}

// Count counts what has been changed since the last time. The counts and how far they
// go are written in one transaction, which is for nothing if another replica has counted
// meanwhile: so a reader that dies at any point, or two at once, neither
// leave anything out nor count it twice.
func (r *Reader) Count(ctx context.Context) error {
	s, err := r.Store.GetSink(ctx, readerName)
	if err != nil {
		return err
	}
	upTo, err := r.Store.SettledWithin(ctx, settleTime)
	if err != nil {
		return err
	}
	if s.Position < r.passed {
		r.Store.Unwritten() // the database was restored under us
	}
	r.passed = s.Position
	if upTo <= s.Position {
		return nil
	}
	counts, last, told := tally{}, roster{}, news{}
	w := window{since: s.Since, from: s.Position, upTo: upTo}
	read, unknown := remembered(r.Store.Written(w.from, w.upTo), w, counts, last, told)
	if unknown.upTo > unknown.from {
		n, err := r.read(ctx, unknown, counts, last, told)
		if err != nil {
			return err
		}
		read += n
	}
	if read == 0 {
		return nil
	}
	// The roster first, a little at a time: what is written twice there stays the same.
	if err := last.write(ctx, r.Store); err != nil {
		return err
	}
	if r.names == nil {
		r.names = names{}
	}
	if counts, err = r.names.bounded(ctx, r.Store, counts); err != nil {
		return err
	}
	var mine int64
	err = r.Store.InTxBeside(ctx, func(q store.Queries) (err error) {
		mine, err = q.PassOutcomes(ctx, store.PassOutcomesParams{FromChange: w.from, Position: upTo, Counted: read})
		if err != nil || mine == 0 {
			return err // 0: another replica was here
		}
		for c, n := range counts {
			err := q.CountOutcome(ctx, store.CountOutcomeParams{
				TenantKey: c.tenant, Dimension: c.dimension, Name: c.name, Version: c.version, Hour: timeOf(c.hour), Measure: c.measure, N: n,
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil && mine > 0 && r.Counted != nil {
		r.Counted(told)
	}
	return err
}

// clean removes what is too old, now and then.
func (r *Reader) clean(ctx context.Context, now time.Time) error {
	if now.Sub(r.cleaned) < cleanEvery {
		return nil
	}
	if r.Keep > 0 {
		if _, err := r.Store.DeleteOldOutcomes(ctx, now.Add(-r.Keep)); err != nil {
			return err
		}
	}
	if _, err := r.Store.ForgetInstances(ctx, keepInstances); err != nil {
		return err
	}
	r.cleaned = now
	return nil
}
