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
	waiting, principals, after := waitingFor{}, map[uuid.UUID]bool{}, MaxID
	for _, a := range alarms {
		waiting.add(a)
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
	for len(waiting) > 0 {
		starts, err := litebatch.New(e.r).ListStartsAfter(ctx, litebatch.ListStartsAfterParams{AfterID: after, PrincipalIds: string(list), RowLimit: lastPage})
		if err != nil {
			return nil, err
		}
		for _, s := range starts { // oldest first
			waiting.end(s, found)
		}
		if len(starts) < lastPage {
			break
		}
		after = starts[len(starts)-1].ID
	}
	return found, nil
}

// starter is who starts again: an instance that has a name, or any that has none.
type starter struct {
	principal           uuid.UUID
	component, instance string
}

// waitingFor are alarms by who may end them, the one with the earliest deadline first.
type waitingFor map[starter][]ListAlarmsRow

func (w waitingFor) add(a ListAlarmsRow) {
	who := starter{a.PrincipalID, a.ComponentKey, empty(a.InstanceID)}
	w[who] = append(w[who], a)
}

// end ends what s supersedes (contract 5), and looks at little else: a start comes
// along for each receipt of a busy server.
func (w waitingFor) end(s litebatch.ListStartsAfterRow, found map[uuid.UUID]Superseding) {
	over := func(a ListAlarmsRow) bool {
		found[a.ID] = Superseding{s.ID, s.OpenedAt}
		return true
	}
	nameless := starter{s.PrincipalID, s.ComponentKey, ""}
	alarms := w[nameless]
	for len(alarms) > 0 && s.OpenedAt.After(alarms[0].DeadlineAt) && over(alarms[0]) {
		alarms = alarms[1:]
	}
	w.set(nameless, alarms)
	if s.InstanceID != nil {
		named := starter{s.PrincipalID, s.ComponentKey, *s.InstanceID}
		w.set(named, slices.DeleteFunc(w[named], func(a ListAlarmsRow) bool { return older(a.ID, s.ID) && over(a) }))
	}
}

func (w waitingFor) set(who starter, alarms []ListAlarmsRow) {
	if len(alarms) == 0 {
		delete(w, who)
		return
	}
	w[who] = alarms
}

func older(a, b uuid.UUID) bool { return bytes.Compare(a[:], b[:]) < 0 }
