package admin

import (
	"context"

	"github.com/google/uuid"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/errs"
	"github.com/legivellum/metagate/internal/store"
)

// Bindings tie a principal to a profile and a manifest, with overrides.
var Bindings = &Kind[store.Binding, model.BindingCreate, model.Binding]{
	typ: model.ResourceTypeBinding, noun: "binding",
	ident: bindingIdentity,
	doc: func(r store.Binding) model.BindingCreate {
		return model.BindingCreate{
			PrincipalID: r.PrincipalID.String(), ProfileID: r.ProfileID.String(), ManifestID: r.ManifestID.String(),
			Overrides: raw(r.Overrides), Expected: raw(r.Expected), Labels: raw(r.Labels), Active: &r.Active,
		}
	},
	view: BindingView,
	get: func(ctx context.Context, q store.Queries, id uuid.UUID) (store.Binding, error) {
		return q.GetBinding(ctx, id)
	},
	prepare: func(ctx context.Context, w Write, c *model.BindingCreate) error {
		if c.Active == nil {
			c.Active = new(true)
		}
		return errs.Merge(CheckOverrides(&c.Overrides), CheckExpected(&c.Expected, &c.Labels), w.references(ctx, c))
	},
	patch: checkRemovals,
	create: func(ctx context.Context, w Write, c model.BindingCreate) (store.Binding, error) {
		if err := w.makeRoom(ctx, uuid.Nil, c); err != nil {
			return store.Binding{}, err
		}
		return w.insertBinding(ctx, c)
	},
	update: func(ctx context.Context, w Write, r store.Binding, c model.BindingCreate) (store.Binding, error) {
		if err := w.makeRoom(ctx, r.ID, c); err != nil {
			return r, err
		}
		return w.updateBinding(ctx, r, c)
	},
	remove: func(ctx context.Context, w Write, r store.Binding) error { return w.DeleteBinding(ctx, r.ID) },
}

func bindingIdentity(r store.Binding) resource {
	return resource{r.ID, r.TenantKey, r.ID.String(), r.UpdatedAt, r.PrincipalID}
}

// references finds what a binding names in the binding's own tenant, and puts ids in
// the place of keys.
func (w Write) references(ctx context.Context, c *model.BindingCreate) error {
	principal, err1 := Principals.lookUp(ctx, w.Queries, w.tenant, c.PrincipalID)
	profile, err2 := Profiles.lookUp(ctx, w.Queries, w.tenant, c.ProfileID)
	manifest, err3 := Manifests.lookUp(ctx, w.Queries, w.tenant, c.ManifestID)
	c.PrincipalID, c.ProfileID, c.ManifestID = principal.ID.String(), profile.ID.String(), manifest.ID.String()
	return w.missing(
		reference{"/principal_id", "principal", principal.TenantKey, err1},
		reference{"/profile_id", "profile", profile.TenantKey, err2},
		reference{"/manifest_id", "manifest", manifest.TenantKey, err3},
	)
}

type reference struct {
	pointer, noun, tenant string
	err                   error
}

func (w Write) missing(refs ...reference) error {
	var places []errs.Place
	for _, r := range refs {
		switch {
		case store.IsNotFound(r.err) || (r.err == nil && r.tenant != w.tenant):
			places = append(places, errs.Place{Pointer: r.pointer, Detail: "no such " + r.noun + " in tenant " + w.tenant})
		case r.err != nil:
			return r.err
		}
	}
	if places == nil {
		return nil
	}
	return errs.At(errs.InvalidReference, "a reference leads nowhere", places...)
}

// insertBinding and updateBinding write a binding for which there is room.
func (w Write) insertBinding(ctx context.Context, c model.BindingCreate) (store.Binding, error) {
	return w.CreateBinding(ctx, store.CreateBindingParams{
		ID: store.NewID(w.now), TenantKey: w.tenant, CreatedAt: w.now, UpdatedAt: w.now,
		PrincipalID: idOf(c.PrincipalID), ProfileID: idOf(c.ProfileID), ManifestID: idOf(c.ManifestID),
		Overrides: store.JSON(c.Overrides), Active: *c.Active, Expected: store.JSON(c.Expected), Labels: store.JSON(c.Labels),
	})
}

