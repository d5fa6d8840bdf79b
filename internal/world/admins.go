package world

import (
	"fmt"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/admin"
	"github.com/legivellum/metagate/internal/errs"
	"github.com/legivellum/metagate/internal/identity"
)

// admins refuses a plan after which its caller, or everybody, were no admin.
func (p *plan) admins(s *admin.Service, a identity.Caller, docs []model.PrincipalCreate) {
	left := false
	for _, d := range p.after.principals {
		left = left || s.OpensAdmin(d)
	}
	for i, d := range docs {
		if !s.OpensAdmin(p.before.principals[d.PrincipalKey]) || s.OpensAdmin(p.after.principals[d.PrincipalKey]) {
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
