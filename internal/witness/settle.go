package witness

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/legivellum/metagate/internal/errs"
	"github.com/legivellum/metagate/internal/identity"
	"github.com/legivellum/metagate/internal/store"
)

// maxStale is how often a call is repeated because its world moved on.
const maxStale = 3

// current makes a call as the caller is known, and again with the caller read anew
// while that is stale; when the world goes on moving, within a transaction that
// holds it still: whoever finds it moved on time after time is resolved inside the
// write itself.
func current[T any](ctx context.Context, s *Service, who identity.Caller, call func(context.Context, *Service, identity.Caller) (T, error)) (out T, err error) {
	for range maxStale {
		if out, err = call(ctx, s, who); !errors.Is(err, errStale) {
			return out, err
		}
		if who, err = who.Again(ctx, s.store); err != nil {
			return out, err
		}
	}
	return settle(ctx, s, who, call)
}

// settle is apart from current for what its closure keeps: nearly no call comes here.
func settle[T any](ctx context.Context, s *Service, who identity.Caller, call func(context.Context, *Service, identity.Caller) (T, error)) (out T, err error) {
	// Beside this goroutine, which may be gone by then: so it is told when it is done.
	done := make(chan T, 1)
	held := who.TenantKey
	settled, err := s.settles.do(ctx, who.ID, settlement{ctx, held, func(ctx context.Context, q store.Queries, inside *Service) error {
		who, err := who.Again(ctx, q)
		if err == nil && who.TenantKey != held {
			err = errStale
		}
		if err != nil {
			return err
		}
		out, err := call(ctx, inside, who)
		if err == nil {
			select {
			case <-done: // of a transaction that was rolled back, with others in it
			default:
			}
			done <- out
		}
		return err
	}})
	switch err = cmp.Or(err, settled.err); {
	case err == nil:
		return <-done, nil
	case errors.Is(err, errStale): // it changed its tenant
		err = errs.Wrap(err, errs.Unavailable, "the world is changing: try again")
	}
	return out, err
}

// settlement is a call within a transaction that holds its tenant's world still:
// inside is the service as it is there, and q reads what it sees. Several go
// together in one transaction.
type settlement struct {
	ctx    context.Context //nolint:containedctx // its caller's
	tenant string
	call   func(ctx context.Context, q store.Queries, inside *Service) error
}

type settled struct{ err error }

// settleAll locks the tenants, in one order, and makes the calls one by one. What
// the caller is refused for is its own; what the database fails at fails all.
func (s *Service) settleAll(ctx context.Context, calls []settlement) ([]settled, error) {
	out := make([]settled, len(calls))
	var loaded map[blueprintKey]blueprintAt
	err := s.store.InTx(ctx, func(q store.Queries) error {
		loaded = make(map[blueprintKey]blueprintAt)
		var tenants []string
		for _, c := range calls {
			tenants = append(tenants, c.tenant)
		}
		slices.Sort(tenants)
		for _, tenant := range slices.Compact(tenants) {
			if _, err := q.LockTenant(ctx, store.LockTenantParams{TenantKey: tenant}); err != nil {
				return err
			}
		}
		inside := &Service{desk: within{q, loaded}, store: s.store, now: s.now, blueprints: s.blueprints, keepPackets: s.keepPackets}
		for i, c := range calls {
			err := c.ctx.Err()
			if err == nil {
				err = c.call(ctx, q, inside)
				if refused, ok := errors.AsType[*errs.Error](err); err != nil && !errors.Is(err, errStale) && (!ok || refused.Code == errs.Unavailable) {
					return err
				}
			}
			out[i].err = err
		}
		return nil
	})
	if err == nil {
		for key, b := range loaded {
			s.blueprints.cache.Set(key, b)
		}
	}
	return out, err
}

// within is a desk in a transaction: each write by itself. What it loaded is for its own
// calls until it has committed.
type within struct {
	store.Queries
	loaded map[blueprintKey]blueprintAt
}

func (w within) open(ctx context.Context, r store.OpenStartupParams) (store.Opening, error) {
	n, err := w.OpenStartup(ctx, r)
	if err != nil || n == 1 {
		return store.Opened, err
	}
	_, err = w.GetStartup(ctx, r.ID)
	if store.IsNotFound(err) {
		return store.Stale, nil
	}
	return store.Repeated, err
}

func (w within) tx(_ context.Context, fn func(store.Queries) error) error { return fn(w.Queries) }

func (w within) report(ctx context.Context, r store.ReportStartupParams) (store.Reported, error) {
	n, err := w.ReportStartup(ctx, r)
	if err != nil || n == 0 {
		return store.Reported{}, err
	}
	return store.Reported{Status: r.Status, At: *cmp.Or(r.ReadyAt, r.FailedAt)}, nil
}
