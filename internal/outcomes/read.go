package outcomes

import (
	"context"
	"math"
	"time"

	"github.com/google/uuid"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/store"
)

// remembered counts what this process wrote itself, and tells what is left to read: all
// that lies between the first and the last change that it doesn't know.
func remembered(written []store.Written, w window, counts tally, last roster, told news) (read int64, unknown window) {
	unknown = window{since: w.since, from: w.upTo, upTo: w.upTo}
	next := w.from + 1
	for _, t := range append(written, store.Written{Change: w.upTo + 1}) {
		if t.Change > next {
			unknown.from, unknown.upTo = min(unknown.from, next-1), t.Change-1
		}
		next = t.Change + 1
	}
	for _, t := range written {
		if unknown.has(t.Change) {
			continue
		}
		for _, row := range t.Startups {
			one := window{since: w.since, from: t.Change - 1, upTo: t.Change}
			counts.add(row, one)
			told.add(row, one)
			last.add(row)
		}
		read += int64(len(t.Startups))
	}
	return read, unknown
}

// read counts what is on disk.
func (r *Reader) read(ctx context.Context, w window, counts tally, last roster, told news) (read int64, err error) {
	var opens []uuid.UUID
	// One moment of the database: a startup that changes meanwhile is read once.
	err = r.Store.InSnapshot(ctx, func(q store.Queries) error {
		hour := r.Now().UTC().Truncate(time.Hour)
		if read, err = opened(ctx, q, w, hour, counts, &opens, told); err != nil {
			return err
		}
		return eachChange(ctx, q, w.from, hour, func(row store.ListCountedRow) error {
			counts.add(row, w)
			told.add(row, w)
			last.add(row)
			read++
			return nil
		})
	})
	if err != nil {
		return 0, err
	}
	starts, err := r.Store.CountedOf(ctx, opens) // by now they may be newer than that moment: the roster wants the newest
	for _, row := range starts {
		last.add(row)
	}
	return read, err
}

// opened counts the startups of an hour that are OPEN: the database adds them up, and
// tells the last of each instance.
func opened(ctx context.Context, q store.Queries, w window, hour time.Time, counts tally, last *[]uuid.UUID, told news) (read int64, err error) {
	rows, err := q.CountOpened(ctx, store.CountOpenedParams{
		FromChange: w.from, UpTo: w.upTo, Since: w.since, OpenedFrom: hour, OpenedUntil: hour.Add(time.Hour),
	})
	if err != nil || len(rows) == 0 {
		return 0, err
	}
	for _, row := range rows {
		counts.open(row, hour)
		told.open(row)
		read += row.N
		if row.Source == string(model.StartupSourceBench) {
			continue
		}
		id, err := uuid.Parse(row.LastID)
		if err != nil {
			return 0, err
		}
		*last = append(*last, id)
	}
	return read, nil
}

// eachChange reads all that was changed after a change, but for what opened counts of an hour.
func eachChange(ctx context.Context, q store.Queries, from int64, but time.Time, f func(store.ListCountedRow) error) error {
	until := but
	if !but.IsZero() {
		until = but.Add(time.Hour)
	}
	after := store.MaxID // of the change's own all are read
	for {
		rows, err := q.ListCounted(ctx, store.ListCountedParams{
			FromChange: from, AfterID: after, OpenedFrom: but, OpenedUntil: until, RowLimit: page,
		})
		if err != nil {
			return err
		}
		for _, row := range rows {
			if err := f(row); err != nil {
				return err
			}
		}
		if len(rows) < page {
			return nil
		}
		from, after = rows[len(rows)-1].Changed, rows[len(rows)-1].ID
	}
}

// endless is a window's end at the time of asking: all that is there.
const endless = math.MaxInt64
