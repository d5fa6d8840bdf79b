package admin

import (
	"context"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/errs"
	"github.com/legivellum/metagate/internal/store"
)

// OpensAdmin reports whether a principal may use /v1/admin.
func (s *Service) OpensAdmin(p model.PrincipalCreate) bool {
	return p.Status == model.PrincipalStatusActive && s.Admins.Are(p.PrincipalType, p.PrincipalKey)
}

// keepAnAdmin refuses to shut the door behind a tenant's last active admin: only
// the database itself would open it again.
func keepAnAdmin(ctx context.Context, w Write, before store.Principal, after *model.PrincipalCreate) error {
	if !w.OpensAdmin(principalDoc(before)) || (after != nil && w.OpensAdmin(*after)) {
		return nil
	}
	for _, typ := range w.Admins.Types() {
		others, err := w.CountOthersOfType(ctx, store.CountOthersOfTypeParams{TenantKey: w.tenant, PrincipalType: typ, ExceptID: before.ID})
		if err != nil || others > 0 {
			return err
		}
	}
	for _, key := range w.Admins.Keys {
		p, err := w.GetPrincipalByKey(ctx, store.GetPrincipalByKeyParams{TenantKey: w.tenant, PrincipalKey: key})
		switch {
		case store.IsNotFound(err):
		case err != nil:
			return err
		case p.ID != before.ID && w.OpensAdmin(principalDoc(p)):
			return nil
		}
	}
	return errs.New(errs.LastAdmin, "principal %q is the last active admin of tenant %q: make another one first", before.PrincipalKey, w.tenant)
}
