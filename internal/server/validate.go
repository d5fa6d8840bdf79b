package server

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/contract"
	"github.com/legivellum/metagate/internal/doc"
	"github.com/legivellum/metagate/internal/errs"
	"github.com/legivellum/metagate/internal/identity"
	"github.com/legivellum/metagate/internal/store"
)

// validate holds a request against openapi.yaml: credentials first, then the
// body as JSON, then parameters and body against their schemas.
func (s *Server) validate(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		if to, leads := elsewhere(r.URL); leads {
			leaveBody(c)
			return c.Redirect(http.StatusTemporaryRedirect, to)
		}
		if strings.Count(r.URL.EscapedPath(), "/") != strings.Count(c.Path(), "/") {
			return echo.ErrNotFound // Echo's last parameter takes the rest of the path in
		}
		k := callOf(r.Context())
		if allow := s.contract.Allow(r.URL.Path, c.Path()); allow != "" {
			c.Response().Header().Set(echo.HeaderAllow, allow)
			return echo.ErrMethodNotAllowed
		}
		if k.route == nil {
			return next(c) // Echo's 404 or 405
		}
		if k.route.Body == contract.OfMCP {
			if err := s.sameOrigin(r); err != nil {
				return err
			}
		}
		if !k.route.Open {
			if err := s.admit(r.Context(), k, s.door(r, k)); err != nil {
				return err
			}
		}
		if k.route.Deadline == contract.OfWorld || k.route.Deadline == contract.OfStream {
			lengthen(c)
		}
		if !k.route.Remembers && k.route.Body != contract.OfMCP { // which write it plainly themselves
			c.Response().Writer = plainJSON{c.Response().Writer}
		}
		if err := s.holds(c, k); err != nil {
			return s.refuse(r.Context(), k, err)
		}
		return next(c)
	}
}

// queries are where an operation reads: components have connections of their own.
func (s *Server) queries(route *contract.Route) store.Queries {
	if route.Admin {
		return s.Store
	}
	return s.Store.Hot()
}

// door is what the request shows to be let in, in the order of openapi.yaml.
func (s *Server) door(r *http.Request, k *call) identity.Door {
	d := identity.Door{Certificate: k.certificate, Admin: k.route.Admin, RequestID: k.id, RemoteAddr: k.remoteAddr}
	if len(k.route.Schemes) > 0 {
		d.Shown = make([]identity.Shown, len(k.route.Schemes))
	}
	for i, scheme := range k.route.Schemes {
		name := s.keyHeader
		if scheme == string(identity.Bearer) {
			name = echo.HeaderAuthorization
		}
		d.Shown[i] = identity.Shown{Scheme: identity.Scheme(scheme), Text: r.Header.Get(name)}
	}
	return d
}

// headerReason says why an admin writes.
const headerReason = "Metagate-Reason"

// admit names the caller. A long operation has no more time than others until it
// is known who asks.
func (s *Server) admit(ctx context.Context, k *call, d identity.Door) (err error) {
	if k.route.Deadline == contract.OfWorld {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, adminTimeout)
		defer cancel()
	}
	k.caller, err = s.Identity.Authenticate(ctx, s.queries(k.route), d, !k.route.Remembers)
	if k.route.Admin {
		k.caller.Reason = k.header.Get(headerReason)
	}
	return err
}

// refuse makes sure that a remembered credential is still good: else nothing
// checks it where the request is refused for its form.
func (s *Server) refuse(ctx context.Context, k *call, err error) error {
	if !k.route.Remembers || errs.Is(err, errs.RequestTimeout) { // which left no time to
		return err
	}
	if _, again := k.caller.Again(ctx, s.queries(k.route)); again != nil {
		return again
	}
	return err
}

// holds reports in what the request breaks openapi.yaml.
func (s *Server) holds(c echo.Context, k *call) error {
	r := c.Request()
	if k.route.HasBody() {
		body, done, err := s.readBody(r, k)
		defer done()
		if err != nil {
			return err
		}
		if k.route.Body == contract.OfMCP { // which answers in JSON-RPC
			k.body, k.invalid = body, doc.Check(body)
			return nil
		}
		if k.body = body; k.route.Fits(r.Header, r.URL.RawQuery, body) {
			return nil
		}
		if k.body, err = checked(k.route, body); err != nil {
			return err
		}
	}
	if err := k.route.CheckParameters(r, pathParams(c)); err != nil {
		return err
	}
	if !k.route.HasBody() {
		return nil
	}
	err := k.route.CheckBody(k.body)
	if err != nil && k.route.Body == contract.OfWorld && doc.Decode(k.body, new(model.World)) == nil {
		k.invalid, err = err, nil // reported with the rest
	}
	return err
}

// strictBinder decodes what was validated: member names match exactly, which
// encoding/json's don't.
type strictBinder struct{}

func (strictBinder) Bind(i any, c echo.Context) error {
	k := callOf(c.Request().Context())
	if k.route.Body == contract.OfMCP {
		return nil // it may be no JSON at all
	}
	return doc.Decode(k.body, i)
}

// pathParams takes the escapes out where Echo looked at the path as it was sent.
func pathParams(c echo.Context) map[string]string {
	params := map[string]string{}
	for i, name := range c.ParamNames() {
		params[name] = c.ParamValues()[i]
		if text, err := url.PathUnescape(params[name]); err == nil && c.Request().URL.RawPath != "" {
			params[name] = text
		}
	}
	return params
}
