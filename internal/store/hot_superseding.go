package store

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/legivellum/metagate/gen/litebatch"
	"github.com/legivellum/metagate/gen/pgbatch"
)

// Superseding is the startup that ended an alarm, and when it began.
type Superseding struct {
	ID       uuid.UUID
	OpenedAt time.Time
}

// Superseding finds the first startup that supersedes each of some alarms; one that
// nothing supersedes is left out (contract 5). since tells from which startup on to
// look for an alarm's: PostgreSQL has an index by principal and doesn't ask, SQLite
// reads every receipt from there on.
func (s *Store) Superseding(ctx context.Context, alarms []ListAlarmsRow, since func(ListAlarmsRow) uuid.UUID) (map[uuid.UUID]Superseding, error) {
	if len(alarms) == 0 {
		return nil, nil
	}
	return s.engine.superseding(ctx, alarms, since)
}

func (e pg) superseding(ctx context.Context, alarms []ListAlarmsRow, _ func(ListAlarmsRow) uuid.UUID) (map[uuid.UUID]Superseding, error) {
	rows, err := pgbatch.New(e.pool).ListSuperseding(ctx, pgbatch.ListSupersedingParams{
		Ids:           column(alarms, func(a *ListAlarmsRow) uuid.UUID { return a.ID }),
		TenantKeys:    column(alarms, func(a *ListAlarmsRow) string { return a.TenantKey }),
		PrincipalIds:  column(alarms, func(a *ListAlarmsRow) uuid.UUID { return a.PrincipalID }),
		PrincipalKeys: column(alarms, func(a *ListAlarmsRow) string { return a.PrincipalKey }),
		ComponentKeys: column(alarms, func(a *ListAlarmsRow) string { return a.ComponentKey }),
		InstanceIds:   column(alarms, func(a *ListAlarmsRow) string { return empty(a.InstanceID) }),
		DeadlineAts:   column(alarms, func(a *ListAlarmsRow) time.Time { return a.DeadlineAt }),
	})
	found := make(map[uuid.UUID]Superseding, len(rows))
	for _, r := range rows {
		found[r.ID] = Superseding{r.SupersededBy, r.OpenedAt}
	}
	return found, err
}

// superseding walks forward from the oldest receipt that any alarm asks for.
func (e embedded) superseding(ctx context.Context, alarms []ListAlarmsRow, since func(ListAlarmsRow) uuid.UUID) (map[uuid.UUID]Superseding, error) {
	type starter struct {
		principal uuid.UUID
		component string
	}
	waiting, principals, after := map[starter][]ListAlarmsRow{}, map[uuid.UUID]bool{}, MaxID
	for _, a := range alarms {
		who := starter{a.PrincipalID, a.ComponentKey}
		waiting[who] = append(waiting[who], a)
		principals[a.PrincipalID] = true
		if from := since(a); older(from, after) {
			after = from
		}
	}
	ids := make([]string, 0, len(principals))
	for id := range principals {
		ids = append(ids, id.String())
	}
	list, err := json.Marshal(ids)
	if err != nil {
		return nil, err
	}
	found := map[uuid.UUID]Superseding{}
	for {
		starts, err := litebatch.New(e.r).ListStartsAfter(ctx, litebatch.ListStartsAfterParams{AfterID: after, PrincipalIds: string(list), RowLimit: lastPage})
		if err != nil {
			return nil, err
		}
		for _, s := range starts { // oldest first
			who := starter{s.PrincipalID, s.ComponentKey}
			waiting[who] = slices.DeleteFunc(waiting[who], func(a ListAlarmsRow) bool {
				over := older(a.ID, s.ID) && supersedes(a, s.InstanceID, s.OpenedAt)
				if over {
					found[a.ID] = Superseding{s.ID, s.OpenedAt}
				}
				return over
			})
		}
		if len(starts) < lastPage {
			return found, nil
		}
		after = starts[len(starts)-1].ID
	}
}

func supersedes(a ListAlarmsRow, instance *string, opened time.Time) bool {
	if a.InstanceID == nil {
		return opened.After(a.DeadlineAt)
	}
	return instance != nil && *instance == *a.InstanceID
}

func older(a, b uuid.UUID) bool { return bytes.Compare(a[:], b[:]) < 0 }
