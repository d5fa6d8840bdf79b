package server

import (
	"context"
	"sync"
	"time"
)

// deadlineStep is how much later than its deadline a request may be told of it.
const deadlineStep = 20 * time.Millisecond

// deadlines has one timer for all requests whose deadlines are of the same step: one
// for each costs a request more than to authenticate it.
type deadlines struct {
	mu   sync.Mutex
	last int64 // the step that late is of
	late chan struct{}
}

// channel is closed at the step after d from now.
func (t *deadlines) channel(now time.Time, d time.Duration) <-chan struct{} {
	step := now.Add(d).UnixNano()/int64(deadlineStep) + 1
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.late == nil || step != t.last {
		late := make(chan struct{})
		time.AfterFunc(time.Unix(0, step*int64(deadlineStep)).Sub(now), func() { close(late) })
		t.last, t.late = step, late
	}
	return t.late
}

// timed is a request's context. Who waits for many of them waits for HungUp and
// Late (witness.Hurried); for anybody else Done sets a timer.
type timed struct {
	context.Context // without the deadline
	deadline        time.Time
	late            <-chan struct{}

	mu     sync.Mutex
	usual  context.Context //nolint:containedctx // with the deadline, if somebody asked for it
	cancel context.CancelFunc
}

// within bounds a request that began now.
func (t *deadlines) within(base context.Context, now time.Time, d time.Duration) *timed {
	return &timed{Context: base, deadline: now.Add(d), late: t.channel(now, d)}
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

func (c *timed) Err() error {
	if usual := c.asked(); usual != nil {
		return usual.Err()
	}
	if err := c.Context.Err(); err != nil {
		return err
	}
	if !time.Now().Before(c.deadline) {
		return context.DeadlineExceeded
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
