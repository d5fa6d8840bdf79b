package outcomes

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/oapi-codegen/nullable"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/bootstrap"
	"github.com/legivellum/metagate/internal/errs"
	"github.com/legivellum/metagate/internal/store"
)

const (
	// boundAtOnce is how many bindings are read at once, and mostRead in one answer: a
	// filter that lets few through gives pages with less than was asked for.
	boundAtOnce = 500
	mostRead    = 20_000
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
	entries, worlds := []model.RosterEntry{}, worlds{}
	err = st.InSnapshot(ctx, func(q store.Queries) error {
		fresh, err := changedSince(ctx, q)
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
				var e model.RosterEntry
				if e, err = worlds.entry(ctx, q, now, b, starts[b.PrincipalID]); err != nil {
					return err
				}
				if !a.wants(e) {
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

func (a RosterAsked) wants(e model.RosterEntry) bool {
	return (a.State == nil || slices.ContainsFunc(e.Components, func(s model.RosterStart) bool { return s.State == *a.State })) &&
		(a.Packet == nil || slices.ContainsFunc(e.Components, func(s model.RosterStart) bool { return orEmpty(s.Packet) == *a.Packet }))
}

// changedSince is what the reader hasn't put on the roster yet.
func changedSince(ctx context.Context, q store.Queries) (roster, error) {
	fresh := roster{}
	s, err := q.GetSink(ctx, readerName)
	if err != nil {
		return nil, err
	}
	return fresh, eachChange(ctx, q, s.Position, time.Time{}, func(r store.ListCountedRow) error {
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
			of[key] = store.Roster(putRoster(key, r))
		}
	}
	out := map[uuid.UUID][]store.Roster{}
	for key, r := range of {
		out[key.principal] = append(out[key.principal], r)
	}
	return out, nil
}

// worlds are compiled once for all who share one.
type worlds map[worldKey]*bootstrap.Blueprint

type worldKey struct {
	tenant            string
	profile, manifest uuid.UUID
	overrides         string
}

// blueprint is nil where no packet can be made.
func (w worlds) blueprint(ctx context.Context, q store.Queries, b store.ListBoundRow) (*bootstrap.Blueprint, error) {
	key := worldKey{b.TenantKey, b.ProfileID, b.ManifestID, string(b.Overrides)}
	if known, ok := w[key]; ok {
		return known, nil
	}
	profile, err1 := q.GetProfile(ctx, b.ProfileID)
	manifest, err2 := q.GetManifest(ctx, b.ManifestID)
	secrets, err3 := q.ListActiveSecretRefs(ctx, b.TenantKey)
	if err := errs.Merge(err1, err2, err3); err != nil {
		return nil, err
	}
	made, err := bootstrap.Compile(bootstrap.World{Profile: profile, Manifest: manifest, Overrides: b.Overrides, Secrets: secrets})
	if err != nil {
		made = nil // a bootstrap would say why
	}
	w[key] = made
	return made, nil
}

func (w worlds) entry(ctx context.Context, q store.Queries, now time.Time, b store.ListBoundRow, starts []store.Roster) (model.RosterEntry, error) {
	e := model.RosterEntry{
		TenantKey: b.TenantKey, PrincipalID: b.PrincipalID, PrincipalKey: b.PrincipalKey, BindingID: b.BindingID,
		Labels: model.Labels(b.Labels), Expected: model.Expected(b.Expected), Components: []model.RosterStart{},
	}
	blueprint, err := w.blueprint(ctx, q, b)
	if err != nil {
		return e, err
	}
	seen := map[string]int64{}
	for _, r := range starts {
		seen[r.ComponentKey]++
		s := startView(r, now)
		s.Packet = nullable.NewNullableWithValue(packetNow(b, blueprint, r))
		e.Components = append(e.Components, s)
	}
	for component, n := range missing(b.Expected, seen) {
		e.Components = append(e.Components, model.RosterStart{
			ComponentKey: component, State: model.RosterStateNEVER, Since: b.BoundAt, Missing: n,
			InstanceID: nullable.NewNullNullable[string](), StartupID: nullable.NewNullNullable[uuid.UUID](),
			DeadlineAt: nullable.NewNullNullable[time.Time](), TimeToReady: nullable.NewNullNullable[float64](),
			BuildVersion: nullable.NewNullNullable[string](), Manifest: nullable.NewNullNullable[string](),
			ManifestVersion: nullable.NewNullNullable[int64](), Packet: nullable.NewNullNullable[model.RosterPacket](),
		})
	}
	slices.SortFunc(e.Components, byComponent)
	e.State = worst(e.Components)
	return e, nil
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

// packetNow compares etags. Which sections differ is to be told here, too, where the packet
// of then is kept.
func packetNow(b store.ListBoundRow, blueprint *bootstrap.Blueprint, r store.Roster) model.RosterPacket {
	switch {
	case b.Status != string(model.PrincipalStatusActive) || blueprint == nil || blueprint.Permits(r.ComponentKey) != nil:
		return model.RosterPacketRefused
	case blueprint.Etag(b.PrincipalKey, r.ComponentKey) == r.PacketEtag:
		return model.RosterPacketCurrent
	}
	return model.RosterPacketOutdated
}
