package server

import (
	"bytes"
	"context"
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
	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/labstack/echo/v4"

	"github.com/legivellum/metagate/gen/api"
	"github.com/legivellum/metagate/internal/errs"
	"github.com/legivellum/metagate/internal/jsondoc"
	"github.com/legivellum/metagate/internal/store"
	"github.com/legivellum/metagate/internal/yamldoc"
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
		header, q, remember := r.Header, store.Queries(s.Store), hot[k.operation]
		if !route.admin {
			q = s.Store.Hot()
		}
		k.again = func(ctx context.Context, q store.Queries) (caller, error) {
			return s.authenticate(ctx, q, header, route.security, true)
		}
		var err error
		if k.caller, err = s.authenticate(r.Context(), q, header, route.security, !remember); err != nil {
			return err
		}
		refuse := func(err error) error { // nothing checks a remembered credential then
			if remember {
				if _, again := k.again(r.Context(), q); again != nil {
					return again
				}
			}
			return err
		}
		if route.Operation.RequestBody != nil {
			var err error
			if k.body, err = s.readBody(r, route); err != nil {
				return refuse(err)
			}
			if route.flat != nil && r.URL.RawQuery == "" && route.flat.fits(r.Header, k.body) {
				return next(c)
			}
			r.Body = io.NopCloser(bytes.NewReader(k.body))
		}
		if err := checkQuery(r.URL.RawQuery, route); err != nil {
			return refuse(err)
		}
		input := &openapi3filter.RequestValidationInput{
			Request: r, Route: &route.Route, PathParams: pathParams(c),
			Options: &openapi3filter.Options{SkipSettingDefaults: true, MultiError: true, SchemaValidationOptions: formats},
		}
		if err := openapi3filter.ValidateRequest(r.Context(), input); err != nil {
			if route.Operation.OperationID != operationApply || jsonv2.Unmarshal(k.body, new(api.World)) != nil {
				return refuse(invalid(err))
			}
			k.invalid = invalid(err) // reported with the rest
		}
		return next(c)
	}
}

// operationApply takes a whole world: a larger body, YAML too, and everything
// wrong in it is reported at once.
const operationApply = "applyWorld"

const (
	mediaJSON = "application/json"
	mediaYAML = "application/yaml"
)

// readBody takes the body in, within the limit, and refuses what is no I-JSON.
func (s *Server) readBody(r *http.Request, route *route) ([]byte, error) {
	if !allows(route.Operation, r) {
		want := slices.Sorted(maps.Keys(route.Operation.RequestBody.Value.Content))
		return nil, errs.New(errs.UnsupportedMediaType, "send Content-Type: %s", strings.Join(want, " or "))
	}
	limit, setting, depth := s.MaxBodyBytes, "MAX_BODY_BYTES", jsondoc.MaxDepth
	if route.Operation.OperationID == operationApply {
		limit, setting, depth = s.ApplyMaxBytes, "APPLY_MAX_BYTES", jsondoc.MaxDepth+worldDepth
	}
	body, err := readAll(r, limit+1)
	if err != nil {
		return nil, errs.Wrap(err, errs.InvalidRequest, "the body could not be read to its end")
	}
	if int64(len(body)) > limit {
		return nil, errs.New(errs.TooLarge, "the body is larger than %d bytes (%s)", limit, setting)
	}
	if strings.HasPrefix(r.Header.Get("Content-Type"), mediaYAML) {
		if body, err = yamldoc.ToJSON(body, limit); err != nil {
			return nil, err
		}
		r.Header.Set("Content-Type", mediaJSON)
	}
	return body, jsondoc.CheckDepth(body, depth)
}

// readAll reads up to limit bytes of the body; a small one of announced length
// without growing for it.
func readAll(r *http.Request, limit int64) ([]byte, error) {
	const small = 4 << 10
	if r.ContentLength < 0 || r.ContentLength > min(small, limit) {
		return io.ReadAll(io.LimitReader(r.Body, limit))
	}
	body := make([]byte, r.ContentLength)
	_, err := io.ReadFull(r.Body, body)
	return body, err
}

// worldDepth is how much deeper a document sits in a world than in a write of its own.
const worldDepth = 2

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
