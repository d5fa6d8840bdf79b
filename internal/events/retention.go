package events

import (
	"context"
	"time"

	"github.com/legivellum/metagate/internal/store"
)

const (
	cleanEvery = 10 * time.Minute
	cleanOnce  = 1000
)

// clean removes what is too old, now and then: what all sinks have taken, and what none may
// wait for any longer.
func (r *Recorder) clean(ctx context.Context, now time.Time) error {
	if r.Keep == 0 || now.Sub(r.cleaned) < cleanEvery {
		return nil
	}
	for {
		n, err := r.Store.DeleteOldEvents(ctx, store.DeleteOldEventsParams{Before: now.Add(-r.Keep), Whatever: now.Add(-2 * r.Keep), RowLimit: cleanOnce})
		if err != nil {
			return err
		}
		if n < cleanOnce {
			r.cleaned = now
			return nil
		}
	}
}
