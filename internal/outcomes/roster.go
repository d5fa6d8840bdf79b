package outcomes

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/store"
)

const (
	// boundAtOnce is how many bindings are read at once, and mostRead in one answer: a
	// filter that lets few through gives pages with less than was asked for.
	boundAtOnce = 500
	mostRead    = 5_000
)

// RosterAsked is what part of the roster is wanted.
type RosterAsked struct {
	Tenant       *string // nil is all
	PrincipalKey *string
	State        *model.RosterState
	Packet       *model.RosterPacket
	After        uuid.UUID // of principals
	Limit        int
}

// Roster is who is up and who is not, by principals' ids; next is where it goes on, or
// zero where that is all.
func Roster(ctx context.Context, st *store.Store, now time.Time, a RosterAsked) (entries []model.RosterEntry, next uuid.UUID, err error) {
	entries = []model.RosterEntry{}
	err = st.InSnapshot(ctx, func(q store.Queries) error {
		worlds := worlds{Queries: q}
		fresh, err := changedSince(ctx, q, math.MaxInt)
		for read, after := 0, a.After; err == nil; read += boundAtOnce {
			if next = uuid.Nil; read >= mostRead || len(entries) >= a.Limit {
				next = after
				return nil
			}
			size := min(boundAtOnce, a.Limit-len(entries))
			if a.State != nil || a.Packet != nil {
				size = boundAtOnce
			}
			var bound []store.ListBoundRow
			bound, err = q.ListBound(ctx, store.ListBoundParams{
				After: after, TenantKey: a.Tenant, PrincipalKey: a.PrincipalKey, RowLimit: int64(size + 1),
			})
			if err != nil || len(bound) == 0 {
				return err
			}
			more := len(bound) > size
			bound = bound[:min(size, len(bound))]
			last := bound[len(bound)-1].PrincipalID
			var starts map[uuid.UUID][]store.Roster
			if starts, err = startsOf(ctx, q, after, last, fresh); err != nil {
				return err
			}
			for i, b := range bound {
				e, wanted, err := a.entry(ctx, &worlds, now, b, starts[b.PrincipalID])
				if err != nil {
					return err
				}
				if !wanted {
					continue
				}
				if entries = append(entries, e); len(entries) == a.Limit {
					if more || i < len(bound)-1 {
						next = b.PrincipalID
					}
					return nil
				}
			}
			if !more {
				return nil
			}
			after = last
		}
		return err
	})
	return entries, next, err
}

// entry is of one principal, unless it isn't wanted: packets are compared, and what differs
// looked for, only where somebody reads it.
func (a RosterAsked) entry(ctx context.Context, w *worlds, now time.Time, b store.ListBoundRow, starts []store.Roster) (e model.RosterEntry, wanted bool, err error) {
	e = model.RosterEntry{
		TenantKey: b.TenantKey, PrincipalID: b.PrincipalID, PrincipalKey: b.PrincipalKey, BindingID: b.BindingID,
		Labels: model.Labels(b.Labels), Expected: model.Expected(b.Expected), Components: []model.RosterStart{},
	}
	seen := map[string]int64{}
	for _, r := range starts {
		seen[r.ComponentKey]++
		e.Components = append(e.Components, startView(r, now))
	}
	for component, n := range missing(b.Expected, seen) {
		e.Components = append(e.Components, neverStarted(component, n, b.BoundAt))
	}
	e.State = worst(e.Components)
	if a.State != nil && !slices.ContainsFunc(e.Components, func(s model.RosterStart) bool { return s.State == *a.State }) {
		return e, false, nil
	}
	wanted = a.Packet == nil
	for i, r := range starts {
		packet, err := w.packetNow(ctx, b, r)
		if err != nil {
			return e, false, err
		}
		e.Components[i].Packet.Set(packet)
		wanted = wanted || packet == *a.Packet
	}
	if !wanted {
		return e, false, nil
	}
	for i, r := range starts {
		if orEmpty(e.Components[i].Packet) != model.RosterPacketOutdated {
			continue
		}
		if e.Components[i].Sections, err = w.outdated(ctx, b, r); err != nil {
			return e, false, err
		}
	}
	slices.SortFunc(e.Components, byComponent)
	return e, true, nil
}

// errEnough ends reading where there is more than is worth waiting for.
var errEnough = errors.New("enough was read")

// changedSince is what the reader hasn't put on the roster yet; with errEnough, as much
// of it as was read.
func changedSince(ctx context.Context, q store.Queries, most int) (roster, error) {
	fresh := roster{}
	s, err := q.GetSink(ctx, readerName)
	if err != nil {
		return nil, err
	}
	return fresh, eachChange(ctx, q, s.Position, time.Time{}, func(r store.ListCountedRow) error {
		if most--; most < 0 {
			return errEnough
		}
		fresh.add(r)
		return nil
	})
}

// startsOf are the last starts of the principals between two.
func startsOf(ctx context.Context, q store.Queries, after, upTo uuid.UUID, fresh roster) (map[uuid.UUID][]store.Roster, error) {
	rows, err := q.ListRoster(ctx, store.ListRosterParams{After: after, UpTo: upTo})
	if err != nil {
		return nil, err
	}
	of := map[instance]store.Roster{}
	for _, r := range rows {
		of[instance{r.PrincipalID, r.ComponentKey, r.InstanceID}] = r
	}
	for key, r := range fresh {
		if was, ok := of[key]; !ok || newer(r.ID, r.Changed, was.StartupID, was.Changed) {
			of[key] = rosterRow(putRoster(key, r))
		}
	}
	out := map[uuid.UUID][]store.Roster{}
	for key, r := range of {
		out[key.principal] = append(out[key.principal], r)
	}
	return out, nil
}

// missing tells how many instances of which component never started, of those that
// are expected; of a principal of which none is, one of any component.
func missing(expected store.JSON, seen map[string]int64) map[string]int64 {
	var x struct {
		Components []string
		Instances  int64
	}
	_ = json.Unmarshal(expected, &x) // it was checked when it was written; absent expects nothing
	out := map[string]int64{}
	for _, c := range x.Components {
		if n := max(1, x.Instances) - seen[c]; n > 0 {
			out[c] = n
		}
	}
	if len(x.Components) == 0 {
		var all int64
		for _, n := range seen {
			all += n
		}
		if n := max(1, x.Instances) - all; n > 0 {
			out[""] = n
		}
	}
	return out
}
