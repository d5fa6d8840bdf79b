package server

import (
	"context"

	"github.com/google/uuid"

	"github.com/legivellum/metagate/gen/api"
	"github.com/legivellum/metagate/internal/admin"
	"github.com/legivellum/metagate/internal/store"
)

// ListManifests implements GET /v1/admin/manifests.
func (s *Server) ListManifests(ctx context.Context, r api.ListManifestsRequestObject) (api.ListManifestsResponseObject, error) {
	p := r.Params
	pg, err := newPage(callerOf(ctx), p.TenantKey, p.Limit, p.Cursor, store.MinID)
	if err != nil {
		return nil, err
	}
	rows, err := s.Store.ListManifests(ctx, store.ListManifestsParams{
		TenantKey: pg.tenant, After: pg.from, RowLimit: pg.rows(),
		ManifestKey: p.ManifestKey, DeploymentKey: p.DeploymentKey,
	})
	if err != nil {
		return nil, err
	}
	body, link := cut(ctx, pg, rows, admin.ManifestView, func(r store.Manifest) uuid.UUID { return r.ID })
	return api.ListManifests200JSONResponse{Body: body, Headers: api.ListManifests200ResponseHeaders{Link: link}}, nil
}

// CreateManifest implements POST /v1/admin/manifests.
func (s *Server) CreateManifest(ctx context.Context, r api.CreateManifestRequestObject) (api.CreateManifestResponseObject, error) {
	v, tag, err := admin.Manifests.Create(ctx, s.Admin, callerOf(ctx), r.Body.TenantKey, *r.Body)
	if err != nil {
		return nil, err
	}
	return api.CreateManifest201JSONResponse{Body: v, Headers: api.CreateManifest201ResponseHeaders{
		ETag: tag, Location: "/v1/admin/manifests/" + v.ID.String(),
	}}, nil
}

// GetManifest implements GET /v1/admin/manifests/{id}.
func (s *Server) GetManifest(ctx context.Context, r api.GetManifestRequestObject) (api.GetManifestResponseObject, error) {
	v, tag, err := admin.Manifests.Get(ctx, s.Admin, callerOf(ctx), r.ID)
	if err != nil {
		return nil, err
	}
	return api.GetManifest200JSONResponse{Body: v, Headers: api.GetManifest200ResponseHeaders{ETag: tag}}, nil
}

// UpdateManifest implements PATCH /v1/admin/manifests/{id}.
func (s *Server) UpdateManifest(ctx context.Context, r api.UpdateManifestRequestObject) (api.UpdateManifestResponseObject, error) {
	v, tag, err := admin.Manifests.Update(ctx, s.Admin, callerOf(ctx), r.ID, deref(r.Params.IfMatch), *r.JSONBody)
	if err != nil {
		return nil, err
	}
	return api.UpdateManifest200JSONResponse{Body: v, Headers: api.UpdateManifest200ResponseHeaders{ETag: tag}}, nil
}

// DeleteManifest implements DELETE /v1/admin/manifests/{id}.
func (s *Server) DeleteManifest(ctx context.Context, r api.DeleteManifestRequestObject) (api.DeleteManifestResponseObject, error) {
	if err := admin.Manifests.Delete(ctx, s.Admin, callerOf(ctx), r.ID, deref(r.Params.IfMatch)); err != nil {
		return nil, err
	}
	return api.DeleteManifest204Response{}, nil
}
