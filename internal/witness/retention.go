package witness

import (
	"cmp"
	"context"
	"log/slog"
	"math"
	"time"

	"github.com/legivellum/metagate/internal/store"
)

// Retention removes receipts that are older than Keep, and the bodies of packets that are
// older than KeepPackets; 0 is for ever. A receipt that is OPEN and not yet overdue stays.
type Retention struct {
	Store       *store.Store
	Now         func() time.Time
	Keep        time.Duration // RECEIPT_RETENTION_HOURS
	KeepPackets time.Duration // PACKET_RETENTION_HOURS
	Batch       int64         // rows of one transaction
	Pause       time.Duration // between two batches: others get their turn
	Every       time.Duration // between two sweeps

	// Read tells up to which change startups have been read by all who have to: what
	// was changed later stays. nil: nobody has to.
	Read func(context.Context) (change int64, err error)

	// Swept, unless nil, is told of each turn of sweeping: how many it removed, and what went wrong.
	Swept func(receipts, packets int64, err error)
}

// Run sweeps until ctx ends. Failures are logged and tried again at the next sweep.
func (r Retention) Run(ctx context.Context) {
	for {
		receipts, failed := r.Sweep(ctx)
		if failed != nil && ctx.Err() == nil {
			slog.WarnContext(ctx, "retention failed, will try again", "error", failed, "removed", receipts)
		} else if receipts > 0 {
			slog.InfoContext(ctx, "retention removed old startup receipts", "removed", receipts)
		}
		packets, err := r.SweepPackets(ctx)
		if err != nil && ctx.Err() == nil {
			slog.WarnContext(ctx, "retention of packets failed, will try again", "error", err, "removed", packets)
		} else if packets > 0 {
			slog.InfoContext(ctx, "retention removed old packet bodies", "removed", packets)
		}
		if r.Swept != nil {
			r.Swept(receipts, packets, cmp.Or(failed, err))
		}
		if !sleep(ctx, r.Every) {
			return
		}
	}
}

// Sweep removes what is due, in small batches, and returns how many it removed.
func (r Retention) Sweep(ctx context.Context) (removed int64, err error) {
	if r.Keep == 0 {
		return 0, nil
	}
	now, read := r.Now(), int64(math.MaxInt64)
	before := now.Add(-r.Keep)
	if r.Read != nil {
		if read, err = r.Read(ctx); err != nil {
			return 0, err
		}
	}
	for {
		n, err := r.Store.DeleteOldStartups(ctx, store.DeleteOldStartupsParams{
			BeforeID: store.FirstID(before), Before: before, Now: now, KeepAfter: read, RowLimit: r.Batch,
		})
		removed += n
		if err != nil || n < r.Batch || !sleep(ctx, r.Pause) {
			return removed, err
		}
	}
}

// SweepPackets removes the bodies that no packet which is kept was made of, by their age
// alone: asking the receipts would want an index on the write path.
func (r Retention) SweepPackets(ctx context.Context) (removed int64, err error) {
	if r.KeepPackets == 0 {
		return 0, nil
	}
	before := r.Now().Add(-r.KeepPackets - seenSlack)
	for {
		n, err := r.Store.DeleteOldPacketBodies(ctx, store.DeleteOldPacketBodiesParams{Before: before, RowLimit: r.Batch})
		removed += n
		if err != nil || n < r.Batch || !sleep(ctx, r.Pause) {
			return removed, err
		}
	}
}

func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
