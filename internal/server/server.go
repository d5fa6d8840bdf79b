// Package server speaks HTTP: it implements the generated strict server
// interface, one file per tag of openapi.yaml but for what all kinds of resource have
// alike, which is generated. A handler converts, calls and converts; everything that
// holds for all requests is middleware.
package server

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"

	"github.com/legivellum/metagate/gen/api"
	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/admin"
	"github.com/legivellum/metagate/internal/contract"
	"github.com/legivellum/metagate/internal/feed"
	"github.com/legivellum/metagate/internal/identity"
	"github.com/legivellum/metagate/internal/mcp"
	"github.com/legivellum/metagate/internal/outcomes"
	"github.com/legivellum/metagate/internal/signing"
	"github.com/legivellum/metagate/internal/store"
	"github.com/legivellum/metagate/internal/stream"
	"github.com/legivellum/metagate/internal/telemetry"
	"github.com/legivellum/metagate/internal/witness"
	"github.com/legivellum/metagate/internal/world"
)

// Options are what a server is made of.
type Options struct {
	Store    *store.Store
	Witness  *witness.Service
	Alarms   *outcomes.Alarms
	Mirror   *feed.Mirror // nil where startups aren't mirrored
	Refusals *outcomes.Refusals
	Streams  *stream.Hub
	Webhooks map[string]bool // the sinks of events that this server tells, by name
	Admin    *admin.Service
	World    *world.Service
	Identity *identity.Service
	Signer   *signing.Ring // nil where nothing is signed
	Metrics  *telemetry.Metrics
	Issuers  func() []model.IssuerReadiness // nil without ISSUERS_FILE
	Log      *slog.Logger
	Now      func() time.Time
	Draining func() bool // the server goes soon

	Peer        func(*http.Request) string                // address of who asks; nil is the connection's
	Certificate func(*http.Request) *identity.Certificate // of the connection's client; nil where none is asked for

	Version, Build     string // of the API, of the binary
	InstanceID         string // of this server
	APIKeyHeader       string
	MaxBodyBytes       int64
	ApplyMaxBytes      int64
	CORSAllowedOrigins []string
}

// Server implements api.StrictServerInterface.
type Server struct {
	Options
	contract  *contract.Contract
	mcp       *mcp.Service
	keyHeader string // APIKeyHeader as net/http keeps it
	deadlines deadlines

	largeApplies chan struct{} // one at a time
	scans        chan struct{} // of lists that may read every receipt or audit entry
}

var _ api.StrictServerInterface = (*Server)(nil)

// New returns the handler of the whole API.
func New(o Options) (http.Handler, error) {
	c, err := contract.Load(o.APIKeyHeader)
	if err != nil {
		return nil, err
	}
	s := &Server{
		Options: o, contract: c, keyHeader: http.CanonicalHeaderKey(o.APIKeyHeader),
		largeApplies: make(chan struct{}, 1), scans: make(chan struct{}, scansAtOnce),
	}
	s.Streams.Startup, s.Streams.Event = s.startupAsSeen, eventAsSeen // what an admin sees of them is known here alone
	if s.mcp, err = s.newMCP(); err != nil {
		return nil, err
	}
	e := echo.New()
	e.Binder = strictBinder{}
	e.HTTPErrorHandler = s.answerError
	if e.IPExtractor = s.Peer; s.Peer == nil {
		e.IPExtractor = echo.ExtractIPDirect()
	}
	e.Use(s.observe, middleware.RecoverWithConfig(middleware.RecoverConfig{LogErrorFunc: s.logPanic}), securityHeaders)
	if len(o.CORSAllowedOrigins) > 0 {
		e.Use(s.cors())
	}
	e.Use(s.validate)
	api.RegisterHandlers(e, api.NewStrictHandler(s, nil))
	return headAsGet(e), nil
}

// headAsGet serves HEAD wherever GET is (RFC 9110, section 9.3.2): net/http, which
// knows the request as it came, leaves the body out.
func headAsGet(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodHead {
			r = r.WithContext(context.WithValue(r.Context(), headKey{}, true))
			r.Method = http.MethodGet
		}
		next.ServeHTTP(w, r)
	})
}

func (s *Server) cors() echo.MiddlewareFunc {
	return middleware.CORSWithConfig(middleware.CORSConfig{
		AllowOrigins: s.CORSAllowedOrigins,
		AllowMethods: []string{http.MethodGet, http.MethodPost, http.MethodPatch, http.MethodDelete},
		AllowHeaders: []string{echo.HeaderAuthorization, echo.HeaderContentType, echo.HeaderXRequestID, headerTraceID, "If-Match", "If-None-Match", "Last-Event-ID", headerReason, s.APIKeyHeader},
		ExposeHeaders: []string{
			"ETag", "Link", "Location", "Retry-After", "WWW-Authenticate", echo.HeaderXRequestID, headerTraceID, headerStartupID, headerStartupDeadline,
		},
	})
}
