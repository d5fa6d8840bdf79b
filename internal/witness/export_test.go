package witness

import (
	"context"

	"github.com/legivellum/metagate/internal/store"
)

// ReportsWaiting is how many reports wait for a writer.
func (s *Service) ReportsWaiting() int { return len(s.reports.queue) }

// SettlesWaiting is how many calls wait to be made inside of a transaction.
func (s *Service) SettlesWaiting() int { return len(s.settles.queue) }

// Snapshot is where worlds are read from now on.
func (s *Service) Snapshot(snapshot func(context.Context, func(store.Queries) error) error) {
	s.snapshot = snapshot
}

// ErrStale is what a caller who can't be read anew is told.
var ErrStale = errStale
