package server

import (
	"bytes"
	"net/http"
	"strings"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/routers"
	"github.com/google/uuid"

	"github.com/legivellum/metagate"
)

// spec is the contract as the server uses it: routes by Echo's own path, and the
// two texts it is served as.
type spec struct {
	routes     map[string]*route // "GET /v1/startup/:startup_id"
	yaml, json []byte
}

// route is an operation. Its security is kept apart: the validator would read
// the whole body, without a limit, before it asks for credentials.
type route struct {
	routers.Route
	security openapi3.SecurityRequirements
	admin    bool             // misspelt query parameters are refused
	body     *openapi3.Schema // whatever its media type; nil where there is none
	flat     *flat            // of a hot operation
}

// specHeader is the API key header that openapi.yaml names.
const specHeader = "name: X-API-Key"

func loadSpec(apiKeyHeader string) (*spec, error) {
	doc, err := openapi3.NewLoader().LoadFromData(metagate.OpenAPI)
	if err != nil {
		return nil, err
	}
	doc.Components.SecuritySchemes["apiKeyAuth"].Value.Name = apiKeyHeader
	out := &spec{
		routes: map[string]*route{},
		yaml:   bytes.Replace(metagate.OpenAPI, []byte(specHeader), []byte("name: "+apiKeyHeader), 1),
	}
	if out.json, err = doc.MarshalJSON(); err != nil {
		return nil, err
	}
	// The validator's mode for 3.1 compiles every schema anew for each request
	// and answers with Go's words; the other one knows all that openapi.yaml uses.
	doc.OpenAPI = "3.0.3"
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			r := &route{
				Route:    routers.Route{Spec: doc, Path: path, PathItem: item, Method: method, Operation: op},
				security: *op.Security,
				admin:    strings.HasPrefix(path, "/v1/admin/"),
			}
			op.Security = openapi3.NewSecurityRequirements()
			if op.RequestBody != nil {
				for _, media := range op.RequestBody.Value.Content {
					r.body = media.Schema.Value
				}
			}
			if hot[op.OperationID] {
				r.flat = newFlat(op)
			}
			out.routes[method+" "+echoPath(path)] = r
		}
	}
	return out, nil
}

// echoPath turns {id} into :id.
func echoPath(path string) string {
	return strings.NewReplacer("{", ":", "}", "").Replace(path)
}

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
		if t, err := time.Parse(time.RFC3339, s); err != nil || t.UTC().Year() > 9999 {
			return errNotTime
		}
		return nil
	})),
}

// allows reports whether the operation takes a body of this media type.
func allows(op *openapi3.Operation, r *http.Request) bool {
	return op.RequestBody.Value.Content.Get(r.Header.Get("Content-Type")) != nil
}
