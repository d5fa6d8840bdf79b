package store

import (
	"cmp"
	"slices"
	"sync"

	"github.com/google/uuid"
)

// Written is a transaction of this process that opened startups or took reports: what
// it has just written it need not read back. It is as of that transaction.
type Written struct {
	Change   int64 // its number: no other transaction has it
	Startups []ListCountedRow
}

// Written are the transactions of this process after one change and up to another, by
// their numbers. What is missing between them has to be read: others write too, the
// older ones aren't kept, and PostgreSQL numbers rows, so there it is always empty.
func (s *Store) Written(after, upTo int64) []Written { return s.engine.written(after, upTo) }

// Unwritten forgets them: the database has gone back to an earlier state.
func (s *Store) Unwritten() { s.engine.unwritten() }

const (
	recentStartups = 1 << 14 // of the transactions that are kept: 5 MB
	recentOpen     = 1 << 14 // those that a report may still find: at most twice as many
)

// recent keeps them, and how the startups were opened that may still be reported.
type recent struct {
	mu           sync.Mutex
	kept         []Written // by their numbers, which ascend
	startups     int
	open, before map[uuid.UUID]*ListCountedRow // before: when open was full
}

// opened is to be called once the transaction is on disk.
func (r *recent) opened(change int64, rows []OpenStartupParams, openings []Opening) {
	w := Written{Change: change, Startups: make([]ListCountedRow, 0, len(rows))}
	for i, p := range rows {
		if openings[i] == Opened {
			w.Startups = append(w.Startups, ListCountedRow{
				ID: p.ID, TenantKey: p.TenantKey, PrincipalID: p.PrincipalID, ComponentKey: p.ComponentKey, InstanceID: p.InstanceID,
				ProfileKey: p.ProfileKey, ManifestKey: p.ManifestKey, ManifestVersion: p.ManifestVersion, PacketEtag: p.PacketEtag,
				Status: "OPEN", Source: p.Source, OpenedAt: p.OpenedAt, DeadlineAt: p.DeadlineAt, Changed: change, OpenedChange: change,
			})
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.open == nil || len(r.open) >= recentOpen {
		r.before, r.open = r.open, make(map[uuid.UUID]*ListCountedRow)
	}
	for i := range w.Startups {
		r.open[w.Startups[i].ID] = &w.Startups[i]
	}
	r.keep(w)
}

// reported is the same for the reports that won. If one is of a startup that isn't
// known here the transaction isn't kept.
func (r *recent) reported(change int64, won []ReportStartupParams) {
	w := Written{Change: change, Startups: make([]ListCountedRow, len(won))}
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, p := range won {
		was := r.open[p.ID]
		if was == nil {
			was = r.before[p.ID]
		}
		if was == nil {
			return
		}
		w.Startups[i] = *was
		s := &w.Startups[i]
		s.Status, s.ReadyAt, s.FailedAt, s.BuildVersion, s.Changed = p.Status, p.ReadyAt, p.FailedAt, p.BuildVersion, change
	}
	for _, p := range won {
		delete(r.open, p.ID)
		delete(r.before, p.ID)
	}
	r.keep(w)
}

// keep puts it where it belongs: who committed later may come first.
func (r *recent) keep(w Written) {
	at, again := slices.BinarySearchFunc(r.kept, w.Change, func(k Written, change int64) int { return cmp.Compare(k.Change, change) })
	if again { // the database has gone back
		at, r.kept, r.startups = 0, nil, 0
	}
	r.kept = slices.Insert(r.kept, at, w)
	r.startups += 1 + len(w.Startups)
	for r.startups > recentStartups {
		r.startups -= 1 + len(r.kept[0].Startups)
		r.kept[0] = Written{} // the array behind it is still there
		r.kept = r.kept[1:]
	}
}

func (r *recent) between(after, upTo int64) []Written {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []Written
	for _, w := range r.kept {
		if w.Change > after && w.Change <= upTo {
			out = append(out, w)
		}
	}
	return out
}

func (r *recent) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.kept, r.startups, r.open, r.before = nil, 0, nil, nil
}

func (e embedded) written(after, upTo int64) []Written { return e.recent.between(after, upTo) }
func (e embedded) unwritten()                          { e.recent.forget() }

func (pg) written(int64, int64) []Written { return nil }
func (pg) unwritten()                     {}
