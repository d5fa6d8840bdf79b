// Command crud writes the handlers that all kinds of resource have alike, from
// openapi.yaml: list, create, get, update and delete.
package main

import (
	"bytes"
	_ "embed"
	"go/format"
	"log"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"text/template"

	"github.com/getkin/kin-openapi/openapi3"
)

//go:embed server.go.tmpl
var code string

// resource is a path with all five operations. A name that oapi-codegen or sqlc makes
// in another way doesn't compile.
type resource struct {
	Path    string
	ID      string // in the path, as text
	Kind    string // one, as model, admin and store call it
	Kinds   string // many
	Filters string // of a list

	List, Create, Get, Update, Delete string // methods; no Create where it is written by hand
}

func main() { // in internal/codegen, where go generate runs it
	spec, err := openapi3.NewLoader().LoadFromFile("../../openapi.yaml")
	check(err)
	var all []resource
	for _, at := range slices.Sorted(maps.Keys(spec.Paths.Map())) {
		many, one := spec.Paths.Value(at), spec.Paths.Value(at+"/{id}")
		if !strings.HasPrefix(at, "/v1/admin/") || one == nil ||
			slices.Contains([]*openapi3.Operation{many.Get, many.Post, one.Get, one.Patch, one.Delete}, nil) {
			continue
		}
		r := resource{
			Path: at, ID: "r.ID", Kind: answer(one.Get, 200), Filters: filters(many.Get),
			List: title(many.Get.OperationID), Get: title(one.Get.OperationID),
			Update: title(one.Patch.OperationID), Delete: title(one.Delete.OperationID),
		}
		r.Kinds = strings.TrimPrefix(r.List, "List")
		if answer(many.Post, 201) == r.Kind { // else it tells more, as of a key that is shown once
			r.Create = title(many.Post.OperationID)
		}
		if one.Parameters.GetByInAndName(openapi3.ParameterInPath, "id").Schema.Value.Format == "uuid" {
			r.ID += ".String()"
		}
		all = append(all, r)
	}
	var out bytes.Buffer
	check(template.Must(template.New("").Parse(code)).Execute(&out, all))
	text, err := format.Source(out.Bytes())
	check(err)
	check(os.WriteFile("../server/crud.gen.go", text, 0o644)) //nolint:gosec // for all to read, as git leaves it
}

// filters are the query parameters that are no page's.
func filters(list *openapi3.Operation) (fields string) {
	for _, p := range list.Parameters {
		if p.Value.In != openapi3.ParameterInQuery || slices.Contains([]string{"tenant_key", "limit", "cursor"}, p.Value.Name) {
			continue
		}
		field := title(p.Value.Name)
		value := "p." + field
		if p.Value.Schema.Value.Enum != nil { // a type of its own
			value = "text(" + value + ")"
		}
		fields += field + ": " + value + ", "
	}
	return fields
}

// answer is the name of the schema of what an operation answers with.
func answer(op *openapi3.Operation, status int) string {
	return path.Base(op.Responses.Status(status).Value.Content.Get("application/json").Schema.Ref)
}

// title is a name as Go exports it: principal_id is PrincipalID.
func title(name string) (exported string) {
	for word := range strings.SplitSeq(name, "_") {
		if word == "id" {
			word = "ID"
		}
		exported += strings.ToUpper(word[:1]) + word[1:]
	}
	return exported
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
