package server

import (
	"context"
	"errors"
	"maps"
	"net/http"

	"github.com/legivellum/metagate/gen/api"
	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/errs"
	"github.com/legivellum/metagate/internal/store"
)

// GetInfo implements GET /.
func (s *Server) GetInfo(context.Context, api.GetInfoRequestObject) (api.GetInfoResponseObject, error) {
	return api.GetInfo200JSONResponse{Body: model.Info{
		Service: "metagate", Version: s.Version, Build: s.Build,
		Description: "Bootstrap authority and startup witness", Discovery: "/.well-known/metagate.json", Docs: "/docs/",
	}}, nil
}

// GetHealth implements GET /health.
func (s *Server) GetHealth(context.Context, api.GetHealthRequestObject) (api.GetHealthResponseObject, error) {
	return api.GetHealth200JSONResponse{Body: model.Health{Status: "ok"}}, nil
}

// GetReady implements GET /ready.
func (s *Server) GetReady(ctx context.Context, _ api.GetReadyRequestObject) (api.GetReadyResponseObject, error) {
	if s.Draining() {
		return nil, errs.New(errs.Unavailable, "not ready: this server is shutting down")
	}
	if err := s.Store.Ready(ctx); err != nil {
		reason := "the database does not answer, or not as it should"
		if lacks, ok := errors.AsType[store.NotReady](err); ok {
			reason = lacks.Reason
		}
		return nil, errs.Wrap(err, errs.Unavailable, "not ready: %s", reason)
	}
	if err := s.Witness.Writes(ctx); err != nil {
		return nil, errs.Wrap(err, errs.Unavailable, "not ready: the database takes no writes")
	}
	return api.GetReady200JSONResponse{Body: model.Health{Status: "ready"}}, nil
}

// GetDiscovery implements GET /.well-known/metagate.json.
func (s *Server) GetDiscovery(context.Context, api.GetDiscoveryRequestObject) (api.GetDiscoveryResponseObject, error) {
	methods := []model.DiscoveryAuthMethods{model.DiscoveryAuthMethodsAPIKey}
	if s.Identity.Verifier.Enabled() {
		methods = append(methods, model.DiscoveryAuthMethodsJwt)
	}
	return api.GetDiscovery200JSONResponse{Body: model.Discovery{
		Service: "metagate", Version: s.Version, AuthMethods: methods, APIKeyHeader: s.APIKeyHeader,
		Endpoints: model.Endpoints{
			Bootstrap: "/v1/bootstrap", StartupReady: "/v1/startup/ready", StartupFailed: "/v1/startup/failed",
			Startup: "/v1/startup/{startup_id}", Health: "/health", Ready: "/ready", Openapi: "/openapi.yaml", Docs: "/docs/",
		},
	}}, nil
}

// GetOpenapiYaml implements GET /openapi.yaml.
func (s *Server) GetOpenapiYaml(context.Context, api.GetOpenapiYamlRequestObject) (api.GetOpenapiYamlResponseObject, error) {
	return verbatim{contentType: "application/yaml", body: s.contract.YAML}, nil
}

// GetOpenapiJSON implements GET /openapi.json.
func (s *Server) GetOpenapiJSON(context.Context, api.GetOpenapiJSONRequestObject) (api.GetOpenapiJSONResponseObject, error) {
	return verbatim{contentType: "application/json", body: s.contract.JSON}, nil
}

// GetMetrics implements GET /metrics.
func (s *Server) GetMetrics(context.Context, api.GetMetricsRequestObject) (api.GetMetricsResponseObject, error) {
	body, contentType, err := s.Metrics.Text()
	return verbatim{contentType: contentType, body: body}, err
}

// verbatim answers with bytes as they are.
type verbatim struct {
	contentType string
	header      http.Header // beside those of every answer, or instead
	body        []byte
}

func (v verbatim) visit(w http.ResponseWriter) error {
	maps.Copy(w.Header(), v.header)
	w.Header().Set("Content-Type", v.contentType)
	w.WriteHeader(http.StatusOK)
	_, err := w.Write(v.body)
	return err
}

func (v verbatim) VisitGetOpenapiYamlResponse(w http.ResponseWriter) error { return v.visit(w) }
func (v verbatim) VisitGetOpenapiJSONResponse(w http.ResponseWriter) error { return v.visit(w) }
func (v verbatim) VisitGetMetricsResponse(w http.ResponseWriter) error     { return v.visit(w) }
func (v verbatim) VisitGetDocsResponse(w http.ResponseWriter) error        { return v.visit(w) }
func (v verbatim) VisitGetDocsAssetResponse(w http.ResponseWriter) error   { return v.visit(w) }
