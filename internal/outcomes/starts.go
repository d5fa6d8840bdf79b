package outcomes

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/oapi-codegen/nullable"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/store"
)

// roster has the last startup of each instance of a component.
type roster map[instance]store.ListCountedRow

type instance struct {
	principal      uuid.UUID
	component, key string // key is empty where it names none
}

func (o roster) add(r store.ListCountedRow) {
	if r.Source == string(model.StartupSourceBench) {
		return
	}
	key := instance{r.PrincipalID, r.ComponentKey, ""}
	if r.InstanceID != nil {
		key.key = *r.InstanceID
	}
	if was, ok := o[key]; !ok || newer(r.ID, r.Changed, was.ID, was.Changed) {
		o[key] = r
	}
}

// newer is of a later startup, or of the same after a later change.
func newer(id uuid.UUID, changed int64, thanID uuid.UUID, thanChanged int64) bool {
	return cmp.Or(bytes.Compare(id[:], thanID[:]), cmp.Compare(changed, thanChanged)) > 0
}

func putRoster(key instance, r store.ListCountedRow) store.PutRosterParams {
	return store.PutRosterParams{
		PrincipalID: key.principal, ComponentKey: key.component, InstanceID: key.key, StartupID: r.ID, Changed: r.Changed,
		Status: r.Status, OpenedAt: r.OpenedAt, DeadlineAt: r.DeadlineAt, ClosedAt: cmp.Or(r.ReadyAt, r.FailedAt), AcknowledgedAt: r.AcknowledgedAt,
		BuildVersion: r.BuildVersion, ManifestKey: r.ManifestKey, ManifestVersion: r.ManifestVersion, PacketEtag: r.PacketEtag,
	}
}

// rosterRow is as it will be read; its body is the receipt's, as long as it isn't written.
func rosterRow(p store.PutRosterParams) store.Roster {
	return store.Roster{
		PrincipalID: p.PrincipalID, ComponentKey: p.ComponentKey, InstanceID: p.InstanceID, StartupID: p.StartupID, Changed: p.Changed,
		Status: p.Status, OpenedAt: p.OpenedAt, DeadlineAt: p.DeadlineAt, ClosedAt: p.ClosedAt, AcknowledgedAt: p.AcknowledgedAt,
		BuildVersion: p.BuildVersion, ManifestKey: p.ManifestKey, ManifestVersion: p.ManifestVersion, PacketEtag: p.PacketEtag,
	}
}

// write puts them down in small transactions.
func (o roster) write(ctx context.Context, st *store.Store) error {
	rows := make([]store.PutRosterParams, 0, len(o))
	for key, r := range o {
		rows = append(rows, putRoster(key, r))
	}
	for chunk := range slices.Chunk(rows, rosterAtOnce) {
		if err := st.PutRosters(ctx, chunk); err != nil {
			return err
		}
	}
	return nil
}

// startView is what became of a start by now.
func startView(r store.Roster, now time.Time) model.RosterStart {
	s := model.RosterStart{
		ComponentKey: r.ComponentKey, InstanceID: orNull(r.InstanceID), StartupID: nullable.NewNullableWithValue(r.StartupID),
		State: model.RosterState(r.Status), Since: r.OpenedAt, Late: r.ClosedAt != nil && r.ClosedAt.After(r.DeadlineAt),
		DeadlineAt: nullable.NewNullableWithValue(r.DeadlineAt), BuildVersion: nullable.NewNullNullable[string](), TimeToReady: nullable.NewNullNullable[float64](),
		Manifest: nullable.NewNullableWithValue(r.ManifestKey), ManifestVersion: nullable.NewNullableWithValue(r.ManifestVersion),
	}
	switch {
	case r.ClosedAt != nil:
		s.Since = *r.ClosedAt
	case now.After(r.DeadlineAt) && r.AcknowledgedAt == nil:
		s.State, s.Since = model.RosterStateOVERDUE, r.DeadlineAt
	}
	if s.State == model.RosterStateREADY {
		s.TimeToReady = nullable.NewNullableWithValue(r.ClosedAt.Sub(r.OpenedAt).Seconds())
	}
	if r.BuildVersion != nil {
		s.BuildVersion = nullable.NewNullableWithValue(*r.BuildVersion)
	}
	return s
}

// neverStarted stands for n instances of a component.
func neverStarted(component string, n int64, since time.Time) model.RosterStart {
	return model.RosterStart{
		ComponentKey: component, State: model.RosterStateNEVER, Since: since, Missing: n,
		InstanceID: nullable.NewNullNullable[string](), StartupID: nullable.NewNullNullable[uuid.UUID](), DeadlineAt: nullable.NewNullNullable[time.Time](), TimeToReady: nullable.NewNullNullable[float64](),
		BuildVersion: nullable.NewNullNullable[string](), Manifest: nullable.NewNullNullable[string](),
		ManifestVersion: nullable.NewNullNullable[int64](), Packet: nullable.NewNullNullable[model.RosterPacket](),
	}
}

// severity orders states, the worst first.
var severity = []model.RosterState{
	model.RosterStateFAILED, model.RosterStateOVERDUE, model.RosterStateNEVER, model.RosterStateOPEN, model.RosterStateREADY,
}

func worst(starts []model.RosterStart) model.RosterState {
	at := len(severity) - 1
	for _, s := range starts {
		at = min(at, slices.Index(severity, s.State))
	}
	return severity[at]
}

// byComponent also puts what is missing behind what is there.
func byComponent(a, b model.RosterStart) int {
	return cmp.Or(cmp.Compare(a.ComponentKey, b.ComponentKey), cmp.Compare(a.Missing, b.Missing), cmp.Compare(orEmpty(a.InstanceID), orEmpty(b.InstanceID)))
}
