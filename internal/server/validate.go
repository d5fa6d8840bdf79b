package server

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	jsonv2 "github.com/go-json-experiment/json"
	"github.com/labstack/echo/v4"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/errs"
	"github.com/legivellum/metagate/internal/store"
)

var (
	errNotUUID = errors.New("no UUID")
	errNotTime = errors.New("no RFC 3339 time")
)

// validate holds a request against openapi.yaml: credentials first, then the
// body as JSON, then parameters and body against their schemas.
func (s *Server) validate(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		if strings.Count(r.URL.Path, "/") != strings.Count(c.Path(), "/") {
			return echo.ErrNotFound // Echo's last parameter takes the rest of the path in
		}
		route, ok := s.spec.routes[r.Method+" "+c.Path()]
		if !ok {
			return next(c) // Echo's 404 or 405
		}
		k := callOf(r.Context())
		k.operation = route.Operation.OperationID
		d, q, remember := door{r.Header, k.remoteAddr, route.security}, store.Queries(s.Store), hot[k.operation]
		if !route.admin {
			q = s.Store.Hot()
		}
		k.again = func(ctx context.Context, q store.Queries) (caller, error) {
			return s.authenticate(ctx, q, d, true)
		}
		err := within(r.Context(), long[k.operation], func(ctx context.Context) (err error) {
			k.caller, err = s.authenticate(ctx, q, d, !remember)
			return err
		})
		if err != nil {
			return err
		}
		if long[k.operation] {
			lengthen(c)
		}
		if !remember {
			c.Response().Writer = plainJSON{c.Response().Writer}
		}
		refuse := func(err error) error { // nothing checks a remembered credential then
			if remember && !errs.Is(err, errs.RequestTimeout) { // which left no time to
				if _, again := k.again(r.Context(), q); again != nil {
					return again
				}
			}
			return err
		}
		if route.Operation.RequestBody != nil {
			body, done, err := s.readBody(r, route)
			defer done()
			if err != nil {
				return refuse(err)
			}
			k.body = body
			if route.flat != nil && r.URL.RawQuery == "" && route.flat.fits(r.Header, k.body) {
				return next(c)
			}
		}
		if err := checkQuery(r.URL.RawQuery, route); err != nil {
			return refuse(err)
		}
		input := &openapi3filter.RequestValidationInput{
			Request: r, Route: &route.Route, PathParams: pathParams(c),
			Options: &openapi3filter.Options{ExcludeRequestBody: true, SkipSettingDefaults: true, MultiError: true, SchemaValidationOptions: formats},
		}
		if err := openapi3filter.ValidateRequest(r.Context(), input); err != nil {
			return refuse(badParameter(err))
		}
		if err := inspect(k.body, route.body); err != nil {
			if k.operation != operationApply || jsonv2.Unmarshal(k.body, new(model.World)) != nil {
				return refuse(err)
			}
			k.invalid = err // reported with the rest
		}
		return next(c)
	}
}

// checkQuery refuses what the validator would pass over: a filter that can't be
// read must not count as none, nor reach the database; and a misspelt dry_run of
// an admin must not apply a world. A newer component may send more than we know.
func checkQuery(raw string, r *route) error {
	query, err := url.ParseQuery(raw)
	if err != nil {
		return errs.Wrap(err, errs.InvalidRequest, "the query is not well encoded")
	}
	for name, values := range query {
		if slices.ContainsFunc(append(values, name), func(s string) bool { return !utf8.ValidString(s) }) {
			return errs.New(errs.InvalidRequest, "query parameter %q: no valid UTF-8", name)
		}
		if r.admin && r.Operation.Parameters.GetByInAndName(openapi3.ParameterInQuery, name) == nil { // none is a path's
			return errs.New(errs.InvalidRequest, "query parameter %q is unknown", name)
		}
	}
	return nil
}

// strictBinder decodes what was validated: member names match exactly, which
// encoding/json's don't.
type strictBinder struct{}

func (strictBinder) Bind(i any, c echo.Context) error {
	if err := jsonv2.Unmarshal(callOf(c.Request().Context()).body, i); err != nil {
		return errs.Wrap(err, errs.InvalidRequest, "the body is not as openapi.yaml says")
	}
	return nil
}

func pathParams(c echo.Context) map[string]string {
	params := map[string]string{}
	for i, name := range c.ParamNames() {
		params[name] = c.ParamValues()[i]
	}
	return params
}
