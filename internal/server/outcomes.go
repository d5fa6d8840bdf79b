package server

import (
	"cmp"
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/legivellum/metagate/gen/api"
	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/outcomes"
	"github.com/legivellum/metagate/internal/store"
)

// ListRoster implements GET /v1/admin/roster.
func (s *Server) ListRoster(ctx context.Context, r api.ListRosterRequestObject) (api.ListRosterResponseObject, error) {
	p := r.Params
	ctx, pg, done, err := s.scan(ctx, p.TenantKey, p.Limit, p.Cursor, store.MinID)
	if err != nil {
		return nil, err
	}
	defer done()
	entries, after, err := outcomes.Roster(ctx, s.Store, s.Now(), outcomes.RosterAsked{
		Tenant: pg.tenant, PrincipalKey: p.PrincipalKey, State: p.State, Packet: p.Packet, After: pg.from, Limit: int(pg.limit),
	})
	if err != nil {
		return nil, err
	}
	var link string
	if after != uuid.Nil {
		link = next(callOf(ctx).url, after)
	}
	return api.ListRoster200JSONResponse{Body: entries, Headers: api.ListRoster200ResponseHeaders{Link: link}}, nil
}

// outcomesSince is how far outcomes go back where nobody says it.
const outcomesSince = 7 * 24 * time.Hour

// ListOutcomes implements GET /v1/admin/outcomes.
func (s *Server) ListOutcomes(ctx context.Context, r api.ListOutcomesRequestObject) (api.ListOutcomesResponseObject, error) {
	p := r.Params
	ctx, pg, done, err := s.scan(ctx, p.TenantKey, nil, nil, store.MinID)
	if err != nil {
		return nil, err
	}
	defer done()
	asked := outcomes.Asked{By: cmp.Or(deref(p.By), model.OutcomeDimensionManifestVersion), Tenant: pg.tenant, Since: s.Now().Add(-outcomesSince)}
	if p.Since != nil {
		asked.Since = *p.Since
	}
	body, err := outcomes.List(ctx, s.Store, s.Now(), asked)
	if err != nil {
		return nil, err
	}
	return api.ListOutcomes200JSONResponse{Body: body}, nil
}

// The defaults of a comparison, as in openapi.yaml.
const (
	compareMin    = 20
	compareSlower = 10
)

// CompareOutcomes implements GET /v1/admin/outcomes/compare.
func (s *Server) CompareOutcomes(ctx context.Context, r api.CompareOutcomesRequestObject) (api.CompareOutcomesResponseObject, error) {
	p, caller := r.Params, callerOf(ctx)
	ctx, _, done, err := s.scan(ctx, p.TenantKey, nil, nil, store.MinID)
	if err != nil {
		return nil, err
	}
	defer done()
	q := outcomes.Question{
		Tenant: cmp.Or(deref(p.TenantKey), caller.TenantKey), Manifest: p.Manifest, Version: p.Version, Against: p.Against,
		Min: cmp.Or(deref(p.Min), compareMin), Slower: compareSlower, Since: deref(p.Since),
	}
	if p.Slower != nil {
		q.Slower = *p.Slower
	}
	body, err := outcomes.Compare(ctx, s.Store, s.Now(), q)
	if err != nil {
		return nil, err
	}
	return api.CompareOutcomes200JSONResponse{Body: body}, nil
}

// ListRefusals implements GET /v1/admin/refusals.
func (s *Server) ListRefusals(ctx context.Context, r api.ListRefusalsRequestObject) (api.ListRefusalsResponseObject, error) {
	p, caller := r.Params, callerOf(ctx)
	ctx, pg, done, err := s.scan(ctx, p.TenantKey, p.Limit, p.Cursor, store.MaxID)
	if err != nil {
		return nil, err
	}
	defer done()
	if err := s.Refusals.Flush(ctx); err != nil { // those of this server since the last time
		return nil, err
	}
	rows, err := s.Store.ListRefusals(ctx, store.ListRefusalsParams{
		TenantKey: pg.tenant, Unknown: caller.AnyTenant || caller.TenantKey == s.Admin.Tenant,
		Code: p.Code, PrincipalKey: p.PrincipalKey, Since: p.Since, BeforeID: pg.from, RowLimit: pg.rows(),
	})
	if err != nil {
		return nil, err
	}
	body, link := cut(ctx, pg, rows, refusalView, func(r store.Refusal) uuid.UUID { return r.ID })
	return api.ListRefusals200JSONResponse{Body: body, Headers: api.ListRefusals200ResponseHeaders{Link: link}}, nil
}

func refusalView(r store.Refusal) model.RefusalEntry {
	return model.RefusalEntry{
		ID: r.ID, TenantKey: unlessEmpty(r.TenantKey), Code: r.Code, Operation: r.Operation, PrincipalKey: unlessEmpty(r.PrincipalKey),
		KeyPrefix: unlessEmpty(r.KeyPrefix), ComponentKey: unlessEmpty(r.ComponentKey), RemoteAddr: r.RemoteAddr,
		Count: r.N, FirstAt: r.FirstAt, LastAt: r.LastAt, Detail: r.Detail,
	}
}
