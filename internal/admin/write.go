package admin

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/legivellum/metagate/gen/api"
	"github.com/legivellum/metagate/internal/errs"
	"github.com/legivellum/metagate/internal/store"
)

// errUnchanged rolls a write back that would change nothing.
var errUnchanged = errors.New("unchanged")

// write runs fn in a transaction that holds the tenant's revision.
func (s *Service) write(ctx context.Context, a Actor, tenant string, fn func(write) error) error {
	if !s.sees(a, tenant) {
		return errs.New(errs.Forbidden, "tenant %q is not yours (ADMIN_ALLOW_CROSS_TENANT)", tenant)
	}
	err := s.Store.InTx(ctx, func(q store.Queries) error {
		if err := q.BumpRevision(ctx, tenant); err != nil {
			return err
		}
		return fn(write{Service: s, Queries: q, actor: a, tenant: tenant, now: s.Now()})
	})
	if errors.Is(err, errUnchanged) {
		return nil
	}
	return store.Classify(err)
}

// sees reports whether the actor may see and change rows of tenant.
func (s *Service) sees(a Actor, tenant string) bool { return s.AnyTenant || a.Tenant == tenant }

// Scope is the tenant that a list shows to the actor; nil is all of them.
func (s *Service) Scope(a Actor) *string {
	if s.AnyTenant {
		return nil
	}
	return &a.Tenant
}

func (w write) audit(ctx context.Context, action api.AuditEntryAction, typ api.ResourceType, of identity, before, after any) error {
	b, err := document(before)
	if err != nil {
		return err
	}
	a, err := document(after)
	if err != nil {
		return err
	}
	return w.CreateAuditEntry(ctx, store.CreateAuditEntryParams{
		ID: store.NewID(w.now), TenantKey: of.tenant, CreatedAt: w.now,
		Actor: w.actor.Key, AuthMethod: string(w.actor.Method),
		RequestID: w.actor.RequestID, RemoteAddr: w.actor.RemoteAddr,
		Action: string(action), ResourceType: string(typ), ResourceID: of.id, ResourceKey: of.key,
		Before: b, After: a,
	})
}

func document(v any) (store.JSON, error) {
	if v == nil {
		return nil, nil
	}
	return json.Marshal(v)
}
