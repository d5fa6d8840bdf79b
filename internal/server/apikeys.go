package server

import (
	"context"

	"github.com/legivellum/metagate/gen/api"
)

// CreateAPIKey implements POST /v1/admin/api-keys: the one answer that shows the key.
func (s *Server) CreateAPIKey(ctx context.Context, r api.CreateAPIKeyRequestObject) (api.CreateAPIKeyResponseObject, error) {
	v, tag, err := s.Admin.IssueKey(ctx, callerOf(ctx), *r.Body)
	if err != nil {
		return nil, err
	}
	return api.CreateAPIKey201JSONResponse{Body: v, Headers: api.CreateAPIKey201ResponseHeaders{
		ETag: tag, Location: "/v1/admin/api-keys/" + v.ID.String(),
	}}, nil
}
