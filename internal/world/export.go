package world

import (
	"cmp"
	"context"
	maps "maps"
	"slices"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/admin"
	"github.com/legivellum/metagate/internal/errs"
	"github.com/legivellum/metagate/internal/identity"
)

// Export returns a tenant's world, sorted by key: what Apply takes.
func (s *Service) Export(ctx context.Context, a identity.Caller, tenant string) (model.World, error) {
	tenant = cmp.Or(tenant, a.TenantKey)
	if !a.Sees(tenant) {
		return model.World{}, errs.New(errs.Forbidden, "tenant %q is not yours (ADMIN_ALLOW_CROSS_TENANT)", tenant)
	}
	r, err := s.read(ctx, tenant)
	if err != nil {
		return model.World{}, err
	}
	bindings := r.named()
	slices.SortStableFunc(bindings, func(a, b model.WorldBinding) int {
		return cmp.Or(cmp.Compare(a.Principal, b.Principal), cmp.Compare(a.Profile, b.Profile), cmp.Compare(a.Manifest, b.Manifest))
	})
	return model.World{
		TenantKey:  tenant,
		SecretRefs: inOrder(r.secretRefs, admin.SecretRefs.Doc), Profiles: inOrder(r.profiles, admin.Profiles.Doc),
		Manifests: inOrder(r.manifests, admin.Manifests.Doc), Principals: inOrder(r.principals, admin.Principals.Doc),
		Bindings: bindings,
	}, nil
}

func inOrder[R, C any](rows map[string]R, doc func(R) C) []C {
	out := make([]C, 0, len(rows))
	for _, key := range slices.Sorted(maps.Keys(rows)) {
		out = append(out, doc(rows[key]))
	}
	return out
}
