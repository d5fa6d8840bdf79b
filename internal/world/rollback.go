package world

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"

	"github.com/oapi-codegen/nullable"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/identity"
	"github.com/legivellum/metagate/internal/store"
)

// Rollback makes a tenant's world as it was at a revision: an apply of it with prune, which
// makes a revision of its own. Principals that are disabled now stay so unless they
// are named, those that are gone come back disabled, and no API key comes back: whose
// tokens were shut out stays out.
func (s *Service) Rollback(ctx context.Context, a identity.Caller, in model.Rollback) (model.Plan, error) {
	tenant := cmp.Or(in.TenantKey, a.TenantKey)
	if err := a.Reach(tenant); err != nil {
		return model.Plan{}, err
	}
	then, err := s.readAt(ctx, tenant, in.Revision)
	if err != nil {
		return model.Plan{}, err
	}
	enable := map[string]bool{}
	for _, key := range in.Enable {
		enable[key] = true
	}
	return s.Apply(ctx, a, Apply{World: then.past(), Prune: true, DryRun: in.DryRun, Past: &Past{Enable: enable}})
}

// Past is of a document that is a revision of the same tenant.
type Past struct {
	Enable map[string]bool // the principals that may become active again, by key

	only bool // it is compared, and nothing is written: no rule but what it says
}

// past is the world as a document that an apply takes; manifests that are gone come back
// under their version.
func (r *rows) past() model.World {
	w := r.document()
	for i := range w.Manifests {
		w.Manifests[i].Version = r.manifests[w.Manifests[i].ManifestKey].Version
	}
	return w
}

// principals are a past document's: of those that are disabled now, or gone, only who is
// named becomes active; the others that were are told.
func (p *Past) principals(docs []model.PrincipalCreate, now map[string]store.Principal) (out []model.PrincipalCreate, disabled []string) {
	out = slices.Clone(docs)
	for i, d := range docs {
		if now[d.PrincipalKey].Status == string(model.PrincipalStatusActive) || p.Enable[d.PrincipalKey] {
			continue
		}
		if d.Status == model.PrincipalStatusActive {
			disabled = append(disabled, d.PrincipalKey)
		}
		out[i].Status = model.PrincipalStatusDisabled
	}
	return out, disabled
}

// Diff is what changed between two revisions, in the shape of a dry run; to is the present
// one where it is nil.
func (s *Service) Diff(ctx context.Context, a identity.Caller, tenant string, from int64, to *int64) (model.Plan, error) {
	tenant = cmp.Or(tenant, a.TenantKey)
	if err := a.Reach(tenant); err != nil {
		return model.Plan{}, err
	}
	before, err := s.readAt(ctx, tenant, from)
	if err != nil {
		return model.Plan{}, err
	}
	var after *rows
	if to == nil {
		after, err = s.read(ctx, tenant, false)
	} else {
		after, err = s.readAt(ctx, tenant, *to)
	}
	if err != nil {
		return model.Plan{}, err
	}
	in := Apply{World: after.past(), Prune: true, DryRun: true, Past: &Past{only: true}}
	p, err := s.plan(ctx, s.Admin.Store, a, in, before)
	if err != nil {
		return model.Plan{}, err
	}
	out := p.answer(in)
	out.Changes = slices.DeleteFunc(out.Changes, func(c model.PlanChange) bool { return c.Action == model.PlanActionUnchanged })
	return out, s.blastRadius(ctx, tenant, p, &out)
}

func revisionView(e store.ListRevisionsRow) model.Revision {
	v := model.Revision{
		Revision: *e.Revision, CreatedAt: e.CreatedAt, Actor: e.Actor, AuthMethod: model.AuthMethod(e.AuthMethod), RequestID: e.RequestID,
		Credential: nullable.NewNullNullable[json.RawMessage](), Reason: nullable.NewNullNullable[string](),
	}
	if e.Credential != nil {
		v.Credential.Set(json.RawMessage(e.Credential))
	}
	if e.Reason != nil {
		v.Reason.Set(*e.Reason)
	}
	return v
}
