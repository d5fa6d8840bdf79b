package apptest

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
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/google/uuid"

	"github.com/legivellum/metagate"
	"github.com/legivellum/metagate/internal/doc"
)

// checking is an http.RoundTripper that holds every answer of every test
// against openapi.yaml and fails the test where they differ.
type checking struct {
	tb   testing.TB
	next http.RoundTripper
}

func (c checking) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := c.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil {
		return nil, err
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	if err := CheckAnswer(r, resp.StatusCode, resp.Header, body); err != nil {
		c.tb.Errorf("the answer %d to %s %s breaks the contract: %v\n%s", resp.StatusCode, r.Method, r.URL.RequestURI(), err, head(body))
	}
	return resp, nil
}

func head(body []byte) []byte { return body[:min(len(body), 2000)] }

// CheckAnswer says in what an answer differs from openapi.yaml and from what
// the contract says of every answer; nil is a good answer.
func CheckAnswer(r *http.Request, status int, header http.Header, body []byte) error {
	if r.Method != http.MethodHead && strings.HasPrefix(r.URL.Path, "/v1/") && header.Get("Content-Type") == "application/yaml" {
		return checkYAML(r, status, header, body)
	}
	errs := []error{checkAnyAnswer(r, header)}
	if route := RouteOf(r.Method, r.URL); route != nil {
		errs = append(errs, checkDocumented(r, route, status, header, body))
	} else {
		errs = append(errs, checkUnrouted(r, status, header))
	}
	switch {
	case r.Method == http.MethodHead || status == http.StatusNoContent || status == http.StatusNotModified:
		if len(body) > 0 {
			errs = append(errs, errors.New("it must have no body"))
		}
	case r.URL.Path == "/mcp" && header.Get("Content-Type") == "application/json": // refusals, too
		errs = append(errs, checkMessage(header, body))
	case status >= http.StatusBadRequest:
		errs = append(errs, checkProblem(status, header, body))
	case header.Get("Content-Type") == "text/event-stream": // no JSON as a whole, and testimony in part
	case strings.HasPrefix(r.URL.Path, "/v1/") && !strings.Contains(r.URL.Path, "/startup"): // whose reports are testimony
		errs = append(errs, checkNoForbiddenKey(body))
	}
	return errors.Join(errs...)
}

// checkYAML holds a document as YAML to what openapi.yaml says of it as JSON.
func checkYAML(r *http.Request, status int, header http.Header, body []byte) error {
	text, err := doc.YAMLToJSON(body, 1<<24)
	if err != nil {
		return err
	}
	header = header.Clone()
	header.Set("Content-Type", "application/json")
	return CheckAnswer(r, status, header, text)
}

// RouteOf is the operation of openapi.yaml that a request is for, or nil. HEAD is
// for that of GET; a concrete path goes before a template, whatever the method.
func RouteOf(method string, u *url.URL) *routers.Route {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	path := ""
	for _, route := range routes() {
		if fits(route.Path, u.EscapedPath()) && (path == "" || strings.Contains(path, "{")) {
			path = route.Path
		}
	}
	for _, route := range routes() {
		if route.Path == path && route.Method == method {
			return route
		}
	}
	return nil
}

func fits(template, path string) bool {
	want, got := strings.Split(template, "/"), strings.Split(path, "/")
	return slices.EqualFunc(want, got, func(w, g string) bool { return w == g || (g != "" && strings.HasPrefix(w, "{")) })
}

// Operations are the operations of openapi.yaml by operationId.
func Operations() map[string]*routers.Route { return maps.Clone(routes()) }

var routes = sync.OnceValue(func() map[string]*routers.Route {
	doc, err := openapi3.NewLoader().LoadFromData(metagate.OpenAPI)
	if err != nil {
		panic(err) // no test can run without the contract
	}
	for _, ref := range doc.Components.Schemas {
		for _, p := range ref.Value.Properties {
			if p.Value.Type == nil { // which is any, but the validator leaves null out
				p.Value.Type = &openapi3.Types{"null", "boolean", "number", "string", "array", "object"}
			}
		}
	}
	out := map[string]*routers.Route{}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			out[op.OperationID] = &routers.Route{Spec: doc, Path: path, PathItem: item, Method: method, Operation: op}
		}
	}
	return out
})

func checkDocumented(r *http.Request, route *routers.Route, status int, header http.Header, body []byte) error {
	response := route.Operation.Responses.Status(status)
	if response == nil {
		return fmt.Errorf("openapi.yaml gives %s no %d", route.Operation.OperationID, status)
	}
	contentType := header.Get("Content-Type")
	switch content := response.Value.Content; {
	case len(content) == 0 && contentType != "":
		return fmt.Errorf("Content-Type %q of an answer without content", contentType)
	case len(content) > 0 && (contentType == "" || content.Get(contentType) == nil):
		return fmt.Errorf("Content-Type %q, openapi.yaml says %v", contentType, slices.Sorted(maps.Keys(content)))
	}
	if status == http.StatusNotModified { // which the validator never looks at
		return checkHeaders(response.Value.Headers, header)
	}
	return openapi3filter.ValidateResponse(context.Background(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: r, Route: route},
		Status:                 status, Header: header, Body: io.NopCloser(bytes.NewReader(body)),
		Options: &openapi3filter.Options{
			IncludeResponseStatus: true, MultiError: true, SchemaValidationOptions: formats,
			ExcludeResponseBody: r.Method == http.MethodHead || !strings.Contains(contentType, "json"), // the rest has no schema
		},
	})
}

func checkHeaders(want openapi3.Headers, got http.Header) error {
	var errs []error
	for name, h := range want {
		switch value := got.Get(name); {
		case value != "":
			if err := h.Value.Schema.Value.VisitJSON(value, formats...); err != nil {
				errs = append(errs, fmt.Errorf("header %s: %w", name, err))
			}
		case h.Value.Required:
			errs = append(errs, fmt.Errorf("header %s is missing", name))
		}
	}
	return errors.Join(errs...)
}

// formats are those of openapi.yaml, and what contract 2 says of times: UTC,
// at most microseconds.
var formats = []openapi3.SchemaValidationOption{
	openapi3.EnableFormatValidation(),
	openapi3.WithStringFormatValidator("uuid", openapi3.NewCallbackValidator(func(s string) error {
		if len(s) != 36 {
			return errors.New("no UUID")
		}
		return uuid.Validate(s)
	})),
	openapi3.WithStringFormatValidator("date-time", openapi3.NewCallbackValidator(func(s string) error {
		t, err := time.Parse(time.RFC3339, s)
		if err == nil && (!strings.HasSuffix(s, "Z") || t.Nanosecond()%1000 != 0) {
			err = errors.New("no UTC time of whole microseconds")
		}
		return err
	})),
}
