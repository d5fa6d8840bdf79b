package store

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

func opened(r *recent, change int64, ids ...uuid.UUID) {
	rows, openings := make([]OpenStartupParams, len(ids)), make([]Opening, len(ids))
	for i, id := range ids {
		rows[i], openings[i] = OpenStartupParams{ID: id}, Opened
	}
	r.opened(change, rows, openings)
}

func changes(all []Written) (out []int64) {
	for _, w := range all {
		out = append(out, w.Change)
	}
	return out
}

func TestWhatAProcessWroteIsRememberedInOrderAndWithoutGaps(t *testing.T) {
	t.Parallel()
	var r recent
	a, b, never := NewID(Now()), NewID(Now()), NewID(Now())
	opened(&r, 3, a)
	opened(&r, 5, b) // 4 is somebody else's
	r.reported(7, []ReportStartupParams{{ID: a, Status: "READY", BuildVersion: new("1")}})
	r.opened(6, []OpenStartupParams{{ID: never}}, []Opening{Stale})
	r.reported(8, []ReportStartupParams{{ID: b, Status: "FAILED"}, {ID: never, Status: "READY"}})
	require.Equal(t, []int64{3, 5, 6, 7}, changes(r.between(0, 100)), "8 tells of a startup that another opened")
	require.Equal(t, []int64{5, 6}, changes(r.between(3, 6)))
	all := r.between(0, 100)
	require.Equal(t, "OPEN", all[0].Startups[0].Status)
	require.Empty(t, all[2].Startups)
	ready := all[3].Startups[0]
	require.Equal(t, []any{"READY", "1", int64(7), int64(3)}, []any{ready.Status, *ready.BuildVersion, ready.Changed, ready.OpenedChange})
	require.Nil(t, all[0].Startups[0].BuildVersion, "what was is as it was")
}

func TestADatabaseThatWentBackIsForgotten(t *testing.T) {
	t.Parallel()
	var r recent
	for n := range int64(10) {
		opened(&r, n, NewID(Now()))
	}
	opened(&r, 4)
	require.Equal(t, []int64{4}, changes(r.between(-1, 100)))
	r.forget()
	require.Empty(t, r.between(-1, 100))
}

func TestWhatIsRememberedIsBounded(t *testing.T) {
	t.Parallel()
	var r recent
	for n := range int64(5 * recentStartups / 64) {
		ids := make([]uuid.UUID, 64)
		for i := range ids {
			ids[i] = NewID(Now())
		}
		opened(&r, n, ids...)
	}
	sum := 0
	for _, w := range r.between(-1, 1<<40) {
		sum += len(w.Startups)
	}
	require.LessOrEqual(t, sum, recentStartups)
	require.Greater(t, sum, recentStartups/2)
	require.LessOrEqual(t, len(r.open)+len(r.before), 2*recentOpen+64)
}
