package server

import (
	"context"

	"github.com/google/uuid"

	"github.com/legivellum/metagate/gen/api"
	"github.com/legivellum/metagate/internal/admin"
	"github.com/legivellum/metagate/internal/store"
)

// ListProfiles implements GET /v1/admin/profiles.
func (s *Server) ListProfiles(ctx context.Context, r api.ListProfilesRequestObject) (api.ListProfilesResponseObject, error) {
	p := r.Params
	pg, err := newPage(callerOf(ctx), p.TenantKey, p.Limit, p.Cursor, store.MinID)
	if err != nil {
		return nil, err
	}
	rows, err := s.Store.ListProfiles(ctx, store.ListProfilesParams{
		TenantKey: pg.tenant, After: pg.from, RowLimit: pg.rows(),
		ProfileKey: p.ProfileKey,
	})
	if err != nil {
		return nil, err
	}
	body, link := cut(ctx, pg, rows, admin.ProfileView, func(r store.Profile) uuid.UUID { return r.ID })
	return api.ListProfiles200JSONResponse{Body: body, Headers: api.ListProfiles200ResponseHeaders{Link: link}}, nil
}

// CreateProfile implements POST /v1/admin/profiles.
func (s *Server) CreateProfile(ctx context.Context, r api.CreateProfileRequestObject) (api.CreateProfileResponseObject, error) {
	v, tag, err := admin.Profiles.Create(ctx, s.Admin, callerOf(ctx), r.Body.TenantKey, *r.Body)
	if err != nil {
		return nil, err
	}
	return api.CreateProfile201JSONResponse{Body: v, Headers: api.CreateProfile201ResponseHeaders{
		ETag: tag, Location: "/v1/admin/profiles/" + v.ID.String(),
	}}, nil
}

// GetProfile implements GET /v1/admin/profiles/{id}.
func (s *Server) GetProfile(ctx context.Context, r api.GetProfileRequestObject) (api.GetProfileResponseObject, error) {
	v, tag, err := admin.Profiles.Get(ctx, s.Admin, callerOf(ctx), r.ID)
	if err != nil {
		return nil, err
	}
	return api.GetProfile200JSONResponse{Body: v, Headers: api.GetProfile200ResponseHeaders{ETag: tag}}, nil
}

// UpdateProfile implements PATCH /v1/admin/profiles/{id}.
func (s *Server) UpdateProfile(ctx context.Context, r api.UpdateProfileRequestObject) (api.UpdateProfileResponseObject, error) {
	v, tag, err := admin.Profiles.Update(ctx, s.Admin, callerOf(ctx), r.ID, deref(r.Params.IfMatch), *r.JSONBody)
	if err != nil {
		return nil, err
	}
	return api.UpdateProfile200JSONResponse{Body: v, Headers: api.UpdateProfile200ResponseHeaders{ETag: tag}}, nil
}

// DeleteProfile implements DELETE /v1/admin/profiles/{id}.
func (s *Server) DeleteProfile(ctx context.Context, r api.DeleteProfileRequestObject) (api.DeleteProfileResponseObject, error) {
	if err := admin.Profiles.Delete(ctx, s.Admin, callerOf(ctx), r.ID, deref(r.Params.IfMatch)); err != nil {
		return nil, err
	}
	return api.DeleteProfile204Response{}, nil
}