func (w Write) updateBinding(ctx context.Context, r store.Binding, c model.BindingCreate) (store.Binding, error) {
	r.ProfileID, r.ManifestID, r.Overrides, r.Active, r.UpdatedAt = idOf(c.ProfileID), idOf(c.ManifestID), store.JSON(c.Overrides), *c.Active, w.now
	r.Expected, r.Labels = store.JSON(c.Expected), store.JSON(c.Labels)
	_, err := w.UpdateBinding(ctx, store.UpdateBindingParams{
		ID: r.ID, UpdatedAt: r.UpdatedAt, ProfileID: r.ProfileID, ManifestID: r.ManifestID, Overrides: r.Overrides, Active: r.Active,
		Expected: r.Expected, Labels: r.Labels,
	})
	return r, err
}

// makeRoom deactivates the binding that was active before an active one (contract 2).
func (w Write) makeRoom(ctx context.Context, id uuid.UUID, c model.BindingCreate) error {
	if !*c.Active {
		return nil
	}
	rows, err := w.ListBindings(ctx, store.ListBindingsParams{PrincipalID: new(idOf(c.PrincipalID)), Active: new(true), RowLimit: 1})
	if err != nil || len(rows) == 0 || rows[0].ID == id {
		return err
	}
	return w.Deactivate(ctx, rows[0])
}

// PlaceBinding writes a binding for which there is room, and its audit entry.
func (w Write) PlaceBinding(ctx context.Context, c model.BindingCreate) (store.Binding, error) {
	row, err := w.insertBinding(ctx, c)
	if err != nil {
		return row, err
	}
	return row, w.Audit(ctx, model.AuditEntryActionCreate, model.ResourceTypeBinding, bindingIdentity(row), nil, BindingView(row))
}

// ReplaceBinding is PlaceBinding in the place of a row.
func (w Write) ReplaceBinding(ctx context.Context, before store.Binding, c model.BindingCreate) error {
	after, err := w.updateBinding(ctx, before, c)
	if err != nil {
		return err
	}
	return w.Audit(ctx, model.AuditEntryActionUpdate, model.ResourceTypeBinding, bindingIdentity(after), BindingView(before), BindingView(after))
}

// Deactivate leaves a binding to its history.
func (w Write) Deactivate(ctx context.Context, before store.Binding) error {
	return w.ReplaceBinding(ctx, before, model.BindingCreate{
		ProfileID: before.ProfileID.String(), ManifestID: before.ManifestID.String(), Overrides: raw(before.Overrides), Active: new(false),
		Expected: raw(before.Expected), Labels: raw(before.Labels),
	})
}

// BindingView is what a caller sees of a row.
func BindingView(r store.Binding) model.Binding {
	return model.Binding{
		ID: r.ID, TenantKey: r.TenantKey, PrincipalID: r.PrincipalID, ProfileID: r.ProfileID, ManifestID: r.ManifestID,
		Overrides: raw(r.Overrides), Expected: raw(r.Expected), Labels: raw(r.Labels), Active: r.Active, CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt,
	}
}

// BindingRow is the row that a view is of.
func BindingRow(v model.Binding) store.Binding {
	return store.Binding{
		ID: v.ID, TenantKey: v.TenantKey, PrincipalID: v.PrincipalID, ProfileID: v.ProfileID, ManifestID: v.ManifestID,
		Overrides: store.JSON(v.Overrides), Expected: store.JSON(v.Expected), Labels: store.JSON(v.Labels),
		Active: v.Active, CreatedAt: v.CreatedAt, UpdatedAt: v.UpdatedAt,
	}
}
