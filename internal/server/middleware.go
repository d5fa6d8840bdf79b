package server

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/legivellum/metagate/internal/admin"
	"github.com/legivellum/metagate/internal/contract"
	"github.com/legivellum/metagate/internal/errs"
	"github.com/legivellum/metagate/internal/store"
	"github.com/legivellum/metagate/internal/world"
)

// How long a request may take. A component's request is answered within a
// second, even if only with 503 (contract 4); an admin's may take longer.
const (
	componentTimeout = 900 * time.Millisecond
	adminTimeout     = 15 * time.Second
	worldTimeout     = 5 * time.Minute
)

// timeouts are by the contract's class of deadlines.
var timeouts = map[string]time.Duration{
	contract.OfComponent: componentTimeout, contract.OfAdmin: adminTimeout, contract.OfWorld: worldTimeout,
	contract.OfStream: adminTimeout, // until the answer begins
}

// lengthen moves the connection's deadlines for what may take longer than they allow.
func lengthen(c echo.Context) {
	rc, end := http.NewResponseController(c.Response()), time.Now().Add(worldTimeout+time.Minute)
	_ = rc.SetReadDeadline(end) // a connection that can't is served with what it has
	_ = rc.SetWriteDeadline(end.Add(time.Minute))
}

// observe gives the request its id, its deadline, its log line and its metrics.
func (s *Server) observe(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		start := time.Now()
		r := c.Request()
		k := &call{
			id: requestID(r), trace: ownID(r, headerTraceID), remoteAddr: c.RealIP(), began: start, url: r.URL, header: r.Header,
			route: s.contract.Route(r.Method, r.URL.Path, c.Path()),
		}
		if s.Certificate != nil {
			k.certificate = s.ownCertificate(r)
		}
		allowed := componentTimeout
		if k.route != nil {
			allowed = timeouts[k.route.Deadline]
		}
		k.base = context.WithValue(r.Context(), callKey{}, k)
		if allowed == adminTimeout { // not a component's, nor of a plan, which has members for them
			k.base = admin.WithWarnings(k.base, &k.warned)
		}
		ctx := s.deadlines.within(k.base, start, allowed)
		defer ctx.end()
		c.SetRequest(r.WithContext(ctx))
		c.Response().Before(func() { finishHeader(c.Response().Header(), k) })
		if err := next(c); err != nil {
			k.err = hungUp(ctx, err)
			c.Error(k.err)
		}
		end := time.Now()
		answered := end
		if !k.streams.IsZero() {
			answered = k.streams
		}
		s.Metrics.Request(k.operation(), c.Response().Status, answered.Sub(start))
		if k.operation() == operationBootstrap {
			s.Metrics.Bootstrap(codeOf(k.err))
		}
		if k.err != nil {
			s.refused(k, cmp.Or(k.tool, k.operation()))
		}
		s.logRequest(c, k, start, end)
		return nil
	}
}

// finishHeader drops what the generated code sends empty, names the request, and
// allows HEAD with GET.
func finishHeader(h http.Header, k *call) {
	if allow := h.Get(echo.HeaderAllow); strings.Contains(allow, http.MethodGet) {
		h.Set(echo.HeaderAllow, allow+", "+http.MethodHead)
	}
	for name, values := range h {
		if len(values) == 1 && values[0] == "" {
			delete(h, name)
		}
	}
	for _, text := range world.Warnings(k.warned) {
		h.Add(headerWarning, text)
	}
	h.Set(echo.HeaderXRequestID, k.id)
	if k.trace != "" { // who sends none doesn't pay for it: see security
		h.Set(headerTraceID, k.trace)
	}
}

// headerWarning is what validators warn of.
const headerWarning = "Metagate-Warning"

// headerTraceID is what LegiVellum's gates correlate their logs by.
const headerTraceID = "X-Trace-Id"

// requestID is the caller's own, else a new one.
func requestID(r *http.Request) string {
	if id := ownID(r, echo.HeaderXRequestID); id != "" {
		return id
	}
	return store.NewID(time.Now()).String()
}

// ownID is an id that the caller sent, if it is short and visible ASCII, else empty.
func ownID(r *http.Request, header string) string {
	id := r.Header.Get(header)
	if len(id) > 128 || strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return ""
	}
	return id
}

func (s *Server) logRequest(c echo.Context, k *call, start, end time.Time) {
	r, w := c.Request(), c.Response()
	method := r.Method
	if method == http.MethodGet && r.Context().Value(headKey{}) != nil { // a look-up that only GET pays for
		method = http.MethodHead
	}
	attrs := append(make([]slog.Attr, 0, 13),
		slog.String("request_id", k.id), slog.String("method", method), slog.String("path", r.URL.Path),
		slog.String("operation", k.operation()), slog.Int("status", w.Status), slog.Int64("bytes", w.Size),
		slog.Int64("duration_us", end.Sub(start).Microseconds()), slog.String("remote", k.remoteAddr),
	)
	if k.trace != "" {
		attrs = append(attrs, slog.String("trace_id", k.trace))
	}
	if k.tool != "" {
		attrs = append(attrs, slog.String("tool", k.tool))
	}
	if k.caller.PrincipalKey != "" {
		attrs = append(attrs, slog.String("tenant", k.caller.TenantKey), slog.String("principal", k.caller.PrincipalKey))
	}
	level := slog.LevelInfo
	if k.err != nil {
		e := errs.From(store.Classify(k.err))
		attrs = append(attrs, slog.String("code", string(e.Code)), slog.String("error", k.err.Error()))
		if w.Status >= http.StatusInternalServerError || status[e.Code] >= http.StatusInternalServerError { // MCP's is 200
			level = slog.LevelError
		}
	}
	if h := s.Log.Handler(); h.Enabled(r.Context(), level) {
		line := slog.NewRecord(end, level, "request", 0) // LogAttrs would look up its caller
		line.AddAttrs(attrs...)
		_ = h.Handle(r.Context(), line) // there is nowhere to tell
	}
}

func (s *Server) logPanic(c echo.Context, err error, stack []byte) error {
	s.Log.ErrorContext(c.Request().Context(), "panic", "request_id", callOf(c.Request().Context()).id, "error", err, "stack", string(stack))
	return err
}

const headerCSP = "Content-Security-Policy"

// security holds for every answer; Swagger UI, the only document, has its own. The
// values are shared by all answers: Header.Set replaces one, nothing changes it. A
// bootstrap's header has eight fields with the signature and without headerCSP: a ninth
// would make its map twice as dear.
var security = http.Header{
	"X-Content-Type-Options": {"nosniff"},
	headerCSP:                {"default-src 'none'; frame-ancestors 'none'"},
	"Cache-Control":          {"no-store"},
}

func securityHeaders(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		maps.Copy(c.Response().Header(), security)
		return next(c)
	}
}
