package outcomes

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/store"
)

// TestHoweverARowIsSeenItIsCountedOnce lets startups change while a reader goes on in
// windows of any width, and sees rows in the state that they have at that time, or
// remembers them as they were written.
func TestHoweverARowIsSeenItIsCountedOnce(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 1))
	for range 300 {
		var rows []store.ListCountedRow
		var written []store.Written
		sum, told, change, position := tally{}, news{}, int64(0), int64(0)
		read := func(upTo int64) {
			w := window{from: position, upTo: upTo}
			known := slices.DeleteFunc(slices.Clone(written), func(t store.Written) bool { return t.Change <= w.from || t.Change > w.upTo })
			once, last := tally{}, roster{}
			_, w = remembered(known, w, once, last, told)
			for _, row := range rows {
				if row.Changed > w.from && w.upTo > w.from { // as the query has it
					once.add(row, w)
					told.add(row, w)
				}
			}
			for c, n := range once {
				if sum[c] += n; sum[c] == 0 {
					delete(sum, c)
				}
			}
			position = upTo
		}
		now, forgets := time.Unix(1e9, 0), r.IntN(10)
		remember := func(row store.ListCountedRow) {
			if r.IntN(10) >= forgets {
				written = append(written, store.Written{Change: change, Startups: []store.ListCountedRow{row}})
			}
		}
		for range 60 {
			change++
			switch open := r.IntN(max(1, len(rows))); r.IntN(4) {
			case 0, 1:
				rows = append(rows, store.ListCountedRow{
					TenantKey: "t", ComponentKey: fmt.Sprint(r.IntN(3)), Status: "OPEN", OpenedAt: now, DeadlineAt: now.Add(time.Minute), Changed: change, OpenedChange: change,
				})
				remember(rows[len(rows)-1])
			case 2: // superseded, or acknowledged
				if len(rows) > 0 && rows[open].Status == "OPEN" {
					rows[open].Changed = change
				}
			case 3:
				if len(rows) > 0 && rows[open].Status == "OPEN" {
					at := now.Add(time.Duration(r.IntN(120)) * time.Second)
					rows[open].Status, rows[open].ReadyAt, rows[open].BuildVersion, rows[open].Changed = "READY", &at, new(fmt.Sprint(r.IntN(2))), change
					remember(rows[open])
				}
			}
			if r.IntN(6) == 0 {
				read(position + r.Int64N(change-position+1)) // not all that is there need be settled
			}
		}
		read(change)
		whole, all := tally{}, news{}
		for _, row := range rows {
			whole.add(row, window{upTo: endless})
			all.add(row, window{upTo: endless})
		}
		require.Equal(t, whole, sum)
		require.Equal(t, all, told, "the metrics are told the same")
	}
}
