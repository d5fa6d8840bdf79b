package admin

import (
	"context"
	"errors"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/store"
)

// Change is what a write makes of one resource, as it is seen: a model.Principal,
// model.Profile and so on. Before is nil for one that is created, After for one that is deleted.
type Change struct {
	Type          model.ResourceType
	Before, After any
}

// Judge tells whether the operator's validators let a write be that changes a tenant's world
// of a revision. A refusal has code VALIDATOR_DENIED; ErrMoved is of a tenant that isn't at that
// revision any more. Without a lock it reads for itself; behind one, from q.
type Judge func(ctx context.Context, q store.Queries, tenant string, revision int64, changes []Change) ([]model.ValidatorFinding, error)

// rehearsals is how often a write is tried out and judged without a lock, so that nobody
// waits for that; in a world that moves on each time it is then judged behind the lock.
const rehearsals = 3

// rehearsed rolls a write back that is to be judged first.
type rehearsed struct{ revision int64 }

func (rehearsed) Error() string { return "rehearsed" }

// writeJudged is a transaction after another: what fn would change is rolled back and
// judged, and done if the tenant is still at that revision.
func (s *Service) writeJudged(ctx context.Context, w Write, fn func(Write) error) error {
	judged := int64(-1)
	for try := range rehearsals + 1 {
		var changes []Change
		err := s.Store.InTx(ctx, func(q store.Queries) error {
			at, err := q.LockTenant(ctx, store.LockTenantParams{TenantKey: w.tenant, Epoch: newEpoch()})
			if err != nil {
				return err
			}
			w := w.on(at.Revision)
			w.Queries = q
			if err := fn(w); err != nil {
				return err
			}
			if changes = *w.changes; at.Revision != judged {
				if err := w.judge(ctx, at.Revision, try == rehearsals); err != nil {
					return err
				}
			}
			return w.move(ctx, q, at.Epoch)
		})
		r, ok := errors.AsType[rehearsed](err)
		if !ok {
			return err
		}
		found, err := s.Judge(ctx, nil, w.tenant, r.revision, changes)
		switch {
		case errors.Is(err, ErrMoved):
			continue
		case err != nil:
			return err
		}
		warn(ctx, found)
		judged = r.revision
	}
	return ErrMoved // never: the last try is judged where it is
}

// judge lets a write be that no validator can be about; another is rehearsed first, or
// judged here.
func (w Write) judge(ctx context.Context, revision int64, here bool) error {
	if w.Judge == nil || *w.judged || len(*w.changes) == 0 {
		return nil
	}
	if has, err := w.HasValidators(ctx, w.tenant); err != nil || !has {
		return err
	}
	if !here {
		return rehearsed{revision}
	}
	found, err := w.Judge(ctx, w.Queries, w.tenant, revision, *w.changes)
	if err == nil {
		warn(ctx, found)
	}
	return err
}

// Judged is of a write whose plan was judged already.
func (w Write) Judged() { *w.judged = true }

type warningsKey struct{}

// WithWarnings is a context whose writes tell into what validators warn of.
func WithWarnings(ctx context.Context, into *[]model.ValidatorFinding) context.Context {
	return context.WithValue(ctx, warningsKey{}, into)
}

func warn(ctx context.Context, found []model.ValidatorFinding) {
	if into, ok := ctx.Value(warningsKey{}).(*[]model.ValidatorFinding); ok {
		*into = found
	}
}
