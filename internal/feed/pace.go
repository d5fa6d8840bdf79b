package feed

import (
	"context"
	"time"

	"golang.org/x/time/rate"
)

// pace lets components go first: the more of them start, the fewer receipts go out.
type pace struct {
	limit  *rate.Limiter
	opened func() int64

	at    time.Time // of the last look
	count int64
}

func newPace(opened func() int64) *pace {
	return &pace{limit: rate.NewLimiter(most, 10), opened: opened}
}

// adapt looks how many startups were opened since the last look.
func (p *pace) adapt(now time.Time) {
	count, took := p.opened(), now.Sub(p.at).Seconds()
	if p.at.IsZero() || took > 0.1 {
		starts := float64(count-p.count) / took
		p.limit.SetLimit(rate.Limit(max(least, min(most, most*calm/max(starts, 1)))))
		p.at, p.count = now, count
	}
}

// wait lets the next receipt wait its turn; false where ctx ended before.
func (p *pace) wait(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(p.limit.Reserve().Delay()):
		return true
	}
}
