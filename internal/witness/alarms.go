package witness

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/legivellum/metagate/internal/store"
)

// Alarms ends the alarms of overdue startups that a later one has superseded
// (contract 5): beside the write path, from what is on disk.
type Alarms struct {
	Store *store.Store
	Now   func() time.Time

	mu      sync.Mutex
	checked map[uuid.UUID]bool // the alarms that were looked for up to upTo
	upTo    uuid.UUID
}

const (
	// alarmsAtOnce is how many alarms one look takes, oldest deadline first.
	alarmsAtOnce = 10_000
	// lateCommit is how much later than its id a receipt may come to be seen: it waits
	// a second at most, and all who write to an SQLite file have one clock.
	lateCommit = 5 * time.Second
	// writesAtOnce is how many alarms end in one transaction, which others wait for.
	writesAtOnce = 200
)

// Run sweeps until ctx ends.
func (a *Alarms) Run(ctx context.Context, every time.Duration) {
	for {
		if err := a.Sweep(ctx); err != nil && ctx.Err() == nil {
			slog.WarnContext(ctx, "superseded startups not told from overdue ones, will try again", "error", err)
		}
		if !sleep(ctx, every) {
			return
		}
	}
}

// Sweep ends what has been superseded by now. One sweep at a time: the others wait.
func (a *Alarms) Sweep(ctx context.Context) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.Now()
	alarms, err := a.Store.ListAlarms(ctx, store.ListAlarmsParams{Now: now, RowLimit: alarmsAtOnce})
	if err != nil {
		return err
	}
	ended, err := a.Store.Superseding(ctx, alarms, a.since)
	if err != nil {
		return err
	}
	a.checked, a.upTo = make(map[uuid.UUID]bool, len(alarms)-len(ended)), store.FirstID(now.Add(-lateCommit))
	for _, alarm := range alarms {
		if _, over := ended[alarm.ID]; !over {
			a.checked[alarm.ID] = true
		}
	}
	return a.end(ctx, ended)
}

// since is the startup from which on one may have superseded an alarm's.
func (a *Alarms) since(alarm store.ListAlarmsRow) uuid.UUID {
	switch {
	case a.checked[alarm.ID]:
		return a.upTo
	case alarm.InstanceID == nil: // only what began after the deadline does
		return store.FirstID(alarm.DeadlineAt)
	}
	return alarm.ID
}

func (a *Alarms) end(ctx context.Context, ended map[uuid.UUID]store.Superseding) error {
	for len(ended) > 0 {
		err := a.Store.InTx(ctx, func(q store.Queries) error {
			n := 0
			for id, by := range ended {
				if n++; n > writesAtOnce {
					break
				}
				_, err := q.SupersedeStartup(ctx, store.SupersedeStartupParams{ID: id, SupersededBy: &by.ID, SupersededAt: &by.OpenedAt})
				if err != nil {
					return err
				}
				delete(ended, id)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
