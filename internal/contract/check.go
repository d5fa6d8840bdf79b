package contract

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	jsonv2 "github.com/go-json-experiment/json"
	"github.com/google/uuid"

	"github.com/legivellum/metagate/internal/errs"
)

// special reads x-metagate, strictly: a trait misspelt is a trait lost.
func (r *Route) special(extension any) error {
	if extension == nil {
		return nil
	}
	raw, err := json.Marshal(extension)
	if err != nil {
		return err
	}
	return jsonv2.Unmarshal(raw, &r.Traits, jsonv2.RejectUnknownMembers(true))
}

var (
	errNotUUID = errors.New("no UUID")
	errNotTime = errors.New("no RFC 3339 time")
)

// formats are those of openapi.yaml that its validator doesn't know by itself.
var formats = []openapi3.SchemaValidationOption{
	openapi3.EnableFormatValidation(),
	openapi3.DisableSchemaErrorDetails(), // the log must not learn the value
	openapi3.WithStringFormatValidator("uuid", openapi3.NewCallbackValidator(func(s string) error {
		if len(s) != 36 {
			return errNotUUID
		}
		return uuid.Validate(s)
	})),
	openapi3.WithStringFormatValidator("date-time", openapi3.NewCallbackValidator(func(s string) error {
		t, err := time.Parse(time.RFC3339, s)
		if year := t.UTC().Year(); err != nil || year < 1 || year > 9999 { // an offset may lead out of what JSON and the engines can say
			return errNotTime
		}
		return nil
	})),
}

// Fits is a quick look: it reports whether parameters and body surely are as
// openapi.yaml says, and the body what doc.Check asks for. Where it doesn't know it
// says no.
func (r *Route) Fits(header http.Header, rawQuery string, body []byte) bool {
	return r.quick != nil && rawQuery == "" && r.quick.fits(header, body)
}

// CheckParameters holds path, query and header parameters against openapi.yaml.
func (r *Route) CheckParameters(req *http.Request, path map[string]string) error {
	if err := r.checkQuery(req.URL.RawQuery); err != nil {
		return err
	}
	for _, ref := range r.route.Operation.Parameters {
		if p := ref.Value; p.In == openapi3.ParameterInHeader && p.Schema.Value.Pattern != "" && !utf8.ValidString(req.Header.Get(p.Name)) {
			return errs.New(errs.InvalidRequest, "header parameter %q: no valid UTF-8", p.Name)
		}
	}
	input := &openapi3filter.RequestValidationInput{
		Request: req, Route: &r.route, PathParams: path,
		Options: &openapi3filter.Options{ExcludeRequestBody: true, SkipSettingDefaults: true, MultiError: true, SchemaValidationOptions: formats},
	}
	if err := openapi3filter.ValidateRequest(req.Context(), input); err != nil {
		return badParameter(err)
	}
	return nil
}

// checkQuery refuses what the validator would pass over: a filter that can't be
// read must not count as none, nor reach the database; and a misspelt dry_run of
// an admin must not apply a world. A newer component may send more than we know.
func (r *Route) checkQuery(raw string) error {
	query, err := url.ParseQuery(raw)
	if err != nil {
		return errs.Wrap(err, errs.InvalidRequest, "the query is not well encoded")
	}
	for name, values := range query {
		if slices.ContainsFunc(append(values, name), func(s string) bool { return !utf8.ValidString(s) }) {
			return errs.New(errs.InvalidRequest, "query parameter %q: no valid UTF-8", name)
		}
		if r.Admin && r.route.Operation.Parameters.GetByInAndName(openapi3.ParameterInQuery, name) == nil { // none is a path's
			return errs.New(errs.InvalidRequest, "query parameter %q is unknown%s", name, errs.DidYouMean(name, r.queries()))
		}
	}
	return nil
}

// queries are the names of the query parameters.
func (r *Route) queries() (names []string) {
	for _, p := range r.route.Operation.Parameters {
		if p.Value.In == openapi3.ParameterInQuery {
			names = append(names, p.Value.Name)
		}
	}
	return names
}

// CheckBody holds a body, which is I-JSON, against its schema. The error lists every
// offending place, as far as an error may.
func (r *Route) CheckBody(body []byte) error { return inspect(body, r.body) }
