package stream

import (
	"context"
	"runtime/metrics"
	"time"

	"golang.org/x/time/rate"
)

const (
	// crowded is how long goroutines wait for a processor where those who start would
	// feel what is read for the stream.
	crowded = 250 * time.Microsecond
	// least is how many startups a second are read even then, and part of how many starts one is.
	least, part = 100, 100
	// careful is how many are read a second until it is known how busy the processors are:
	// what is behind may be much.
	careful = 2000
)

// pace lets components go first: while the processors are busy less is read than starts.
// What is told lags behind then, and catches up afterwards.
type pace struct {
	limit  *rate.Limiter
	busy   bool
	opened func() int64

	at      time.Time // of the last look
	count   int64
	waited  []uint64 // of /sched/latencies, at that time
	samples []metrics.Sample
}

func newPace(opened func() int64) *pace {
	return &pace{limit: rate.NewLimiter(rate.Inf, page), opened: opened, samples: []metrics.Sample{{Name: "/sched/latencies:seconds"}}}
}

// read waits as long as those who have been read cost.
func (p *pace) read(ctx context.Context, rows int) error {
	if now := time.Now(); now.Sub(p.at) > poll/2 {
		count, limit := p.opened(), rate.Inf
		starts := float64(count-p.count) / now.Sub(p.at).Seconds()
		if p.busy = p.crowded() && starts > least; p.busy {
			limit = rate.Limit(max(least, starts/part))
		} else if now.Sub(p.at) > 2*poll {
			limit = careful
		}
		p.limit.SetLimit(limit)
		p.at, p.count = now, count
	}
	return p.limit.WaitN(ctx, rows)
}

// crowded tells whether a tenth of all goroutines have waited for long since the last look.
func (p *pace) crowded() bool {
	metrics.Read(p.samples)
	if p.samples[0].Value.Kind() != metrics.KindFloat64Histogram {
		return false // this Go doesn't tell
	}
	h := p.samples[0].Value.Float64Histogram()
	all, long := uint64(0), uint64(0)
	for i, n := range h.Counts {
		if i < len(p.waited) {
			n -= p.waited[i]
		}
		if all += n; h.Buckets[i] >= crowded.Seconds() {
			long += n
		}
	}
	p.waited = append(p.waited[:0], h.Counts...)
	return long*10 > all
}
