package server

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/legivellum/metagate/gen/api"
	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/store"
)

// ListStartups implements GET /v1/admin/startups.
func (s *Server) ListStartups(ctx context.Context, r api.ListStartupsRequestObject) (api.ListStartupsResponseObject, error) {
	p := r.Params
	ctx, pg, done, err := s.scan(ctx, p.TenantKey, p.Limit, p.Cursor, store.MaxID)
	if err != nil {
		return nil, err
	}
	defer done()
	args := store.ListStartupsParams{
		TenantKey: pg.tenant, BeforeID: pg.from, FromID: firstID(p.Since), RowLimit: pg.rows(),
		Status: text(p.Status), PrincipalKey: p.PrincipalKey, ComponentKey: p.ComponentKey, Since: p.Since,
	}
	args.InstanceID, args.Source = p.InstanceID, text(p.Source)
	if p.Until != nil {
		args.BeforeID = pg.until(new(p.Until.Add(-time.Millisecond))) // ids tell no more of the time
	}
	switch status := deref(p.Status); status {
	case model.StartupFilterStatusOVERDUE, model.StartupFilterStatusSUPERSEDED, model.StartupFilterStatusACKNOWLEDGED:
		if err := s.Alarms.Sweep(ctx); err != nil { // those that have ended since the last one
			return nil, err
		}
		args.Status, args.OverdueAt = new(string(model.StartupStatusOPEN)), new(s.Now())
		args.Superseded = new(status == model.StartupFilterStatusSUPERSEDED)
		args.Acknowledged = new(status == model.StartupFilterStatusACKNOWLEDGED)
		if status == model.StartupFilterStatusACKNOWLEDGED {
			args.Superseded = nil
		}
	}
	rows, err := s.Store.ListStartups(ctx, args)
	if err != nil {
		return nil, err
	}
	body, link := cut(ctx, pg, rows, s.startupView, func(r store.StartupSession) uuid.UUID { return r.ID })
	return api.ListStartups200JSONResponse{Body: body, Headers: api.ListStartups200ResponseHeaders{Link: link}}, nil
}

// AcknowledgeStartup implements POST /v1/admin/startups/{startup_id}/acknowledge.
func (s *Server) AcknowledgeStartup(ctx context.Context, r api.AcknowledgeStartupRequestObject) (api.AcknowledgeStartupResponseObject, error) {
	row, err := s.Admin.Acknowledge(ctx, callerOf(ctx), r.StartupID, r.Body.Reason)
	if err != nil {
		return nil, err
	}
	return api.AcknowledgeStartup200JSONResponse{Body: s.startupView(row)}, nil
}

// maxPending is how many waiting startups a sink counts at most.
const maxPending = 100_000

// ListSinks implements GET /v1/admin/sinks.
func (s *Server) ListSinks(ctx context.Context, _ api.ListSinksRequestObject) (api.ListSinksResponseObject, error) {
	rows, err := s.Store.ListSinks(ctx)
	if err != nil {
		return nil, err
	}
	bounds, err := s.Store.EventBounds(ctx)
	if err != nil {
		return nil, err
	}
	body := []model.Sink{} // none is no null
	for _, r := range rows {
		if r.Kind == string(model.SinkKindWebhook) {
			body = append(body, sinkView(r, min(max(0, bounds.Newest-r.Position), maxPending), s.Webhooks[r.Name]))
			continue
		}
		pending, err := s.Store.CountChanges(ctx, store.CountChangesParams{FromChange: r.Position, RowLimit: maxPending})
		if err != nil {
			return nil, err
		}
		body = append(body, sinkView(r, pending, s.Mirror != nil))
	}
	return api.ListSinks200JSONResponse{Body: body}, nil
}

// ListAuditLog implements GET /v1/admin/audit-log.
func (s *Server) ListAuditLog(ctx context.Context, r api.ListAuditLogRequestObject) (api.ListAuditLogResponseObject, error) {
	p := r.Params
	ctx, pg, done, err := s.scan(ctx, p.TenantKey, p.Limit, p.Cursor, store.MaxID)
	if err != nil {
		return nil, err
	}
	defer done()
	rows, err := s.Store.ListAuditLog(ctx, store.ListAuditLogParams{
		TenantKey: pg.tenant, BeforeID: pg.until(p.Until), FromID: firstID(p.Since), RowLimit: pg.rows(),
		ResourceType: text(p.ResourceType), ResourceID: p.ResourceID, ResourceKey: p.ResourceKey, PrincipalKey: p.PrincipalKey,
		Actor: p.Actor, Revision: p.Revision, Since: p.Since, Until: p.Until,
	})
	if err != nil {
		return nil, err
	}
	body, link := cut(ctx, pg, rows, auditView, func(r store.AuditLog) uuid.UUID { return r.ID })
	return api.ListAuditLog200JSONResponse{Body: body, Headers: api.ListAuditLog200ResponseHeaders{Link: link}}, nil
}
