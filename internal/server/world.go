package server

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"

	"github.com/legivellum/metagate/gen/api"
	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/doc"
	"github.com/legivellum/metagate/internal/errs"
	"github.com/legivellum/metagate/internal/world"
)

// ApplyWorld implements POST /v1/admin/apply. YAML has become JSON by now.
func (s *Server) ApplyWorld(ctx context.Context, r api.ApplyWorldRequestObject) (api.ApplyWorldResponseObject, error) {
	who := callerOf(ctx)
	who.Reason = cmp.Or(who.Reason, deref(r.Params.Message))
	plan, err := s.World.Apply(ctx, who, world.Apply{
		World: *r.JSONBody, DryRun: deref(r.Params.DryRun), Prune: deref(r.Params.Prune), Invalid: callOf(ctx).invalid,
	})
	if err != nil {
		return nil, err
	}
	return api.ApplyWorld200JSONResponse{Body: plan}, nil
}

// ExportWorld implements GET /v1/admin/export.
func (s *Server) ExportWorld(ctx context.Context, r api.ExportWorldRequestObject) (api.ExportWorldResponseObject, error) {
	w, err := s.export(ctx, r.Params)
	if err != nil {
		return nil, err
	}
	if accept := callOf(ctx).header.Values("Accept"); quality(accept, mediaYAML) <= quality(accept, mediaJSON) {
		return api.ExportWorld200JSONResponse{Body: w}, nil
	}
	body, err := json.Marshal(w)
	if err != nil {
		return nil, err
	}
	body, err = doc.JSONToYAML(body)
	return verbatim{contentType: mediaYAML, body: body}, err
}

func (v verbatim) VisitExportWorldResponse(w http.ResponseWriter) error { return v.visit(w) }

// ExplainPacket implements GET /v1/admin/principals/{id}/packet.
func (s *Server) ExplainPacket(ctx context.Context, r api.ExplainPacketRequestObject) (api.ExplainPacketResponseObject, error) {
	e, err := s.explain(ctx, r)
	if err != nil {
		return nil, err
	}
	if no := e.Refusal; no != nil {
		e.Explanation.Refusal = &model.Refusal{Status: status[no.Code], Code: string(no.Code), Detail: no.Message}
	}
	return api.ExplainPacket200JSONResponse{Body: e.Explanation}, nil
}

func (s *Server) export(ctx context.Context, p model.ExportWorldParams) (model.World, error) {
	switch {
	case p.Revision == nil:
		return s.World.Export(ctx, callerOf(ctx), deref(p.TenantKey), deref(p.APIKeys))
	case deref(p.APIKeys):
		return model.World{}, errs.New(errs.InvalidRequest, `query parameters "revision" and "api_keys": one of them, since API keys have no history`)
	}
	return s.World.ExportAt(ctx, callerOf(ctx), deref(p.TenantKey), *p.Revision)
}

func (s *Server) explain(ctx context.Context, r api.ExplainPacketRequestObject) (world.Explanation, error) {
	when := world.When{Revision: r.Params.Revision, At: r.Params.At}
	if when == (world.When{}) {
		return s.World.Explain(ctx, callerOf(ctx), r.ID, r.Params.ComponentKey)
	}
	return s.World.ExplainAt(ctx, callerOf(ctx), r.ID, r.Params.ComponentKey, when)
}
