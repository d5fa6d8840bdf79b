// Package contract is openapi.yaml at run time: which operation a request is of,
// what is special about that one (x-metagate), and whether the request is as the
// document says.
package contract

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/routers"

	"github.com/legivellum/metagate"
	"github.com/legivellum/metagate/internal/doc"
)

// Contract is openapi.yaml: its operations, and the two texts it is served as.
type Contract struct {
	YAML, JSON []byte
	Tools      []*Tool           // of POST /mcp, in the order of the document
	routes     map[string]*Route // by method and Echo's own path: "GET /v1/startup/:startup_id"
	concrete   map[string]string // Allow of the paths that are no templates
}

// Traits are what is special about an operation: x-metagate in openapi.yaml.
type Traits struct {
	// Deadline is the class of how long a request may take: component, admin, world
	// or stream, which is as admin until the answer begins. It is admin below /v1/admin and component elsewhere where none is named.
	Deadline string `json:"deadline"`
	// Remembers is of an operation whose own statement checks the caller's epoch, so
	// that who asks may be remembered.
	Remembers bool `json:"remembers"`
	// Body is the class of how large the body may be: component, world or mcp; empty is any other.
	Body string `json:"body"`
	// Tools are what an operation of class mcp calls.
	Tools []*Tool `json:"tools"`
}

// The classes of Traits.
const (
	OfComponent = "component"
	OfAdmin     = "admin"
	OfWorld     = "world"
	OfMCP       = "mcp"
	OfStream    = "stream"
)

// scopeAdmin is the role that openapi.yaml asks for on /v1/admin.
const scopeAdmin = "admin"

// Route is an operation. Its security is kept apart: the validator would read
// the whole body, without a limit, before it asks for credentials.
type Route struct {
	ID string // operationId
	Traits
	Schemes []string // of security, in order, but for mutualTLS, which is no part of a request; none is an open operation
	Open    bool     // security may be left out: the operation itself asks who it is, where it has to know
	Admin   bool     // only admins pass, and misspelt query parameters are refused

	route   routers.Route
	body    *openapi3.Schema // whatever its media type; nil where there is none
	patches bool             // it takes a merge patch (RFC 7396), in which null has a meaning
	quick   *quick           // of an operation that remembers
}

// specHeader is the API key header that openapi.yaml names.
const specHeader = "name: X-API-Key"

// maxSize is more than openapi.yaml has.
const maxSize = 8 << 20

// Load reads the embedded openapi.yaml, with API_KEY_HEADER in the place of its own.
func Load(apiKeyHeader string) (*Contract, error) {
	spec, err := openapi3.NewLoader().LoadFromData(metagate.OpenAPI)
	if err != nil {
		return nil, fmt.Errorf("openapi.yaml: %w", err)
	}
	out := &Contract{
		routes: map[string]*Route{}, concrete: map[string]string{},
		YAML: bytes.Replace(metagate.OpenAPI, []byte(specHeader), []byte("name: "+apiKeyHeader), 1),
	}
	if out.JSON, err = doc.YAMLToJSON(out.YAML, maxSize); err != nil { // in its order, which Swagger UI shows
		return nil, fmt.Errorf("openapi.yaml: %w", err)
	}
	// The validator's mode for 3.1 compiles every schema anew for each request
	// and answers with Go's words; the other one knows all that openapi.yaml uses.
	spec.OpenAPI = "3.0.3"
	for _, ref := range spec.Components.Schemas {
		if ref.Value.Extensions["x-metagate"] != nil {
			leaveOpen(ref.Value)
		}
	}
	for path, item := range spec.Paths.Map() {
		if !strings.Contains(path, "{") {
			out.concrete[path] = strings.Join(append([]string{http.MethodOptions}, slices.Sorted(maps.Keys(item.Operations()))...), ", ")
		}
		for method, op := range item.Operations() {
			r, err := newRoute(routers.Route{Spec: spec, Path: path, PathItem: item, Method: method, Operation: op})
			if err != nil {
				return nil, fmt.Errorf("openapi.yaml: %s %s: %w", method, path, err)
			}
			out.routes[method+" "+echoPath(path)] = r
			out.Tools = append(out.Tools, r.Tools...)
		}
	}
	all, err := spell(out.JSON)
	if err != nil {
		return nil, err
	}
	for _, t := range out.Tools {
		if err := t.resolve(spec.Components.Schemas, all); err != nil {
			return nil, fmt.Errorf("openapi.yaml: tool %s: %w", t.Name, err)
		}
	}
	return out, nil
}

// leaveOpen opens a schema whose breach is refused elsewhere in better words: that a
// kind is reserved; a forbidden key before a name that is no section (contract 6).
func leaveOpen(s *openapi3.Schema) {
	s.Enum, s.Pattern, s.Properties, s.AdditionalProperties = nil, "", nil, openapi3.AdditionalProperties{}
}

func newRoute(route routers.Route) (*Route, error) {
	op := route.Operation
	r := &Route{ID: op.OperationID, route: route, Traits: Traits{Deadline: OfComponent}}
	for _, requirement := range *op.Security {
		r.Open = r.Open || len(requirement) == 0
		for scheme, scopes := range requirement { // each names one
			if s := route.Spec.Components.SecuritySchemes[scheme]; s == nil || s.Value.Type != "mutualTLS" {
				r.Schemes = append(r.Schemes, scheme)
			}
			r.Admin = r.Admin || len(scopes) > 0 && scopes[0] == scopeAdmin
		}
	}
	op.Security = openapi3.NewSecurityRequirements()
	if r.Admin {
		r.Deadline = OfAdmin
	}
	if err := r.special(op.Extensions["x-metagate"]); err != nil {
		return nil, err
	}
	if op.RequestBody != nil {
		for name, media := range op.RequestBody.Value.Content {
			r.body = media.Schema.Value
			r.patches = r.patches || name == mediaPatch
		}
	}
	if r.Remembers {
		r.quick = newQuick(op)
	}
	return r, nil
}

// Route returns the operation of a method and a path that Echo found echoPath for,
// or nil.
func (c *Contract) Route(method, path, echoPath string) *Route {
	if c.Allow(path, echoPath) != "" {
		return nil
	}
	return c.routes[method+" "+echoPath]
}

// Allow is what may be done with a path for which Echo found a template, though it
// is one by itself: Echo looks on where that lacks the method, OpenAPI doesn't.
func (c *Contract) Allow(path, echoPath string) string {
	if path == echoPath {
		return ""
	}
	return c.concrete[path]
}

// echoPath turns {id} into :id.
func echoPath(path string) string {
	return strings.NewReplacer("{", ":", "}", "").Replace(path)
}

// HasBody reports whether the operation takes a body.
func (r *Route) HasBody() bool { return r.body != nil }
