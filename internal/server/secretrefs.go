package server

import (
	"context"

	"github.com/google/uuid"

	"github.com/legivellum/metagate/gen/api"
	"github.com/legivellum/metagate/internal/admin"
	"github.com/legivellum/metagate/internal/store"
)

// ListSecretRefs implements GET /v1/admin/secret-refs.
func (s *Server) ListSecretRefs(ctx context.Context, r api.ListSecretRefsRequestObject) (api.ListSecretRefsResponseObject, error) {
	p := r.Params
	pg, err := newPage(callerOf(ctx), p.TenantKey, p.Limit, p.Cursor, store.MinID)
	if err != nil {
		return nil, err
	}
	rows, err := s.Store.ListSecretRefs(ctx, store.ListSecretRefsParams{
		TenantKey: pg.tenant, After: pg.from, RowLimit: pg.rows(),
		SecretKey: p.SecretKey, Status: text(p.Status),
	})
	if err != nil {
		return nil, err
	}
	body, link := cut(ctx, pg, rows, admin.SecretRefView, func(r store.SecretRef) uuid.UUID { return r.ID })
	return api.ListSecretRefs200JSONResponse{Body: body, Headers: api.ListSecretRefs200ResponseHeaders{Link: link}}, nil
}

// CreateSecretRef implements POST /v1/admin/secret-refs.
func (s *Server) CreateSecretRef(ctx context.Context, r api.CreateSecretRefRequestObject) (api.CreateSecretRefResponseObject, error) {
	v, tag, err := admin.SecretRefs.Create(ctx, s.Admin, callerOf(ctx), r.Body.TenantKey, *r.Body)
	if err != nil {
		return nil, err
	}
	return api.CreateSecretRef201JSONResponse{Body: v, Headers: api.CreateSecretRef201ResponseHeaders{
		ETag: tag, Location: "/v1/admin/secret-refs/" + v.ID.String(),
	}}, nil
}

// GetSecretRef implements GET /v1/admin/secret-refs/{id}.
func (s *Server) GetSecretRef(ctx context.Context, r api.GetSecretRefRequestObject) (api.GetSecretRefResponseObject, error) {
	v, tag, err := admin.SecretRefs.Get(ctx, s.Admin, callerOf(ctx), r.ID)
	if err != nil {
		return nil, err
	}
	return api.GetSecretRef200JSONResponse{Body: v, Headers: api.GetSecretRef200ResponseHeaders{ETag: tag}}, nil
}

// UpdateSecretRef implements PATCH /v1/admin/secret-refs/{id}.
func (s *Server) UpdateSecretRef(ctx context.Context, r api.UpdateSecretRefRequestObject) (api.UpdateSecretRefResponseObject, error) {
	v, tag, err := admin.SecretRefs.Update(ctx, s.Admin, callerOf(ctx), r.ID, deref(r.Params.IfMatch), *r.JSONBody)
	if err != nil {
		return nil, err
	}
	return api.UpdateSecretRef200JSONResponse{Body: v, Headers: api.UpdateSecretRef200ResponseHeaders{ETag: tag}}, nil
}

// DeleteSecretRef implements DELETE /v1/admin/secret-refs/{id}.
func (s *Server) DeleteSecretRef(ctx context.Context, r api.DeleteSecretRefRequestObject) (api.DeleteSecretRefResponseObject, error) {
	if err := admin.SecretRefs.Delete(ctx, s.Admin, callerOf(ctx), r.ID, deref(r.Params.IfMatch)); err != nil {
		return nil, err
	}
	return api.DeleteSecretRef204Response{}, nil
}
