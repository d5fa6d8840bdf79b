package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"
)

// leaseSlack is how far another replica's clock may be ahead before its lease is no longer believed: a clock
// that was a year ahead would else keep everybody from it for a year. Whose clock is so far off
// is refused by who verifies a webhook's time, too.
const leaseSlack = 5 * time.Minute

// Lease is what only one replica is to do at a time: a row of sinks. It is for one
// goroutine, and not a lock: who has it may be held up until another does. What may not be done
// twice is for the statement that writes it to find out.
type Lease struct {
	store *Store
	name  string
	owner string
	term  time.Duration
	now   func() time.Time
	until time.Time // zero where another replica has it
}

// NewLease is a replica's share in a row of sinks, which it doesn't have yet. A replica
// that says nothing more loses it after term.
func (s *Store) NewLease(name string, term time.Duration, now func() time.Time) *Lease {
	return &Lease{store: s, name: name, owner: uuid.NewString(), term: term, now: now}
}

// Owner is this replica's name in the row.
func (l *Lease) Owner() string { return l.owner }

// Take reports whether this replica has the lease: nobody is asked while more than half of
// its term is left.
func (l *Lease) Take(ctx context.Context) (mine bool, err error) {
	if left := l.until.Sub(l.now()); left > l.term/2 && left <= l.term { // more is of a clock that went back
		return true, nil
	}
	return l.take(ctx, 0)
}

// Seize takes it from the replica that has it.
func (l *Lease) Seize(ctx context.Context) (mine bool, err error) {
	return l.take(ctx, 24*time.Hour) // no term is so long
}

func (l *Lease) take(ctx context.Context, early time.Duration) (bool, error) {
	now := l.now()
	n, err := l.store.LeaseSink(ctx, LeaseSinkParams{
		Name: l.name, Owner: l.owner, LeasedUntil: now.Add(l.term), Now: now.Add(early), Latest: now.Add(l.term + leaseSlack),
	})
	if err != nil {
		return false, err
	}
	if l.until = now.Add(l.term); n == 0 {
		l.until = time.Time{}
	}
	return n > 0, nil
}

// Elsewhere reports whether another replica has it, by a row that was just read.
func (l *Lease) Elsewhere(row Sink) bool {
	now := l.now()
	return row.Owner != l.owner && row.LeasedUntil.After(now) && !row.LeasedUntil.After(now.Add(l.term+leaseSlack))
}

// Has reports whether this replica had it when last asked, and hasn't lost it since.
func (l *Lease) Has() bool { return !l.until.IsZero() }

// Lose is for who finds that another replica has done what this one was about to.
func (l *Lease) Lose() { l.until = time.Time{} }

// Leave lets another replica go on at once; also where ctx has ended, within a second.
func (l *Lease) Leave(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	now := l.now()
	_, _ = l.store.LeaseSink(ctx, LeaseSinkParams{ // its own alone, whatever the clocks
		Name: l.name, Owner: l.owner, LeasedUntil: now.Add(-time.Second), Now: now.AddDate(-1000, 0, 0), Latest: now.AddDate(1000, 0, 0),
	})
	l.Lose()
}

// Turns is how work beside the write path is repeated: it may fail, and is tried again
// for as long as the server runs.
type Turns struct {
	Log            *slog.Logger
	Fails, Resumes string        // what is logged at the first of several failures, and when it works again
	Every          time.Duration // between two turns
	Slowest        time.Duration // between two turns that fail: from Every on twice as long each time
}

// Run takes turns until ctx ends. Each tells whether it did anything: one that hadn't
// anything to do says nothing of whether that would have worked.
func (t Turns) Run(ctx context.Context, turn func(context.Context) (did bool, err error)) {
	pause := t.Every
	for failing := false; ; {
		did, err := turn(ctx)
		if ctx.Err() != nil {
			return
		}
		wait := t.Every
		switch {
		case err != nil:
			if !failing {
				t.Log.WarnContext(ctx, t.Fails, "error", err)
			}
			failing, pause = true, min(2*pause, t.Slowest)
			wait = pause/2 + rand.N(pause/2+1) //nolint:gosec // no secret
		case failing && did:
			t.Log.InfoContext(ctx, t.Resumes)
			failing, pause = false, t.Every
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// ErrHeldUp is of a transaction that writes startups and stays open: nothing after it can
// be read.
var ErrHeldUp = errors.New("a transaction that writes startups stays open, and nothing after it can be read")

// SettledWithin is Settled for who would rather tell an operator than wait for longer:
// ErrHeldUp then.
func (s *Store) SettledWithin(ctx context.Context, patience time.Duration) (change int64, err error) {
	short, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	change, err = s.Settled(short)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		err = fmt.Errorf("%w (waited for %s)", ErrHeldUp, patience)
	}
	return change, err
}
