package world

import (
	"context"
	maps "maps"
	"slices"

	"github.com/google/uuid"

	"github.com/legivellum/metagate/internal/store"
)

// readBoth reads the worlds of two revisions, of which to is the present one where it is nil,
// and what was written between; moved is nil where that is not known.
func (s *Service) readBoth(ctx context.Context, tenant string, from int64, to *int64) (before, after *rows, moved map[uuid.UUID]bool, err error) {
	err = s.Admin.Store.InSnapshot(ctx, func(q store.Queries) error {
		if before, err = worldAt(ctx, q, tenant, from); err != nil {
			return err
		}
		now, err := q.GetRevision(ctx, tenant)
		if err != nil && !store.IsNotFound(err) {
			return err
		}
		until := now.Revision
		if to != nil {
			until = *to
		}
		if until < from || until > now.Revision {
			after, err = worldAt(ctx, q, tenant, until)
			return err
		}
		made, err := q.ListWorldAt(ctx, store.ListWorldAtParams{TenantKey: tenant, Since: &from, Revision: &until})
		if err != nil {
			return err
		}
		after, moved, err = before.later(made, until)
		return err
	})
	return before, after, moved, err
}

// later is the world after what was made since, most of which is the same.
func (r *rows) later(made []store.ListWorldAtRow, revision int64) (after *rows, moved map[uuid.UUID]bool, err error) {
	moved = make(map[uuid.UUID]bool, len(made))
	for _, m := range made {
		moved[m.ResourceID] = true
	}
	after = &rows{
		tenant: r.tenant, revision: revision,
		secretRefs: without(r.secretRefs, moved, func(r store.SecretRef) uuid.UUID { return r.ID }),
		profiles:   without(r.profiles, moved, func(r store.Profile) uuid.UUID { return r.ID }),
		manifests:  without(r.manifests, moved, func(r store.Manifest) uuid.UUID { return r.ID }),
		principals: without(r.principals, moved, func(r store.Principal) uuid.UUID { return r.ID }),
		validators: without(r.validators, moved, func(r store.Validator) uuid.UUID { return r.ID }),
		bindings:   slices.DeleteFunc(slices.Clone(r.bindings), func(b store.Binding) bool { return moved[b.ID] }),
	}
	return after, moved, after.add(made)
}

func without[R any](all map[string]R, moved map[uuid.UUID]bool, id func(R) uuid.UUID) map[string]R {
	out := maps.Clone(all)
	maps.DeleteFunc(out, func(_ string, r R) bool { return moved[id(r)] })
	return out
}
