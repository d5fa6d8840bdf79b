package contract

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// Tool is a tool of POST /mcp: a member of x-metagate.tools, and what it names.
type Tool struct {
	Name        string          `json:"name"`
	Description string          `json:"description"`
	Annotations json.RawMessage `json:"annotations"` // MCP's hints, as they are
	Open        bool            `json:"open"`        // needs no credential
	Admin       bool            `json:"admin"`       // only admins pass
	Remembers   bool            `json:"remembers"`   // as of an operation
	Input       string          `json:"input"`       // the schema of its arguments, by name; empty is none
	Create      string          `json:"create"`      // the schema of what its action create creates
	Output      string          `json:"output"`      // the schema of its result

	// The same as JSON Schema that refers to nothing outside itself.
	InputSchema, OutputSchema json.RawMessage

	input, create *openapi3.Schema
	quick         *quick
}

// Check holds arguments, which are I-JSON, against their schema. Optional ones that
// are null count as absent, so what comes back is the arguments without these.
func (t *Tool) Check(arguments []byte) ([]byte, error) {
	if t.quick != nil && t.quick.fits(nil, arguments) {
		return arguments, nil
	}
	return checked(arguments, t.input)
}

// CheckCreate holds what is to be created against its schema, like Check.
func (t *Tool) CheckCreate(resource []byte) ([]byte, error) { return checked(resource, t.create) }

func checked(body []byte, schema *openapi3.Schema) ([]byte, error) {
	if schema == nil {
		return body, nil
	}
	body = withoutNull(body, schema)
	return body, inspect(body, schema)
}

// spelled are the schemas of the document as it is served.
type spelled map[string]any

func spell(document []byte) (spelled, error) {
	var doc struct {
		Components struct {
			Schemas spelled `json:"schemas"`
		} `json:"components"`
	}
	err := json.Unmarshal(document, &doc)
	return doc.Components.Schemas, err
}

// resolve finds the schemas that the tool names, and spells them out of the document.
func (t *Tool) resolve(schemas openapi3.Schemas, all spelled) (err error) {
	for _, name := range []string{t.Input, t.Create, t.Output} {
		if name != "" && schemas[name] == nil {
			return fmt.Errorf("no schema %s", name)
		}
	}
	arguments := map[string]any{"type": "object", "properties": map[string]any{}}
	if t.Input != "" {
		t.input = schemas[t.Input].Value
		arguments = all.alone(all[t.Input]).(map[string]any)
		arguments["properties"].(map[string]any)["auth_token"] = map[string]any{
			"type": "string", "description": "A JWT or an API key, where no header carries one.",
		}
	}
	if t.Create != "" {
		t.create = schemas[t.Create].Value
	}
	if t.Remembers {
		t.quick = quickBody(t.input)
	}
	if t.InputSchema, err = json.Marshal(arguments); err != nil {
		return err
	}
	t.OutputSchema, err = json.Marshal(all.alone(all[t.Output]))
	return err
}

// alone is a schema as JSON Schema without references, and without what only
// OpenAPI and our generators know. None of ours refers to itself.
func (all spelled) alone(node any) any {
	switch node := node.(type) {
	case []any:
		out := make([]any, len(node))
		for i, member := range node {
			out[i] = all.alone(member)
		}
		return out
	case map[string]any:
		out := map[string]any{}
		if ref, ok := node["$ref"].(string); ok {
			out, _ = all.alone(all[strings.TrimPrefix(ref, "#/components/schemas/")]).(map[string]any)
		}
		for name, member := range node {
			if name != "$ref" && name != "example" && !strings.HasPrefix(name, "x-") {
				out[name] = all.alone(member)
			}
		}
		return out
	default:
		return node
	}
}
