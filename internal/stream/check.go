package stream

import (
	"context"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/legivellum/metagate/internal/errs"
	"github.com/legivellum/metagate/internal/identity"
	"github.com/legivellum/metagate/internal/store"
)

// checkEvery is how often a credential is looked at though its tenant's world has not
// moved: what opens a JWT or a certificate is not in the database.
const checkEvery = time.Minute

// clock tells when a credential is to be looked at.
type clock struct {
	C       <-chan time.Time
	timer   *time.Timer
	checked time.Time
}

func newClock(who identity.Caller) *clock {
	c := &clock{checked: time.Now()}
	c.timer = time.NewTimer(c.next(who))
	c.C = c.timer.C
	return c
}

func (c *clock) next(who identity.Caller) time.Duration {
	wait := checkEvery
	if !who.ExpiresAt.IsZero() {
		wait = min(wait, max(0, time.Until(who.ExpiresAt))+time.Millisecond)
	}
	return wait
}

// due tells whether it is time.
func (c *clock) due(who identity.Caller) bool {
	return time.Since(c.checked) >= c.next(who)-time.Millisecond || !who.ExpiresAt.IsZero() && !time.Now().Before(who.ExpiresAt)
}

func (c *clock) done(who identity.Caller) {
	c.checked = time.Now()
	c.timer.Reset(c.next(who))
}

func (c *clock) stop() { c.timer.Stop() }

// check refuses a listener whose credential is good no more, or lets it see another
// tenant. What can't be found out is found out later.
func (l *listener) check(ctx context.Context, c *clock) (refused error) {
	if !c.due(l.Who) && !l.hasMoved(l.Who) {
		return nil
	}
	who, err := l.again(ctx, l.Who)
	switch {
	case err != nil && refuses(err):
		return err
	case err != nil: // the database's
		c.timer.Reset(retryWatch)
		return nil //nolint:nilerr // it is the database's, which is asked again
	case who.TenantKey != l.Who.TenantKey || who.AnyTenant != l.Who.AnyTenant:
		return errs.New(errs.Forbidden, "the principal is of another tenant now: connect again")
	}
	l.Who = who
	c.done(who)
	return nil
}

// hasMoved tells whether the world that who was read in is another now.
func (h *Hub) hasMoved(who identity.Caller) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	at, known := h.tenants[who.TenantKey]
	return known && at.epoch != who.Epoch
}

// refuses tells whether an error is a word about the caller, and not a database's.
func refuses(err error) bool {
	switch errs.From(store.Classify(err)).Code {
	case errs.Unauthenticated, errs.Forbidden, errs.NoBinding, errs.ComponentNotPermitted, errs.PrincipalMismatch:
		return true
	}
	return false
}

// credential is one of a principal.
type credential struct {
	principal uuid.UUID
	text      string
}

// check is what is known of a credential by all who listen with it.
type check struct {
	sync.Mutex
	n   int
	at  time.Time
	who identity.Caller
}

// again reads a caller anew, once for all who listen with its credential and not too
// many at a time: a thousand may have to be read when a world moves.
func (h *Hub) again(ctx context.Context, who identity.Caller) (identity.Caller, error) {
	key := credential{who.ID, string(who.Credential)}
	h.mu.Lock()
	c := h.checks[key]
	if c == nil {
		c = &check{}
		h.checks[key] = c
	}
	c.n++
	h.mu.Unlock()
	defer func() {
		h.mu.Lock()
		if c.n--; c.n == 0 && len(h.checks) > 10*h.Listeners {
			clear(h.checks) // of credentials that nobody listens with any more
		}
		h.mu.Unlock()
	}()
	c.Lock()
	defer c.Unlock()
	if !c.at.IsZero() && time.Since(c.at) < checkEvery/2 && !h.hasMoved(c.who) && (c.who.ExpiresAt.IsZero() || time.Now().Before(c.who.ExpiresAt)) {
		return c.who, nil
	}
	if err := h.reread.Wait(ctx); err != nil {
		return who, err
	}
	began := time.Now()
	fresh, err := who.Again(ctx, h.Store)
	if err == nil {
		c.at, c.who = began, fresh
	}
	return fresh, err
}
