package server

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/legivellum/metagate/gen/api"
	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/contract"
	"github.com/legivellum/metagate/internal/errs"
	"github.com/legivellum/metagate/internal/identity"
	"github.com/legivellum/metagate/internal/mcp"
)

func (s *Server) newMCP() (*mcp.Service, error) {
	return mcp.New(mcp.Options{
		Contract: s.contract, Identity: s.Identity, Witness: s.Witness, Admin: s.Admin, World: s.World, Store: s.Store, Now: s.Now,
		Version: s.Version, Build: s.Build, InstanceID: s.InstanceID,
		Within: within, MaxComponent: maxComponentBody,
		Problem: func(ctx context.Context, err error, id string) model.Problem {
			return problem(classify(hungUp(ctx, err)), &call{id: id})
		},
	})
}

// within gives a tool the time that its class has from the request's begin. A message
// has no more than a component's until it is known what it asks for.
func within(ctx context.Context, class string) (context.Context, context.CancelFunc) {
	if class == contract.OfComponent {
		return ctx, func() {}
	}
	k := callOf(ctx)
	return context.WithDeadline(k.base, k.began.Add(timeouts[class]))
}

// MCP implements POST /mcp.
func (s *Server) MCP(ctx context.Context, _ api.MCPRequestObject) (api.MCPResponseObject, error) {
	k := callOf(ctx)
	a := s.mcp.Serve(ctx, mcp.Request{
		Body: k.body, Invalid: k.invalid, Authorization: k.header.Get(echo.HeaderAuthorization), APIKey: k.header.Get(s.keyHeader),
		Revision: k.header.Get("Mcp-Protocol-Version"), Method: k.header.Get("Mcp-Method"), Name: k.header.Get("Mcp-Name"), Reason: k.header.Get(headerReason),
		Certificate: k.certificate, RequestID: k.id, RemoteAddr: k.remoteAddr,
	})
	k.caller, k.err, k.tool = a.Caller, hungUp(ctx, a.Err), a.Tool
	switch {
	case a.Tool == mcp.Bootstrap:
		s.Metrics.Bootstrap(codeOf(k.err))
	case a.Tool == mcp.StartupReady && k.err == nil:
		s.Metrics.Report(model.StartupStatusREADY)
	case a.Tool == mcp.StartupFailed && k.err == nil:
		s.Metrics.Report(model.StartupStatusFAILED)
	}
	return message{a}, nil
}

// message sends what the tools answer, as it was made.
type message struct{ mcp.Answer }

func (m message) VisitMCPResponse(w http.ResponseWriter) error {
	if m.Body == nil {
		w.WriteHeader(m.Status)
		return nil
	}
	w.Header()["Content-Type"] = contentJSON
	w.Header().Set(echo.HeaderContentLength, strconv.Itoa(len(m.Body))) // else it goes in chunks
	w.WriteHeader(m.Status)
	defer m.Release()
	_, err := w.Write(m.Body)
	return err
}

// mayBeLarge reports whether a message may have more than 64 KiB: those of admins,
// who say so in a header, since the arguments are read after the body.
func (s *Server) mayBeLarge(r *http.Request, k *call) bool {
	if 0 <= r.ContentLength && r.ContentLength <= maxComponentBody {
		return true // it isn't
	}
	shown := mcp.Shown("", r.Header.Get(echo.HeaderAuthorization), r.Header.Get(s.keyHeader))
	if shown == nil && k.certificate == nil {
		return false
	}
	_, err := s.Identity.Authenticate(r.Context(), s.Store, identity.Door{Shown: shown, Certificate: k.certificate, Admin: true, RequestID: k.id, RemoteAddr: k.remoteAddr}, true)
	return err == nil
}

// sameOrigin refuses what a page of another site makes a browser send (DNS
// rebinding): such a page has no credential, but it may sit behind the firewall.
func (s *Server) sameOrigin(r *http.Request) error {
	origin := r.Header.Get(echo.HeaderOrigin)
	if origin == "" || slices.ContainsFunc(s.CORSAllowedOrigins, func(o string) bool { return o == "*" || strings.EqualFold(o, origin) }) {
		return nil
	}
	if u, err := url.Parse(origin); err == nil && strings.EqualFold(u.Host, r.Host) && !rebound(r) {
		return nil
	}
	return errs.New(errs.Forbidden, "the origin %q may not call this server: see CORS_ALLOWED_ORIGINS", origin)
}

// rebound is a request to this machine's loopback under a name that isn't the
// loopback's.
func rebound(r *http.Request) bool {
	local, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	if !ok || !local.IP.IsLoopback() {
		return false
	}
	name := (&url.URL{Host: r.Host}).Hostname()
	addr, err := netip.ParseAddr(name)
	return !strings.EqualFold(name, "localhost") && (err != nil || !addr.IsLoopback())
}
