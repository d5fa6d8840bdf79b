package admin

import (
	"cmp"
	"context"

	"github.com/google/uuid"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/store"
)

// Manifests are the worlds that principals start in.
var Manifests = &Kind[store.Manifest, model.ManifestCreate, model.Manifest]{
	typ: model.ResourceTypeManifest, noun: "manifest",
	ident: func(r store.Manifest) resource {
		return resource{r.ID, r.TenantKey, r.ManifestKey, r.UpdatedAt, uuid.Nil}
	},
	doc: func(r store.Manifest) model.ManifestCreate {
		return model.ManifestCreate{
			ManifestKey: r.ManifestKey, DeploymentKey: r.DeploymentKey,
			Environment: raw(r.Environment), Services: raw(r.Services), MemoryMap: raw(r.MemoryMap),
			Polling: raw(r.Polling), Schemas: raw(r.Schemas),
		}
	},
	view: ManifestView,
	get: func(ctx context.Context, q store.Queries, id uuid.UUID) (store.Manifest, error) {
		return q.GetManifest(ctx, id)
	},
	getByKey: func(ctx context.Context, q store.Queries, tenant, key string) (store.Manifest, error) {
		return q.GetManifestByKey(ctx, store.GetManifestByKeyParams{TenantKey: tenant, ManifestKey: key})
	},
	prepare: func(_ context.Context, w Write, c *model.ManifestCreate) error {
		c.DeploymentKey = cmp.Or(c.DeploymentKey, w.Deployment, "default")
		return maps(section{"environment", &c.Environment}, section{"services", &c.Services},
			section{"memory_map", &c.MemoryMap}, section{"polling", &c.Polling}, section{"schemas", &c.Schemas})
	},
	create: func(ctx context.Context, w Write, c model.ManifestCreate) (store.Manifest, error) {
		return w.CreateManifest(ctx, store.CreateManifestParams{
			ID: store.NewID(w.now), TenantKey: w.tenant, CreatedAt: w.now, UpdatedAt: w.now,
			ManifestKey: c.ManifestKey, DeploymentKey: c.DeploymentKey,
			Environment: store.JSON(c.Environment), Services: store.JSON(c.Services), MemoryMap: store.JSON(c.MemoryMap),
			Polling: store.JSON(c.Polling), Schemas: store.JSON(c.Schemas), Version: max(1, c.Version),
		})
	},
	update: func(ctx context.Context, w Write, r store.Manifest, c model.ManifestCreate) (store.Manifest, error) {
		r.ManifestKey, r.DeploymentKey, r.Version, r.UpdatedAt = c.ManifestKey, c.DeploymentKey, r.Version+1, w.now
		r.Environment, r.Services, r.MemoryMap = store.JSON(c.Environment), store.JSON(c.Services), store.JSON(c.MemoryMap)
		r.Polling, r.Schemas = store.JSON(c.Polling), store.JSON(c.Schemas)
		_, err := w.UpdateManifest(ctx, store.UpdateManifestParams{
			ID: r.ID, UpdatedAt: r.UpdatedAt, ManifestKey: r.ManifestKey, DeploymentKey: r.DeploymentKey,
			Environment: r.Environment, Services: r.Services, MemoryMap: r.MemoryMap, Polling: r.Polling, Schemas: r.Schemas,
		})
		return r, err
	},
	remove: func(ctx context.Context, w Write, r store.Manifest) error { return w.DeleteManifest(ctx, r.ID) },
}

// ManifestView is what a caller sees of a row.
func ManifestView(r store.Manifest) model.Manifest {
	return model.Manifest{
		ID: r.ID, TenantKey: r.TenantKey, ManifestKey: r.ManifestKey, DeploymentKey: r.DeploymentKey, Version: r.Version,
		Environment: raw(r.Environment), Services: raw(r.Services), MemoryMap: raw(r.MemoryMap),
		Polling: raw(r.Polling), Schemas: raw(r.Schemas),
		CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt,
	}
}

// ManifestRow is the row that a view is of.
func ManifestRow(v model.Manifest) store.Manifest {
	return store.Manifest{
		ID: v.ID, TenantKey: v.TenantKey, ManifestKey: v.ManifestKey, DeploymentKey: v.DeploymentKey, Version: v.Version,
		Environment: store.JSON(v.Environment), Services: store.JSON(v.Services), MemoryMap: store.JSON(v.MemoryMap),
		Polling: store.JSON(v.Polling), Schemas: store.JSON(v.Schemas), CreatedAt: v.CreatedAt, UpdatedAt: v.UpdatedAt,
	}
}
