package server

import (
	"cmp"
	"context"
	"encoding/binary"

	"github.com/google/uuid"

	"github.com/legivellum/metagate/gen/api"
	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/world"
)

// ListRevisions implements GET /v1/admin/revisions.
func (s *Server) ListRevisions(ctx context.Context, r api.ListRevisionsRequestObject) (api.ListRevisionsResponseObject, error) {
	who := callerOf(ctx)
	ctx, pg, done, err := s.scan(ctx, r.Params.TenantKey, r.Params.Limit, r.Params.Cursor, cursorOf(world.First))
	if err != nil {
		return nil, err
	}
	defer done()
	rows, err := s.World.Revisions(ctx, cmp.Or(deref(r.Params.TenantKey), who.TenantKey), revisionOf(pg.from), pg.rows())
	if err != nil {
		return nil, err
	}
	as := func(v model.Revision) model.Revision { return v }
	body, link := cut(ctx, pg, rows, as, func(v model.Revision) uuid.UUID { return cursorOf(v.Revision) })
	return api.ListRevisions200JSONResponse{Body: body, Headers: api.ListRevisions200ResponseHeaders{Link: link}}, nil
}

// cursorOf carries a revision in the place of an id.
func cursorOf(revision int64) (id uuid.UUID) {
	binary.BigEndian.PutUint64(id[:], uint64(revision))
	return id
}

func revisionOf(cursor uuid.UUID) int64 { return int64(binary.BigEndian.Uint64(cursor[:])) }

// DiffRevisions implements GET /v1/admin/diff.
func (s *Server) DiffRevisions(ctx context.Context, r api.DiffRevisionsRequestObject) (api.DiffRevisionsResponseObject, error) {
	plan, err := s.World.Diff(ctx, callerOf(ctx), deref(r.Params.TenantKey), r.Params.From, r.Params.To)
	if err != nil {
		return nil, err
	}
	return api.DiffRevisions200JSONResponse{Body: plan}, nil
}

// RollbackWorld implements POST /v1/admin/rollback.
func (s *Server) RollbackWorld(ctx context.Context, r api.RollbackWorldRequestObject) (api.RollbackWorldResponseObject, error) {
	who := callerOf(ctx)
	who.Reason = cmp.Or(who.Reason, r.Body.Reason)
	plan, err := s.World.Rollback(ctx, who, *r.Body)
	if err != nil {
		return nil, err
	}
	return api.RollbackWorld200JSONResponse{Body: plan}, nil
}
