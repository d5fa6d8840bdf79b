package app

import (
	"context"
	"time"

	"github.com/legivellum/metagate/internal/store"
	"github.com/legivellum/metagate/internal/witness"
)

// retains is what removes what is too old; nil where nothing ever is.
func (a *App) retains() *witness.Retention {
	receipts, packets := time.Duration(a.config.ReceiptRetentionHours)*time.Hour, a.config.keepPackets()
	if receipts == 0 && packets == 0 {
		return nil
	}
	return &witness.Retention{
		Store: a.Store, Now: store.Now, Keep: receipts, KeepPackets: packets, Read: a.read,
		Batch: 500, Pause: 50 * time.Millisecond, Every: time.Minute,
	}
}

// read is the change up to which all have read startups who have to.
func (a *App) read(ctx context.Context) (change int64, err error) {
	change, err = a.outcomes.Position(ctx)
	if m := a.options.Mirror; m != nil && err == nil {
		var mirrored int64
		mirrored, err = m.Position(ctx)
		change = min(change, mirrored)
	}
	return change, err
}
