package component

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	firstPause = 100 * time.Millisecond
	longPause  = 2 * time.Second
	// least is the time that an attempt is worth being made for.
	least = 100 * time.Millisecond
)

// call asks the addresses in turn until one answers, or the budget is spent.
func (c *caller) call(ctx context.Context, r request) error {
	n := len(c.Addresses)
	end := c.clock.now().Add(r.budget)
	notBefore, causes := make([]time.Time, n), make([]error, n)
	for round, attempts := 0, 0; ; round++ {
		first := int(c.preferred.Load())
		for k := range n {
			i := (first + k) % n
			now := c.clock.now()
			if notBefore[i].After(now) || !end.After(now) {
				continue
			}
			attempts++
			err := c.attempt(ctx, c.Addresses[i], r, min(c.timeout(r.budget), end.Sub(now)))
			if err == nil {
				c.preferred.Store(int64(i))
				return nil
			}
			causes[i] = fmt.Errorf("%s: %w", c.Addresses[i], err)
			if !mends(err) {
				return causes[i]
			}
			if ctx.Err() != nil {
				return ended(ctx.Err(), causes)
			}
			c.Logger.WarnContext(ctx, "MetaGate gave no answer", "address", c.Addresses[i], "path", r.path, "error", err)
			if p := (*Problem)(nil); errors.As(err, &p) {
				notBefore[i] = c.clock.now().Add(p.RetryAfter)
			}
		}
		pause, worthIt := c.pause(round, notBefore, end)
		if !worthIt {
			return &unavailable{attempts, r.budget, told(causes)}
		}
		if err := c.clock.sleep(ctx, pause); err != nil {
			return ended(err, causes)
		}
	}
}

// pause is how long to wait after a round: until an address may be asked again, and a
// random time on top. It leaves time for an attempt, or isn't worth it.
func (c *caller) pause(round int, notBefore []time.Time, end time.Time) (pause time.Duration, worthIt bool) {
	now := c.clock.now()
	earliest := notBefore[0]
	for _, t := range notBefore[1:] {
		if t.Before(earliest) {
			earliest = t
		}
	}
	if earliest.Before(now) {
		earliest = now
	}
	left := end.Sub(earliest) - least
	if left < least { // or the pauses would get shorter and shorter
		return 0, false
	}
	ceiling := min(firstPause<<min(round, 10), longPause, left)
	return earliest.Sub(now) + c.clock.jitter(ceiling), true
}

// ended is that the context of a call has, and what went wrong before.
func ended(err error, all []error) error {
	return fmt.Errorf("%w; at the last attempts: %w", err, told(all))
}

// told are the causes that there are: an address that was never asked has none.
func told(all []error) (out causes) {
	for _, cause := range all {
		if cause != nil {
			out = append(out, cause)
		}
	}
	return out
}
