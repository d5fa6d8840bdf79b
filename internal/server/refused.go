package server

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"
	"github.com/oapi-codegen/nullable"

	"github.com/legivellum/metagate/internal/contract"
	"github.com/legivellum/metagate/internal/errs"
	"github.com/legivellum/metagate/internal/mcp"
	"github.com/legivellum/metagate/internal/outcomes"
)

// componentOperations are what components are turned away from.
var componentOperations = []string{
	operationBootstrap, "reportReady", "reportFailed", "backfillStartups", mcp.Bootstrap, mcp.StartupReady, mcp.StartupFailed,
}

const (
	// longestPrefix of a refused API key is what its guesses are counted by, and shortest
	// the part of it that may be shown.
	longestPrefix = 12
	shownPart     = 4
)

// refused notes who was turned away. A failure of ours is none. Of admins' operations
// only those are, that were asked for with a credential that is known and no good any more.
func (s *Server) refused(k *call, operation string) {
	e := classify(k.err)
	known := e.Code == errs.Unauthenticated && k.caller.PrincipalKey != ""
	if status[e.Code] >= http.StatusInternalServerError || e.Code == errs.Canceled || (!known && !slices.Contains(componentOperations, operation)) {
		return
	}
	s.Metrics.Refused(e.Code)
	r := outcomes.Refused{
		Tenant: k.caller.TenantKey, Principal: k.caller.PrincipalKey, Code: string(e.Code), Operation: operation,
		Peer: k.remoteAddr, Detail: e.Message, At: s.Now(), Component: componentOf(k.body),
	}
	if r.Principal == "" {
		r.KeyPrefix = s.keyPrefix(k.header)
	}
	if known && e.Cause != nil {
		r.Detail = e.Cause.Error()
	}
	s.Refusals.Add(r)
}

// keyPrefix is the beginning of the API key that a request shows, if it does.
func (s *Server) keyPrefix(h http.Header) string {
	shown := h.Get(s.keyHeader)
	if scheme, bearer, _ := strings.Cut(h.Get(echo.HeaderAuthorization), " "); shown == "" && strings.EqualFold(scheme, "Bearer") {
		if shown = strings.TrimSpace(bearer); strings.Count(shown, ".") == 2 {
			return "" // a JWT, which all begin alike
		}
	}
	prefix := shown[:min(longestPrefix, len(shown)/shownPart)]
	if strings.ContainsFunc(prefix, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return ""
	}
	return prefix
}

// componentOf is the component that a request names, as far as it can be read.
func componentOf(body []byte) string {
	type named struct {
		Component string `json:"component_key"`
	}
	var request struct {
		named
		Params struct{ Arguments named }
	}
	_ = json.Unmarshal(body, &request) // a wrong member leaves the others
	for _, name := range []string{request.Component, request.Params.Arguments.Component} {
		if contract.IsKey(name) {
			return name
		}
	}
	return ""
}

func unlessEmpty(s string) nullable.Nullable[string] {
	if s == "" {
		return nullable.NewNullNullable[string]()
	}
	return nullable.NewNullableWithValue(s)
}
