package admin

import (
	"context"
	"fmt"
	"slices"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/errs"
	"github.com/legivellum/metagate/internal/identity"
	"github.com/legivellum/metagate/internal/store"
)

// opensAdmin reports whether a principal may use /v1/admin.
func (s *Service) opensAdmin(p model.PrincipalCreate) bool {
	return p.Status == model.PrincipalStatusActive && (p.PrincipalType == identity.TypeAdmin || slices.Contains(s.AdminKeys, p.PrincipalKey))
}

// keepAnAdmin refuses to shut the door behind a tenant's last active admin: only
// the database itself would open it again.
func keepAnAdmin(ctx context.Context, w write, before store.Principal, after *model.PrincipalCreate) error {
	if !w.opensAdmin(principalDoc(before)) || (after != nil && w.opensAdmin(*after)) {
		return nil
	}
	others, err := w.CountOtherAdmins(ctx, store.CountOtherAdminsParams{TenantKey: w.tenant, ExceptID: before.ID})
	if err != nil || others > 0 {
		return err
	}
	for _, key := range w.AdminKeys {
		p, err := w.GetPrincipalByKey(ctx, store.GetPrincipalByKeyParams{TenantKey: w.tenant, PrincipalKey: key})
		switch {
		case store.IsNotFound(err):
		case err != nil:
			return err
		case p.ID != before.ID && w.opensAdmin(principalDoc(p)):
			return nil
		}
	}
	return errs.New(errs.LastAdmin, "principal %q is the last active admin of tenant %q: make another one first", before.PrincipalKey, w.tenant)
}

// admins refuses a plan after which its caller, or everybody, were no admin.
func (p *plan) admins(s *Service, a identity.Caller, docs []model.PrincipalCreate) {
	left := false
	for _, d := range p.after.principals {
		left = left || s.opensAdmin(d)
	}
	for i, d := range docs {
		if !s.opensAdmin(p.before.principals[d.PrincipalKey]) || s.opensAdmin(p.after.principals[d.PrincipalKey]) {
			continue
		}
		at := fmt.Sprintf("/principals/%d", i)
		switch {
		case d.PrincipalKey == a.PrincipalKey && p.tenant == a.TenantKey:
			p.fail(at, errs.New(errs.LastAdmin, "principal %q applies this and would be no active admin any more", d.PrincipalKey))
		case !left:
			p.fail(at, errs.New(errs.LastAdmin, "tenant %q would have no active admin any more", p.tenant))
		}
	}
}
