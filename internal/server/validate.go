package server

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/labstack/echo/v4"

	"github.com/legivellum/metagate/internal/errs"
	"github.com/legivellum/metagate/internal/jsondoc"
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
		callOf(r.Context()).operation = route.Operation.OperationID
		input := &openapi3filter.RequestValidationInput{
			Request: r, Route: route, PathParams: pathParams(c),
			Options: &openapi3filter.Options{
				AuthenticationFunc:  s.authenticate,
				SkipSettingDefaults: true, MultiError: true,
				SchemaValidationOptions: formats,
			},
		}
		if err := openapi3filter.ValidateSecurityRequirements(r.Context(), input, *route.Operation.Security); err != nil {
			return refusal(err)
		}
		input.Options.AuthenticationFunc = openapi3filter.NoopAuthenticationFunc
		if route.Operation.RequestBody != nil {
			if err := s.readBody(r, route); err != nil {
				return err
			}
		}
		if err := checkQuery(r.URL.RawQuery); err != nil {
			return err
		}
		if err := openapi3filter.ValidateRequest(r.Context(), input); err != nil {
			return invalid(err)
		}
		return next(c)
	}
}

// readBody takes the body in, within the limit, and refuses what is no I-JSON.
func (s *Server) readBody(r *http.Request, route *routers.Route) error {
	if !allows(route.Operation, r) {
		want := slices.Sorted(maps.Keys(route.Operation.RequestBody.Value.Content))
		return errs.New(errs.UnsupportedMediaType, "send Content-Type: %s", strings.Join(want, " or "))
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, s.MaxBodyBytes+1))
	if err != nil {
		return errs.Wrap(err, errs.InvalidRequest, "the body could not be read to its end")
	}
	if int64(len(body)) > s.MaxBodyBytes {
		return errs.New(errs.TooLarge, "the body is larger than %d bytes (MAX_BODY_BYTES)", s.MaxBodyBytes)
	}
	if err := jsondoc.Check(body); err != nil {
		return err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return nil
}

// checkQuery refuses what the validator would pass over: a filter that can't be
// read must not count as none, nor reach the database.
func checkQuery(raw string) error {
	query, err := url.ParseQuery(raw)
	if err != nil {
		return errs.Wrap(err, errs.InvalidRequest, "the query is not well encoded")
	}
	for name, values := range query {
		if slices.ContainsFunc(append(values, name), func(s string) bool { return !utf8.ValidString(s) }) {
			return errs.New(errs.InvalidRequest, "query parameter %q: no valid UTF-8", name)
		}
	}
	return nil
}

// strictBinder decodes what was validated: member names match exactly, which
// encoding/json's don't.
type strictBinder struct{}

func (strictBinder) Bind(i any, c echo.Context) error {
	if err := jsonv2.UnmarshalRead(c.Request().Body, i); err != nil {
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

// invalid turns what the validator found into one error with every place.
func invalid(err error) error {
	out := &errs.Error{Code: errs.InvalidRequest, Cause: err}
	collect(err, "", out)
	if out.Message == "" {
		out.Message = "the request is not as openapi.yaml says"
	}
	return out
}

func collect(err error, prefix string, out *errs.Error) {
	switch e := err.(type) { //nolint:errorlint // a tree is walked, not a chain
	case openapi3.MultiError:
		for _, one := range e {
			collect(one, prefix, out)
		}
	case *openapi3filter.RequestError:
		if e.Parameter != nil {
			prefix = fmt.Sprintf("%s parameter %q: ", e.Parameter.In, e.Parameter.Name)
		}
		if e.Err == nil {
			say(out, prefix+e.Reason)
			return
		}
		collect(e.Err, prefix, out)
	case *openapi3.SchemaError:
		if prefix != "" {
			say(out, prefix+e.Reason)
			return
		}
		var at jsontext.Pointer
		for _, token := range e.JSONPointer() {
			at = at.AppendToken(token)
		}
		var unknown string // which the validator names in its text alone
		if _, err := fmt.Sscanf(e.Reason, "property %q is unsupported", &unknown); err == nil {
			at = at.AppendToken(unknown)
		}
		out.Places = append(out.Places, errs.Place{Pointer: string(at), Detail: e.Reason})
		say(out, strings.TrimSpace(string(at)+" "+e.Reason))
	case *openapi3filter.ParseError:
		say(out, prefix+"can't be read as its type")
	default:
		say(out, prefix+"missing or malformed")
	}
}

// say keeps the first message: the places tell the rest.
func say(out *errs.Error, message string) {
	if out.Message == "" {
		out.Message = message
	}
}
