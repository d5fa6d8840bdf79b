package server

import (
	"context"

	"github.com/google/uuid"

	"github.com/legivellum/metagate/gen/api"
	"github.com/legivellum/metagate/internal/admin"
	"github.com/legivellum/metagate/internal/store"
)

// ListBindings implements GET /v1/admin/bindings.
func (s *Server) ListBindings(ctx context.Context, r api.ListBindingsRequestObject) (api.ListBindingsResponseObject, error) {
	p := r.Params
	pg, err := newPage(callerOf(ctx), p.TenantKey, p.Limit, p.Cursor, store.MinID)
	if err != nil {
		return nil, err
	}
	rows, err := s.Store.ListBindings(ctx, store.ListBindingsParams{
		TenantKey: pg.tenant, After: pg.from, RowLimit: pg.rows(),
		PrincipalID: p.PrincipalID, ProfileID: p.ProfileID, ManifestID: p.ManifestID, Active: p.Active,
	})
	if err != nil {
		return nil, err
	}
	body, link := cut(ctx, pg, rows, admin.BindingView, func(r store.Binding) uuid.UUID { return r.ID })
	return api.ListBindings200JSONResponse{Body: body, Headers: api.ListBindings200ResponseHeaders{Link: link}}, nil
}

// CreateBinding implements POST /v1/admin/bindings.
func (s *Server) CreateBinding(ctx context.Context, r api.CreateBindingRequestObject) (api.CreateBindingResponseObject, error) {
	v, tag, err := admin.Bindings.Create(ctx, s.Admin, callerOf(ctx), r.Body.TenantKey, *r.Body)
	if err != nil {
		return nil, err
	}
	return api.CreateBinding201JSONResponse{Body: v, Headers: api.CreateBinding201ResponseHeaders{
		ETag: tag, Location: "/v1/admin/bindings/" + v.ID.String(),
	}}, nil
}

// GetBinding implements GET /v1/admin/bindings/{id}.
func (s *Server) GetBinding(ctx context.Context, r api.GetBindingRequestObject) (api.GetBindingResponseObject, error) {
	v, tag, err := admin.Bindings.Get(ctx, s.Admin, callerOf(ctx), r.ID.String())
	if err != nil {
		return nil, err
	}
	return api.GetBinding200JSONResponse{Body: v, Headers: api.GetBinding200ResponseHeaders{ETag: tag}}, nil
}

// UpdateBinding implements PATCH /v1/admin/bindings/{id}.
func (s *Server) UpdateBinding(ctx context.Context, r api.UpdateBindingRequestObject) (api.UpdateBindingResponseObject, error) {
	v, tag, err := admin.Bindings.Update(ctx, s.Admin, callerOf(ctx), r.ID.String(), deref(r.Params.IfMatch), *r.JSONBody)
	if err != nil {
		return nil, err
	}
	return api.UpdateBinding200JSONResponse{Body: v, Headers: api.UpdateBinding200ResponseHeaders{ETag: tag}}, nil
}

// DeleteBinding implements DELETE /v1/admin/bindings/{id}.
func (s *Server) DeleteBinding(ctx context.Context, r api.DeleteBindingRequestObject) (api.DeleteBindingResponseObject, error) {
	if err := admin.Bindings.Delete(ctx, s.Admin, callerOf(ctx), r.ID.String(), deref(r.Params.IfMatch)); err != nil {
		return nil, err
	}
	return api.DeleteBinding204Response{}, nil
}
