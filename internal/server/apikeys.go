package server

import (
	"context"

	"github.com/google/uuid"

	"github.com/legivellum/metagate/gen/api"
	"github.com/legivellum/metagate/internal/admin"
	"github.com/legivellum/metagate/internal/store"
)

// ListAPIKeys implements GET /v1/admin/api-keys.
func (s *Server) ListAPIKeys(ctx context.Context, r api.ListAPIKeysRequestObject) (api.ListAPIKeysResponseObject, error) {
	p := r.Params
	pg, err := newPage(callerOf(ctx), p.TenantKey, p.Limit, p.Cursor, store.MinID)
	if err != nil {
		return nil, err
	}
	rows, err := s.Store.ListAPIKeys(ctx, store.ListAPIKeysParams{
		TenantKey: pg.tenant, After: pg.from, RowLimit: pg.rows(),
		PrincipalID: p.PrincipalID, Status: text(p.Status),
	})
	if err != nil {
		return nil, err
	}
	body, link := cut(ctx, pg, rows, admin.APIKeyView, func(r store.APIKey) uuid.UUID { return r.ID })
	return api.ListAPIKeys200JSONResponse{Body: body, Headers: api.ListAPIKeys200ResponseHeaders{Link: link}}, nil
}

// CreateAPIKey implements POST /v1/admin/api-keys.
func (s *Server) CreateAPIKey(ctx context.Context, r api.CreateAPIKeyRequestObject) (api.CreateAPIKeyResponseObject, error) {
	v, tag, err := s.Admin.IssueKey(ctx, callerOf(ctx), *r.Body)
	if err != nil {
		return nil, err
	}
	return api.CreateAPIKey201JSONResponse{Body: v, Headers: api.CreateAPIKey201ResponseHeaders{
		ETag: tag, Location: "/v1/admin/api-keys/" + v.ID.String(),
	}}, nil
}

// GetAPIKey implements GET /v1/admin/api-keys/{id}.
func (s *Server) GetAPIKey(ctx context.Context, r api.GetAPIKeyRequestObject) (api.GetAPIKeyResponseObject, error) {
	v, tag, err := admin.APIKeys.Get(ctx, s.Admin, callerOf(ctx), r.ID.String())
	if err != nil {
		return nil, err
	}
	return api.GetAPIKey200JSONResponse{Body: v, Headers: api.GetAPIKey200ResponseHeaders{ETag: tag}}, nil
}

// UpdateAPIKey implements PATCH /v1/admin/api-keys/{id}.
func (s *Server) UpdateAPIKey(ctx context.Context, r api.UpdateAPIKeyRequestObject) (api.UpdateAPIKeyResponseObject, error) {
	v, tag, err := admin.APIKeys.Update(ctx, s.Admin, callerOf(ctx), r.ID.String(), deref(r.Params.IfMatch), *r.JSONBody)
	if err != nil {
		return nil, err
	}
	return api.UpdateAPIKey200JSONResponse{Body: v, Headers: api.UpdateAPIKey200ResponseHeaders{ETag: tag}}, nil
}

// RevokeAPIKey implements DELETE /v1/admin/api-keys/{id}.
func (s *Server) RevokeAPIKey(ctx context.Context, r api.RevokeAPIKeyRequestObject) (api.RevokeAPIKeyResponseObject, error) {
	if err := admin.APIKeys.Delete(ctx, s.Admin, callerOf(ctx), r.ID.String(), deref(r.Params.IfMatch)); err != nil {
		return nil, err
	}
	return api.RevokeAPIKey204Response{}, nil
}
