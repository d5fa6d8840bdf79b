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

// What this calls itself, as the original does.
const (
	service  = "MetaGate"
	doctrine = "MetaGate is the first flame. MetaGate is truth, not control."
)

const pathBootstrap = "/v1/bootstrap"

// GetInfo implements GET /.
func (s *Server) GetInfo(context.Context, api.GetInfoRequestObject) (api.GetInfoResponseObject, error) {
	return api.GetInfo200JSONResponse{Body: model.Info{
		Service: service, Version: s.Version, Doctrine: doctrine, Build: s.Build,
		Description: "Bootstrap authority and startup witness", Discovery: "/.well-known/metagate.json", Docs: pathDocs,
	}}, nil
}

// GetHealth implements GET /health.
func (s *Server) GetHealth(context.Context, api.GetHealthRequestObject) (api.GetHealthResponseObject, error) {
	return api.GetHealth200JSONResponse{Body: model.Health{
		Status: "healthy", Service: service, Version: s.Version, InstanceID: s.InstanceID,
	}}, nil
}

// Ready says why a bootstrap can't be answered now; nil is that it can.
func (o Options) Ready(ctx context.Context) error {
	if o.Draining() {
		return errs.New(errs.Unavailable, "not ready: this server is shutting down")
	}
	if err := o.Store.Ready(ctx); err != nil {
		reason := "the database does not answer, or not as it should"
		if lacks, ok := errors.AsType[store.NotReady](err); ok {
			reason = lacks.Reason
		}
		return errs.Wrap(err, errs.Unavailable, "not ready: %s", reason)
	}
	if err := o.Witness.Writes(ctx); err != nil {
		return errs.Wrap(err, errs.Unavailable, "not ready: the database takes no writes")
	}
	return nil
}

// GetReady implements GET /ready.
func (s *Server) GetReady(ctx context.Context, _ api.GetReadyRequestObject) (api.GetReadyResponseObject, error) {
	if err := s.Ready(ctx); err != nil {
		return nil, err
	}
	ready := model.Readiness{Status: "ready"}
	if s.Issuers != nil {
		ready.Issuers = s.Issuers()
	}
	return api.GetReady200JSONResponse{Body: ready}, nil
}

// GetDiscovery implements GET /.well-known/metagate.json.
func (s *Server) GetDiscovery(context.Context, api.GetDiscoveryRequestObject) (api.GetDiscoveryResponseObject, error) {
	methods, supported := []model.DiscoveryAuthMethods{model.DiscoveryAuthMethodsAPIKey}, []model.DiscoverySupportedAuth{}
	if s.Identity.Verifier.Enabled() {
		methods, supported = append(methods, model.DiscoveryAuthMethodsJwt), append(supported, model.DiscoverySupportedAuthJwt)
	}
	if s.Certificate != nil {
		methods = append(methods, model.DiscoveryAuthMethodsMtls)
	}
	supported = append(supported, model.DiscoverySupportedAuthAPIKey)
	return api.GetDiscovery200JSONResponse{Body: model.Discovery{
		Service: service, Version: s.Version, AuthMethods: methods, APIKeyHeader: s.APIKeyHeader,
		MetagateVersion: s.Version, SupportedAuth: supported, BootstrapEndpoint: pathBootstrap,
		Endpoints: model.Endpoints{
			Bootstrap: pathBootstrap, StartupReady: "/v1/startup/ready", StartupFailed: "/v1/startup/failed",
			Startup: "/v1/startup/{startup_id}", Health: "/health", Ready: "/ready", Openapi: "/openapi.yaml", Docs: pathDocs,
		},
	}}, nil
}

// GetJWKS implements GET /.well-known/jwks.json.
func (s *Server) GetJWKS(context.Context, api.GetJWKSRequestObject) (api.GetJWKSResponseObject, error) {
	return api.GetJWKS200JSONResponse{Body: model.JWKSet{Keys: s.Signer.Published()}}, nil
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
