package outcomes

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
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

	mu sync.Mutex
}

const (
	// alarmsAtOnce is how many alarms one look ends.
	alarmsAtOnce = 10_000
	// mostFresh is how many startups are read that are not on the roster yet: whoever
	// asks waits for it. What is beyond is found once it is there.
	mostFresh = 20 * page
	// endedAtOnce is how many alarms end in one transaction, which others wait for.
	endedAtOnce = 200
)

// superseding is a startup that has ended an alarm, and when it began.
type superseding struct {
	id       uuid.UUID
	openedAt time.Time
}

// Run sweeps until ctx ends.
func (a *Alarms) Run(ctx context.Context, every time.Duration) {
	for {
		if err := a.Sweep(ctx); err != nil && ctx.Err() == nil {
			slog.WarnContext(ctx, "superseded startups not told from overdue ones, will try again", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(every):
		}
	}
}

// Sweep ends what has been superseded by now. One sweep at a time: the others wait.
func (a *Alarms) Sweep(ctx context.Context) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	for {
		ended, err := a.superseded(ctx, a.Now())
		if err != nil {
			return err
		}
		if err := a.end(ctx, ended); err != nil || len(ended) < alarmsAtOnce {
			return err
		}
	}
}

// superseded looks on the roster, and at what isn't there yet: so an answer has all
// that was answered before it.
func (a *Alarms) superseded(ctx context.Context, now time.Time) (map[uuid.UUID]superseding, error) {
	ended := map[uuid.UUID]superseding{}
	err := a.Store.InSnapshot(ctx, func(q store.Queries) error {
		alarms, err := q.ListAlarms(ctx, store.ListAlarmsParams{Now: now, RowLimit: alarmsAtOnce})
		if err != nil || len(alarms) == 0 {
			return err
		}
		listed, err := q.ListSuperseded(ctx, store.ListSupersededParams{Now: now, RowLimit: alarmsAtOnce})
		if err != nil {
			return err
		}
		for _, r := range listed {
			ended[r.ID] = superseding{r.SupersededBy, r.OpenedAt}
		}
		if len(ended) == alarmsAtOnce {
			return nil
		}
		fresh, err := changedSince(ctx, q, mostFresh)
		if err != nil && !errors.Is(err, errEnough) {
			return err
		}
		fresh.supersede(alarms, ended)
		return nil
	})
	return ended, err
}

// supersede adds the alarms that the roster's startups end.
func (o roster) supersede(alarms []store.ListAlarmsRow, ended map[uuid.UUID]superseding) {
	last := map[instance]store.ListCountedRow{} // of each component, whichever instance
	for at, r := range o {
		at.key = ""
		if was, ok := last[at]; !ok || r.OpenedAt.After(was.OpenedAt) {
			last[at] = r
		}
	}
	for _, alarm := range alarms {
		if _, ok := ended[alarm.ID]; ok {
			continue
		}
		at := instance{alarm.PrincipalID, alarm.ComponentKey, ""}
		by, ok := last[at]
		ok = ok && by.OpenedAt.After(alarm.DeadlineAt)
		if alarm.InstanceID != nil {
			at.key = *alarm.InstanceID
			by, ok = o[at]
			ok = ok && newer(by.ID, 0, alarm.ID, 0)
		}
		if ok {
			ended[alarm.ID] = superseding{by.ID, by.OpenedAt}
		}
	}
}

func (a *Alarms) end(ctx context.Context, ended map[uuid.UUID]superseding) error {
	ids := slices.Collect(maps.Keys(ended))
	for chunk := range slices.Chunk(ids, endedAtOnce) {
		err := a.Store.InTx(ctx, func(q store.Queries) error {
			for _, id := range chunk {
				by := ended[id]
				if _, err := q.SupersedeStartup(ctx, store.SupersedeStartupParams{ID: id, SupersededBy: &by.id, SupersededAt: &by.openedAt}); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
