package admin

import (
	"cmp"
	"context"

	"github.com/google/uuid"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/store"
)

// Profiles say what kind of thing a principal is.
var Profiles = &Kind[store.Profile, model.ProfileCreate, model.Profile]{
	typ: model.ResourceTypeProfile, noun: "profile",
	ident: func(r store.Profile) resource {
		return resource{r.ID, r.TenantKey, r.ProfileKey, r.UpdatedAt, uuid.Nil}
	},
	doc: func(r store.Profile) model.ProfileCreate {
		return model.ProfileCreate{
			ProfileKey: r.ProfileKey, Capabilities: raw(r.Capabilities), Policy: raw(r.Policy), StartupSLASeconds: r.StartupSLASeconds,
		}
	},
	view: ProfileView,
	get: func(ctx context.Context, q store.Queries, id uuid.UUID) (store.Profile, error) {
		return q.GetProfile(ctx, id)
	},
	getByKey: func(ctx context.Context, q store.Queries, tenant, key string) (store.Profile, error) {
		return q.GetProfileByKey(ctx, store.GetProfileByKeyParams{TenantKey: tenant, ProfileKey: key})
	},
	prepare: func(_ context.Context, w Write, c *model.ProfileCreate) error {
		c.StartupSLASeconds = cmp.Or(c.StartupSLASeconds, w.DefaultSLA)
		return maps(section{"capabilities", &c.Capabilities}, section{"policy", &c.Policy})
	},
	create: func(ctx context.Context, w Write, c model.ProfileCreate) (store.Profile, error) {
		return w.CreateProfile(ctx, store.CreateProfileParams{
			ID: store.NewID(w.now), TenantKey: w.tenant, CreatedAt: w.now, UpdatedAt: w.now,
			ProfileKey: c.ProfileKey, Capabilities: store.JSON(c.Capabilities), Policy: store.JSON(c.Policy), StartupSLASeconds: c.StartupSLASeconds,
		})
	},
	update: func(ctx context.Context, w Write, r store.Profile, c model.ProfileCreate) (store.Profile, error) {
		r.ProfileKey, r.Capabilities, r.Policy = c.ProfileKey, store.JSON(c.Capabilities), store.JSON(c.Policy)
		r.StartupSLASeconds, r.UpdatedAt = c.StartupSLASeconds, w.now
		_, err := w.UpdateProfile(ctx, store.UpdateProfileParams{
			ID: r.ID, UpdatedAt: r.UpdatedAt,
			ProfileKey: r.ProfileKey, Capabilities: r.Capabilities, Policy: r.Policy, StartupSLASeconds: r.StartupSLASeconds,
		})
		return r, err
	},
	remove: func(ctx context.Context, w Write, r store.Profile) error { return w.DeleteProfile(ctx, r.ID) },
}

// ProfileView is what a caller sees of a row.
func ProfileView(r store.Profile) model.Profile {
	return model.Profile{
		ID: r.ID, TenantKey: r.TenantKey, ProfileKey: r.ProfileKey,
		Capabilities: raw(r.Capabilities), Policy: raw(r.Policy), StartupSLASeconds: r.StartupSLASeconds,
		CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt,
	}
}

// ProfileRow is the row that a view is of.
func ProfileRow(v model.Profile) store.Profile {
	return store.Profile{
		ID: v.ID, TenantKey: v.TenantKey, ProfileKey: v.ProfileKey,
		Capabilities: store.JSON(v.Capabilities), Policy: store.JSON(v.Policy), StartupSLASeconds: v.StartupSLASeconds,
		CreatedAt: v.CreatedAt, UpdatedAt: v.UpdatedAt,
	}
}
