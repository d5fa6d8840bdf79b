package witness_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/store"
	"github.com/legivellum/metagate/internal/witness"
)

// start is a startup of an instance; an empty one doesn't say.
func (w *world) start(t *testing.T, component, instance string, opened, deadline time.Time) uuid.UUID {
	t.Helper()
	at, err := w.GetRevision(t.Context(), "t")
	require.NoError(t, err)
	p := store.OpenStartupParams{
		ID: store.NewID(opened), TenantKey: "t", Epoch: at.Epoch, PrincipalID: w.principal.ID, PrincipalKey: w.principal.PrincipalKey, ComponentKey: component,
		OpenedAt: opened, DeadlineAt: deadline, Source: "live",
	}
	if instance != "" {
		p.InstanceID = &instance
	}
	n, err := w.OpenStartup(t.Context(), p)
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
	return p.ID
}

func TestALaterStartEndsAnAlarmAndNothingElseDoes(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		now := noon
		a := &witness.Alarms{Store: w.Store, Now: func() time.Time { return now }}
		ago := func(d time.Duration) time.Time { return noon.Add(-d) }
		type start struct {
			id, by uuid.UUID
		}
		var starts []start
		overdue := func(component, instance string) uuid.UUID {
			id := w.start(t, component, instance, ago(10*time.Minute), ago(8*time.Minute))
			starts = append(starts, start{id: id})
			return id
		}
		by := func(id uuid.UUID) { starts[len(starts)-1].by = id }

		overdue("alone", "")
		overdue("within its time", "")
		w.start(t, "within its time", "", ago(9*time.Minute), noon.Add(time.Hour))
		overdue("again", "")
		by(w.start(t, "again", "", ago(7*time.Minute), noon.Add(time.Hour)))
		w.start(t, "again", "", ago(6*time.Minute), noon.Add(time.Hour))
		overdue("instance", "i")
		by(w.start(t, "instance", "i", ago(9*time.Minute), noon.Add(time.Hour)))
		overdue("others", "i")
		w.start(t, "others", "j", ago(time.Minute), noon.Add(time.Hour))
		w.start(t, "others", "", ago(time.Minute), noon.Add(time.Hour))

		check := func() {
			t.Helper()
			require.NoError(t, a.Sweep(t.Context()))
			for i, s := range starts {
				row, err := w.GetStartup(t.Context(), s.id)
				require.NoError(t, err)
				if s.by == uuid.Nil {
					require.Nil(t, row.SupersededAt, "%d", i)
					continue
				}
				require.Equal(t, s.by, *row.SupersededBy, "%d", i)
				require.Equal(t, "OPEN", row.Status)
			}
			n, err := w.CountOpenStartups(t.Context(), now)
			require.NoError(t, err)
			want := 0
			for _, s := range starts {
				if s.by == uuid.Nil {
					want++
				}
			}
			require.EqualValues(t, want, n.Overdue)
		}
		check()
		check()
		now = noon.Add(5 * time.Minute) // what was looked for before is found when it comes
		starts[0].by = w.start(t, "alone", "", now, now.Add(time.Hour))
		w.principal.PrincipalKey = "renamed"
		_, err := w.UpdatePrincipal(t.Context(), store.UpdatePrincipalParams{
			ID: w.principal.ID, PrincipalKey: "renamed", AuthSubject: "s", PrincipalType: "component", Status: "active", UpdatedAt: noon,
		})
		require.NoError(t, err)
		starts[4].by = w.start(t, "others", "i", now, now.Add(time.Hour))
		check()
	})
}
