package server

import (
	"context"
	"sync"
	"time"

	"github.com/legivellum/metagate/internal/witness"
)

// deadlineStep is how much later than its deadline a request may be told of it.
const deadlineStep = 20 * time.Millisecond

// deadlines has one timer for all requests whose deadlines are of the same step: one
// for each costs a request more than to authenticate it.
type deadlines struct {
	mu    sync.Mutex
	late  chan struct{} // closed at until
	until time.Time     // as the monotonic clock has it: others may go back
}

// channel is closed after deadline, which is later than now.
func (t *deadlines) channel(now, deadline time.Time) <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	if ahead := t.until.Sub(deadline); t.late == nil || ahead < 0 || ahead > deadlineStep {
		late := make(chan struct{})
		t.late, t.until = late, deadline.Add(deadlineStep)
		time.AfterFunc(t.until.Sub(now), func() { close(late) })
	}
	return t.late
}

// timed is a request's context. Who waits for many of them waits for HungUp and
// Late; for anybody else Done sets a timer.
type timed struct {
	context.Context // without the deadline
	deadline        time.Time
	late            <-chan struct{}

	mu     sync.Mutex
	usual  context.Context //nolint:containedctx // with the deadline, if somebody asked for it
	cancel context.CancelFunc
}

var _ witness.Hurried = (*timed)(nil)

// within bounds a request that began now.
func (t *deadlines) within(base context.Context, now time.Time, d time.Duration) *timed {
	deadline := now.Add(d)
	return &timed{Context: base, deadline: deadline, late: t.channel(now, deadline)}
}

// HungUp is closed when the caller has gone.
func (c *timed) HungUp() <-chan struct{} { return c.Context.Done() }

// Late is closed a little after the deadline.
func (c *timed) Late() <-chan struct{} { return c.late }

func (c *timed) Deadline() (time.Time, bool) { return c.deadline, true }

func (c *timed) Done() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.usual == nil {
		c.usual, c.cancel = context.WithDeadline(c.Context, c.deadline)
	}
	return c.usual.Done()
}

// Err looks at all three itself: what Done is of may learn a moment later than HungUp
// and Late that it is over.
func (c *timed) Err() error {
	if err := c.Context.Err(); err != nil {
		return err
	}
	if !time.Now().Before(c.deadline) {
		return context.DeadlineExceeded
	}
	if usual := c.asked(); usual != nil {
		return usual.Err()
	}
	return nil
}

// Value lets package context find what Done is of, so that no goroutine has to wait for it.
func (c *timed) Value(key any) any {
	if usual := c.asked(); usual != nil {
		return usual.Value(key)
	}
	return c.Context.Value(key)
}

func (c *timed) asked() context.Context {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.usual
}

// end is of a request that was answered.
func (c *timed) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cancel != nil {
		c.cancel()
	}
}
