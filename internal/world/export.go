package world

import (
	"cmp"
	"context"
	maps "maps"
	"slices"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/admin"
	"github.com/legivellum/metagate/internal/identity"
)

// Export returns a tenant's world, sorted by key: what Apply takes; with the hashes of
// its API keys if they are asked for.
func (s *Service) Export(ctx context.Context, a identity.Caller, tenant string, withKeys bool) (model.World, error) {
	tenant = cmp.Or(tenant, a.TenantKey)
	if err := a.Reach(tenant); err != nil {
		return model.World{}, err
	}
	r, err := s.read(ctx, tenant, withKeys)
	if err != nil {
		return model.World{}, err
	}
	w := r.document()
	w.APIKeys = r.goodKeys(s.Admin.Now())
	return w, nil
}

// ExportAt is Export as it was at a revision, without API keys: they have no history.
func (s *Service) ExportAt(ctx context.Context, a identity.Caller, tenant string, revision int64) (model.World, error) {
	tenant = cmp.Or(tenant, a.TenantKey)
	if err := a.Reach(tenant); err != nil {
		return model.World{}, err
	}
	r, err := s.readAt(ctx, tenant, revision)
	if err != nil {
		return model.World{}, err
	}
	return r.document(), nil
}

// document is what Apply takes, sorted by key, without API keys.
func (r *rows) document() model.World {
	bindings := r.named()
	slices.SortStableFunc(bindings, func(a, b model.WorldBinding) int {
		return cmp.Or(cmp.Compare(a.Principal, b.Principal), cmp.Compare(a.Profile, b.Profile), cmp.Compare(a.Manifest, b.Manifest))
	})
	return model.World{
		TenantKey:  r.tenant,
		SecretRefs: inOrder(r.secretRefs, admin.SecretRefs.Doc), Profiles: inOrder(r.profiles, admin.Profiles.Doc),
		Manifests: inOrder(r.manifests, admin.Manifests.Doc), Principals: inOrder(r.principals, admin.Principals.Doc),
		Bindings: bindings, Validators: inOrder(r.validators, admin.Validators.Doc),
	}
}

func inOrder[R, C any](rows map[string]R, doc func(R) C) []C {
	out := make([]C, 0, len(rows))
	for _, key := range slices.Sorted(maps.Keys(rows)) {
		out = append(out, doc(rows[key]))
	}
	return out
}
