package witness

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/legivellum/metagate/internal/errs"
	"github.com/legivellum/metagate/internal/store"
)

// settlement is a call that met a moving world again and again.
type settlement struct {
	ctx    context.Context //nolint:containedctx // its caller's
	tenant string
	call   Settlement
}

// Settlement is a call within a transaction that holds its tenant's world still:
// inside is the service as it is there, and q reads what it sees.
type Settlement func(ctx context.Context, q store.Queries, inside *Service) error

// Settle runs call where no admin's write can come between: whoever finds its
// world moved on time after time is resolved inside the write itself. Several go
// together in one transaction. The call may still be running when ctx has ended,
// so it must not touch what its caller then uses.
func (s *Service) Settle(ctx context.Context, who Identity, call Settlement) error {
	settled, err := s.settles.do(ctx, who.ID, settlement{ctx, who.TenantKey, call})
	return cmp.Or(err, settled.err)
}

type settled struct{ err error }

// settleAll locks the tenants, in one order, and makes the calls one by one. What
// the caller is refused for is its own; what the database fails at fails all.
func (s *Service) settleAll(ctx context.Context, calls []settlement) ([]settled, error) {
	out := make([]settled, len(calls))
	err := s.store.InTx(ctx, func(q store.Queries) error {
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
		inside := &Service{desk: within{q}, store: s.store, now: s.now, blueprints: s.blueprints}
		for i, c := range calls {
			err := c.ctx.Err()
			if err == nil {
				err = c.call(ctx, q, inside)
				if refused, ok := errors.AsType[*errs.Error](err); err != nil && !errors.Is(err, ErrStale) && (!ok || refused.Code == errs.Unavailable) {
					return err
				}
			}
			out[i].err = err
		}
		return nil
	})
	return out, err
}

// within is a desk in a transaction: each write by itself.
type within struct{ store.Queries }

func (w within) open(ctx context.Context, r store.OpenStartupParams) (bool, error) {
	n, err := w.OpenStartup(ctx, r)
	return n == 1, err
}

func (w within) report(ctx context.Context, r store.ReportStartupParams) (store.Reported, error) {
	n, err := w.ReportStartup(ctx, r)
	if err != nil || n == 0 {
		return store.Reported{}, err
	}
	return store.Reported{Status: r.Status, At: *cmp.Or(r.ReadyAt, r.FailedAt)}, nil
}
