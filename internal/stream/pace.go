package stream

import (
	"context"
	"time"

	"golang.org/x/time/rate"
)

// calm is how many starts a second leave time to tell each of them at once. When more
// start, less is read: what is told lags behind until fewer do, and components don't feel it.
const calm = 6000

// pace lets components go first.
type pace struct {
	limit  *rate.Limiter
	opened func() int64

	at    time.Time // of the last look
	count int64
}

func newPace(opened func() int64) *pace {
	return &pace{limit: rate.NewLimiter(rate.Inf, page), opened: opened}
}

// read waits as long as those who have been read cost.
func (p *pace) read(ctx context.Context, rows int) error {
	now := time.Now()
	if count, took := p.opened(), now.Sub(p.at).Seconds(); took > 0.1 {
		starts, limit := float64(count-p.count)/took, rate.Inf
		if starts > calm {
			limit = rate.Limit(calm * calm / starts)
		}
		p.limit.SetLimit(limit)
		p.at, p.count = now, count
	}
	return p.limit.WaitN(ctx, rows)
}
