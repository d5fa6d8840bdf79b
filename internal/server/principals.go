package server

import (
	"context"

	"github.com/google/uuid"

	"github.com/legivellum/metagate/gen/api"
	"github.com/legivellum/metagate/internal/admin"
	"github.com/legivellum/metagate/internal/store"
)

// ListPrincipals implements GET /v1/admin/principals.
func (s *Server) ListPrincipals(ctx context.Context, r api.ListPrincipalsRequestObject) (api.ListPrincipalsResponseObject, error) {
	p := r.Params
	pg, err := newPage(callerOf(ctx), p.TenantKey, p.Limit, p.Cursor, store.MinID)
	if err != nil {
		return nil, err
	}
	rows, err := s.Store.ListPrincipals(ctx, store.ListPrincipalsParams{
		TenantKey: pg.tenant, After: pg.from, RowLimit: pg.rows(),
		PrincipalKey: p.PrincipalKey, AuthSubject: p.AuthSubject, Status: text(p.Status),
	})
	if err != nil {
		return nil, err
	}
	body, link := cut(ctx, pg, rows, admin.PrincipalView, func(r store.Principal) uuid.UUID { return r.ID })
	return api.ListPrincipals200JSONResponse{Body: body, Headers: api.ListPrincipals200ResponseHeaders{Link: link}}, nil
}

// CreatePrincipal implements POST /v1/admin/principals.
func (s *Server) CreatePrincipal(ctx context.Context, r api.CreatePrincipalRequestObject) (api.CreatePrincipalResponseObject, error) {
	v, tag, err := admin.Principals.Create(ctx, s.Admin, callerOf(ctx), r.Body.TenantKey, *r.Body)
	if err != nil {
		return nil, err
	}
	return api.CreatePrincipal201JSONResponse{Body: v, Headers: api.CreatePrincipal201ResponseHeaders{
		ETag: tag, Location: "/v1/admin/principals/" + v.ID.String(),
	}}, nil
}

// GetPrincipal implements GET /v1/admin/principals/{id}.
func (s *Server) GetPrincipal(ctx context.Context, r api.GetPrincipalRequestObject) (api.GetPrincipalResponseObject, error) {
	v, tag, err := admin.Principals.Get(ctx, s.Admin, callerOf(ctx), r.ID)
	if err != nil {
		return nil, err
	}
	return api.GetPrincipal200JSONResponse{Body: v, Headers: api.GetPrincipal200ResponseHeaders{ETag: tag}}, nil
}

// UpdatePrincipal implements PATCH /v1/admin/principals/{id}.
func (s *Server) UpdatePrincipal(ctx context.Context, r api.UpdatePrincipalRequestObject) (api.UpdatePrincipalResponseObject, error) {
	v, tag, err := admin.Principals.Update(ctx, s.Admin, callerOf(ctx), r.ID, deref(r.Params.IfMatch), *r.JSONBody)
	if err != nil {
		return nil, err
	}
	return api.UpdatePrincipal200JSONResponse{Body: v, Headers: api.UpdatePrincipal200ResponseHeaders{ETag: tag}}, nil
}

// DeletePrincipal implements DELETE /v1/admin/principals/{id}.
func (s *Server) DeletePrincipal(ctx context.Context, r api.DeletePrincipalRequestObject) (api.DeletePrincipalResponseObject, error) {
	if err := admin.Principals.Delete(ctx, s.Admin, callerOf(ctx), r.ID, deref(r.Params.IfMatch)); err != nil {
		return nil, err
	}
	return api.DeletePrincipal204Response{}, nil
}
