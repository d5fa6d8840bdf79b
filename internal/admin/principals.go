package admin

import (
	"cmp"
	"context"

	"github.com/google/uuid"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/store"
)

// Principals are who is speaking.
var Principals = &Kind[store.Principal, model.PrincipalCreate, model.Principal]{
	typ: model.ResourceTypePrincipal, noun: "principal",
	ident: func(r store.Principal) resource {
		return resource{r.ID, r.TenantKey, r.PrincipalKey, r.UpdatedAt, r.ID}
	},
	doc:  principalDoc,
	view: PrincipalView,
	get: func(ctx context.Context, q store.Queries, id uuid.UUID) (store.Principal, error) {
		return q.GetPrincipal(ctx, id)
	},
	getByKey: func(ctx context.Context, q store.Queries, tenant, key string) (store.Principal, error) {
		return q.GetPrincipalByKey(ctx, store.GetPrincipalByKeyParams{TenantKey: tenant, PrincipalKey: key})
	},
	prepare: func(_ context.Context, _ Write, c *model.PrincipalCreate) error {
		c.PrincipalType = cmp.Or(c.PrincipalType, "component")
		c.Status = cmp.Or(c.Status, model.PrincipalStatusActive)
		return nil
	},
	create: func(ctx context.Context, w Write, c model.PrincipalCreate) (store.Principal, error) {
		return w.CreatePrincipal(ctx, store.CreatePrincipalParams{
			ID: store.NewID(w.now), TenantKey: w.tenant, CreatedAt: w.now, UpdatedAt: w.now,
			PrincipalKey: c.PrincipalKey, AuthSubject: c.AuthSubject, PrincipalType: c.PrincipalType, Status: string(c.Status),
		})
	},
	update: func(ctx context.Context, w Write, r store.Principal, c model.PrincipalCreate) (store.Principal, error) {
		r.PrincipalKey, r.AuthSubject, r.PrincipalType = c.PrincipalKey, c.AuthSubject, c.PrincipalType
		r.Status, r.UpdatedAt = string(c.Status), w.now
		_, err := w.UpdatePrincipal(ctx, store.UpdatePrincipalParams{
			ID: r.ID, UpdatedAt: r.UpdatedAt,
			PrincipalKey: r.PrincipalKey, AuthSubject: r.AuthSubject, PrincipalType: r.PrincipalType, Status: r.Status,
		})
		return r, err
	},
	remove: func(ctx context.Context, w Write, r store.Principal) error { return w.DeletePrincipal(ctx, r.ID) },
	guard:  keepAnAdmin,
}

func principalDoc(r store.Principal) model.PrincipalCreate {
	return model.PrincipalCreate{
		PrincipalKey: r.PrincipalKey, AuthSubject: r.AuthSubject,
		PrincipalType: r.PrincipalType, Status: model.PrincipalStatus(r.Status),
	}
}

// PrincipalView is what a caller sees of a row.
func PrincipalView(r store.Principal) model.Principal {
	return model.Principal{
		ID: r.ID, TenantKey: r.TenantKey, PrincipalKey: r.PrincipalKey, AuthSubject: r.AuthSubject,
		PrincipalType: r.PrincipalType, Status: model.PrincipalStatus(r.Status),
		CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt,
	}
}

// PrincipalRow is the row that a view is of.
func PrincipalRow(v model.Principal) store.Principal {
	return store.Principal{
		ID: v.ID, TenantKey: v.TenantKey, PrincipalKey: v.PrincipalKey, AuthSubject: v.AuthSubject,
		PrincipalType: v.PrincipalType, Status: string(v.Status), CreatedAt: v.CreatedAt, UpdatedAt: v.UpdatedAt,
	}
}
