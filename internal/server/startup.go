package server

import (
	"context"
	"net/http"

	"github.com/legivellum/metagate/gen/api"
	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/doc"
)

// ReportReady implements POST /v1/startup/ready.
func (s *Server) ReportReady(ctx context.Context, r api.ReportReadyRequestObject) (api.ReportReadyResponseObject, error) {
	ack, err := s.Witness.Ready(ctx, callerOf(ctx), *r.Body)
	if err != nil {
		return nil, err
	}
	s.Metrics.Report(model.StartupStatusREADY)
	return api.ReportReady200JSONResponse{Body: ack}, nil
}

// ReportFailed implements POST /v1/startup/failed.
func (s *Server) ReportFailed(ctx context.Context, r api.ReportFailedRequestObject) (api.ReportFailedResponseObject, error) {
	ack, err := s.Witness.Failed(ctx, callerOf(ctx), *r.Body)
	if err != nil {
		return nil, err
	}
	s.Metrics.Report(model.StartupStatusFAILED)
	return api.ReportFailed200JSONResponse{Body: ack}, nil
}

// BackfillStartups implements POST /v1/startup/backfill.
func (s *Server) BackfillStartups(ctx context.Context, r api.BackfillStartupsRequestObject) (api.BackfillStartupsResponseObject, error) {
	results, err := s.Witness.Backfill(ctx, callerOf(ctx), r.Body.Startups)
	if err != nil {
		return nil, err
	}
	for _, one := range results {
		s.Metrics.Backfilled(one.Result)
	}
	return api.BackfillStartups200JSONResponse{Body: model.BackfillResults{Results: results}}, nil
}

// GetStartup implements GET /v1/startup/{startup_id}.
func (s *Server) GetStartup(ctx context.Context, r api.GetStartupRequestObject) (api.GetStartupResponseObject, error) {
	row, err := s.Witness.Get(ctx, callerOf(ctx), r.StartupID)
	if err != nil {
		return nil, err
	}
	return api.GetStartup200JSONResponse{Body: s.startupView(row)}, nil
}

// GetStartupPacket implements GET /v1/startup/{startup_id}/packet.
func (s *Server) GetStartupPacket(ctx context.Context, r api.GetStartupPacketRequestObject) (api.GetStartupPacketResponseObject, error) {
	packet, etag, err := s.Witness.Packet(ctx, callerOf(ctx), r.StartupID)
	if err != nil {
		return nil, err
	}
	return pastPacket{verbatim{contentType: mediaJSON, body: packet}, etag}, nil
}

// pastPacket sends a packet as it was sent before.
type pastPacket struct {
	verbatim
	etag string
}

func (p pastPacket) VisitGetStartupPacketResponse(w http.ResponseWriter) error {
	w.Header()["Etag"] = []string{doc.QuoteETag(p.etag)}
	return p.visit(w)
}
