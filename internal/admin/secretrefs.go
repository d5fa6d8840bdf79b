package admin

import (
	"cmp"
	"context"

	"github.com/google/uuid"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/errs"
	"github.com/legivellum/metagate/internal/store"
)

// SecretRefs say where secrets are to be found.
var SecretRefs = &Kind[store.SecretRef, model.SecretRefCreate, model.SecretRef]{
	typ: model.ResourceTypeSecretRef, noun: "secret reference",
	ident: func(r store.SecretRef) resource {
		return resource{r.ID, r.TenantKey, r.SecretKey, r.UpdatedAt, uuid.Nil}
	},
	doc: func(r store.SecretRef) model.SecretRefCreate {
		return model.SecretRefCreate{
			SecretKey: r.SecretKey, RefKind: model.RefKind(r.RefKind), RefName: r.RefName,
			RefMeta: raw(r.RefMeta), Status: model.SecretRefStatus(r.Status),
		}
	},
	view: SecretRefView,
	get: func(ctx context.Context, q store.Queries, id uuid.UUID) (store.SecretRef, error) {
		return q.GetSecretRef(ctx, id)
	},
	getByKey: func(ctx context.Context, q store.Queries, tenant, key string) (store.SecretRef, error) {
		return q.GetSecretRefByKey(ctx, store.GetSecretRefByKeyParams{TenantKey: tenant, SecretKey: key})
	},
	prepare: func(_ context.Context, _ Write, c *model.SecretRefCreate) error {
		c.Status = cmp.Or(c.Status, model.SecretRefStatusActive)
		c.RefKind = cmp.Or(c.RefKind, model.RefKindEnv)
		return errs.Merge(refKind(c.RefKind), maps(section{"ref_meta", &c.RefMeta}))
	},
	create: func(ctx context.Context, w Write, c model.SecretRefCreate) (store.SecretRef, error) {
		return w.CreateSecretRef(ctx, store.CreateSecretRefParams{
			ID: store.NewID(w.now), TenantKey: w.tenant, CreatedAt: w.now, UpdatedAt: w.now,
			SecretKey: c.SecretKey, RefKind: string(c.RefKind), RefName: c.RefName, RefMeta: store.JSON(c.RefMeta), Status: string(c.Status),
		})
	},
	update: func(ctx context.Context, w Write, r store.SecretRef, c model.SecretRefCreate) (store.SecretRef, error) {
		r.SecretKey, r.RefKind, r.RefName, r.RefMeta = c.SecretKey, string(c.RefKind), c.RefName, store.JSON(c.RefMeta)
		r.Status, r.UpdatedAt = string(c.Status), w.now
		_, err := w.UpdateSecretRef(ctx, store.UpdateSecretRefParams{
			ID: r.ID, UpdatedAt: r.UpdatedAt,
			SecretKey: r.SecretKey, RefKind: r.RefKind, RefName: r.RefName, RefMeta: r.RefMeta, Status: r.Status,
		})
		return r, err
	},
	remove: func(ctx context.Context, w Write, r store.SecretRef) error { return w.DeleteSecretRef(ctx, r.ID) },
}

// SecretRefView is what a caller sees of a row.
func SecretRefView(r store.SecretRef) model.SecretRef {
	return model.SecretRef{
		ID: r.ID, TenantKey: r.TenantKey, SecretKey: r.SecretKey, RefKind: model.RefKind(r.RefKind), RefName: r.RefName,
		RefMeta: raw(r.RefMeta), Status: model.SecretRefStatus(r.Status), CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt,
	}
}

// refKind refuses every other kind of reference, and the one that contract 1 keeps for
// later by its name.
func refKind(kind model.RefKind) error {
	detail := "must be env or file"
	switch kind {
	case model.RefKindEnv, model.RefKindFile:
		return nil
	case "keygate":
		detail = "keygate is reserved for a later version: use env or file"
	}
	return errs.At(errs.InvalidRequest, "ref_kind "+detail, errs.Place{Pointer: "/ref_kind", Detail: detail})
}

// SecretRefRow is the row that a view is of.
func SecretRefRow(v model.SecretRef) store.SecretRef {
	return store.SecretRef{
		ID: v.ID, TenantKey: v.TenantKey, SecretKey: v.SecretKey, RefKind: string(v.RefKind), RefName: v.RefName,
		RefMeta: store.JSON(v.RefMeta), Status: string(v.Status), CreatedAt: v.CreatedAt, UpdatedAt: v.UpdatedAt,
	}
}
