// Package feed is what reads startups beside the write path, in the order in which
// they changed, and tells others of them. It may fail alone: nobody waits for it.
package feed

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/store"
)

const (
	// LedgerName is the mirror's row in sinks.
	LedgerName = "receiptgate"
	// term is how long the mirror stays with one replica that says nothing more.
	term = 30 * time.Second
	// turnTime bounds what is done before the lease is renewed.
	turnTime = term / 2
	// settleTime is how long writers are waited for.
	settleTime = 5 * time.Second
	// poll is how long a change waits at most to be seen, and a standby to look again.
	poll = 500 * time.Millisecond
	// page is how many startups are read at once: what they report may be long.
	page = 200
	// most and least are how many receipts a second are handed over at most: most is
	// more than a ledger takes, least is what components don't feel who start while a
	// backlog goes out. calm is how many starts a second still leave time for most.
	most, least, calm = 1000, 25, 1000
	// lastRetry is the longest pause while the ledger can't be used.
	lastRetry = 30 * time.Second
)

// Options are what a Mirror is made of.
type Options struct {
	Store    *store.Store
	Now      func() time.Time
	Log      *slog.Logger
	Endpoint string       // RECEIPTGATE_ENDPOINT
	Token    string       // RECEIPTGATE_AUTH_TOKEN; empty is none
	Source   string       // RECEIPTGATE_SOURCE_SYSTEM: the source_system of the receipts
	Opened   func() int64 // how many startups this server has opened so far
}

// Mirror hands receipts to LegiVellum's ledger: one when a startup is opened, another
// when it is reported. One replica at a time does, at least once, in order for each
// startup; the ledger knows a second one by its id. Methods are safe for concurrent
// use; those of a nil Mirror say that there is none.
type Mirror struct {
	store  *store.Store
	now    func() time.Time
	log    *slog.Logger
	ledger ledger
	source string
	lease  *store.Lease
	pace   *pace
	sent   *memory

	since, position    atomic.Int64                       // as in sinks, as far as this replica knows
	delivered, refused atomic.Int64                       // by this replica
	saved              struct{ delivered, refused int64 } // of them, what is in sinks
	failures           atomic.Int64
	pendingSince       atomic.Int64 // when what is next was changed, in Unix microseconds; 0 where nothing waits
}

// New makes a mirror; Run runs it.
func New(o Options) *Mirror {
	m := &Mirror{
		store: o.Store, now: o.Now, log: o.Log, source: o.Source, ledger: newLedger(o.Endpoint, o.Token),
		lease: o.Store.NewLease(LedgerName, term, o.Now), pace: newPace(o.Opened), sent: &memory{},
	}
	m.since.Store(-1)
	return m
}

// Run mirrors until ctx ends.
func (m *Mirror) Run(ctx context.Context) {
	defer m.lease.Leave(ctx)
	turns := store.Turns{
		Log: m.log, Fails: "receipts are not mirrored, will try again", Resumes: "receipts are mirrored again", Every: poll, Slowest: lastRetry,
	}
	turns.Run(ctx, func(ctx context.Context) (mine bool, err error) {
		switch mine, err = m.turn(ctx); {
		case errors.Is(err, errLeaseLost):
			m.lease.Lose()
			return false, nil
		case err != nil && ctx.Err() == nil:
			m.failures.Add(1)
		}
		return mine, err
	})
}

// turn delivers what there is, if it is this replica's turn.
func (m *Mirror) turn(ctx context.Context) (mine bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, turnTime)
	defer cancel()
	if m.since.Load() < 0 {
		if err := m.join(ctx); err != nil {
			return false, err
		}
	}
	if mine, err = m.lease.Take(ctx); err != nil {
		return false, err
	}
	if err := m.look(ctx); err != nil || !mine {
		m.pendingSince.Store(0)
		return false, err
	}
	here := place{m.position.Load(), store.MaxID}
	for more := true; more && ctx.Err() == nil; {
		if more, err = m.next(ctx, &here); err != nil && ctx.Err() == nil { // a turn that is over is no failure
			_ = m.store.FailSink(context.WithoutCancel(ctx), store.FailSinkParams{
				Name: LedgerName, Owner: m.lease.Owner(), Now: new(m.now()), LastError: new(clip(err.Error())),
			})
			return true, err
		}
	}
	return true, nil
}

// join begins at the present: what was before there was a mirror isn't mirrored.
func (m *Mirror) join(ctx context.Context) error {
	if err := m.look(ctx); !store.IsNotFound(err) {
		return err
	}
	at, err := m.store.Settled(ctx)
	if err == nil {
		err = m.store.CreateSink(ctx, store.CreateSinkParams{Name: LedgerName, Kind: LedgerName, Position: at, LeasedUntil: m.now()})
	}
	return cmp.Or(err, m.look(ctx))
}

func (m *Mirror) look(ctx context.Context) error {
	s, err := m.store.GetSink(ctx, LedgerName)
	if err == nil {
		m.since.Store(s.Since)
		m.position.Store(s.Position)
	}
	return err
}

// place is a startup in the order of changes.
type place struct {
	change int64
	id     uuid.UUID
}

// next delivers the page behind a place, which moves on; more tells whether there was one.
func (m *Mirror) next(ctx context.Context, here *place) (more bool, err error) {
	upTo, err := m.store.SettledWithin(ctx, settleTime)
	if err != nil {
		return false, err
	}
	rows, err := m.store.ListChanges(ctx, store.ListChangesParams{
		FromChange: here.change, AfterID: here.id, UpTo: upTo, RowLimit: page,
	})
	if err != nil || len(rows) == 0 {
		m.pendingSince.Store(0)
		return false, err
	}
	m.pendingSince.Store(changedAt(rows[0]).UnixMicro())
	m.pace.adapt(time.Now())
	last := rows[len(rows)-1]
	if len(rows) == page { // there may be more of the last one's change
		upTo = last.Changed - 1
	}
	err = m.deliver(ctx, rows, upTo)
	if err == nil {
		*here = place{last.Changed, last.ID}
	}
	return true, err
}

// Status is what became of a startup: off where it is not to be mirrored.
func (m *Mirror) Status(s store.StartupSession) model.MirrorStatus {
	switch {
	case m == nil || s.Changed <= max(0, m.since.Load()) || s.Source == string(model.StartupSourceBench):
		return model.MirrorStatusOff
	case s.MirrorError != nil:
		return model.MirrorStatusRefused
	case s.Changed <= m.position.Load():
		return model.MirrorStatusMirrored
	}
	return model.MirrorStatusPending
}

// Position is the change up to which all startups are mirrored, whichever replica did it.
func (m *Mirror) Position(ctx context.Context) (int64, error) {
	s, err := m.store.GetSink(ctx, LedgerName)
	if store.IsNotFound(err) {
		err = nil // no replica has begun
	}
	return s.Position, err
}

// Counts are what this replica has done, and for how long what is next has waited;
// 0 on the replicas that don't mirror.
func (m *Mirror) Counts() (delivered, refused, failures int64, lag time.Duration) {
	if at := m.pendingSince.Load(); at != 0 {
		lag = max(0, m.now().Sub(time.UnixMicro(at)))
	}
	return m.delivered.Load(), m.refused.Load(), m.failures.Load(), lag
}

func changedAt(s store.StartupSession) time.Time {
	return *cmp.Or(s.ReadyAt, s.FailedAt, &s.OpenedAt)
}
