package contract

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/legivellum/metagate/internal/errs"
)

// few values may be looked through for everything wrong at once. The validator
// makes an error of each, without end, so in more of them it stops at the first,
// and what they consist of is looked through instead.
const few = 10_000

var (
	oneError  = append([]openapi3.SchemaValidationOption{openapi3.VisitAsRequest()}, formats...)
	allErrors = append([]openapi3.SchemaValidationOption{openapi3.VisitAsRequest(), openapi3.MultiErrors()}, formats...)
)

// inspect holds a body, which is I-JSON, against its schema. The error lists every
// offending place, as far as an error may.
func inspect(body []byte, schema *openapi3.Schema) error {
	if schema == nil {
		return nil
	}
	var value any
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	if err := dec.Decode(&value); err != nil {
		return errs.Wrap(err, errs.InvalidRequest, "the body is not as openapi.yaml says")
	}
	out := &errs.Error{Code: errs.InvalidRequest}
	look(schema, value, "", out)
	if out.Places == nil {
		return nil
	}
	first := out.Places[0]
	out.Message = strings.TrimSpace(first.Pointer + " " + first.Detail)
	return out
}

func look(s *openapi3.Schema, value any, at jsontext.Pointer, out *errs.Error) {
	if count(value, few) < few {
		collect(s.VisitJSON(value, allErrors...), at, out)
		return
	}
	err := s.VisitJSON(value, oneError...)
	if err == nil {
		return
	}
	before := len(out.Places)
	switch v := value.(type) {
	case []any:
		for i := 0; i < len(v) && s.Items != nil && !out.Full(); i++ {
			look(s.Items.Value, v[i], at.AppendToken(strconv.Itoa(i)), out)
		}
	case map[string]any:
		lookInto(s, v, at, out)
	}
	if len(out.Places) == before {
		collect(err, at, out)
	}
}

// lookInto looks at an object's members one by one, and then at the object with
// nothing in them, and with no more unknown ones than can be told.
func lookInto(s *openapi3.Schema, object map[string]any, at jsontext.Pointer, out *errs.Error) {
	shell, others := map[string]any{}, 0
	for _, name := range slices.Sorted(maps.Keys(object)) {
		schema := s.AdditionalProperties.Schema
		if p := s.Properties[name]; p != nil {
			schema, shell[name] = p, true
		} else if others < errs.MaxPlaces {
			others, shell[name] = others+1, true
		}
		if schema != nil && !out.Full() {
			look(schema.Value, object[name], at.AppendToken(name), out)
		}
	}
	bare, anything := *s, openapi3.NewSchemaRef("", openapi3.NewSchema())
	bare.Properties = openapi3.Schemas{}
	for name := range s.Properties {
		bare.Properties[name] = anything
	}
	if bare.AdditionalProperties.Schema != nil {
		bare.AdditionalProperties.Schema = anything
	}
	collect(bare.VisitJSON(shell, allErrors...), at, out)
}

// count counts the values in v, up to most.
func count(v any, most int) int {
	n := 1
	switch v := v.(type) {
	case []any:
		for i := 0; i < len(v) && n < most; i++ {
			n += count(v[i], most-n)
		}
	case map[string]any:
		for _, member := range v {
			if n >= most {
				break
			}
			n += count(member, most-n)
		}
	}
	return n
}

// collect adds the places that the validator names.
func collect(err error, at jsontext.Pointer, out *errs.Error) {
	switch e := err.(type) { //nolint:errorlint // a tree is walked, not a chain
	case nil:
	case openapi3.MultiError:
		for i := 0; i < len(e) && !out.Full(); i++ {
			collect(e[i], at, out)
		}
	case *openapi3.SchemaError:
		for _, token := range e.JSONPointer() {
			at = at.AppendToken(token)
		}
		var unknown string // which the validator names in its text alone
		detail := e.Reason
		if _, err := fmt.Sscanf(e.Reason, "property %q is unsupported", &unknown); err == nil {
			at = at.AppendToken(unknown)
			detail += errs.DidYouMean(unknown, slices.Sorted(maps.Keys(e.Schema.Properties)))
		}
		out.Add(errs.Place{Pointer: string(at), Detail: detail})
	default:
		out.Add(errs.Place{Pointer: string(at), Detail: "malformed"})
	}
}

// badParameter turns what the validator says of parameters into an error with
// the first: the log has them all.
func badParameter(err error) error {
	return errs.Wrap(err, errs.InvalidRequest, "%s", sayParameter(err))
}

func sayParameter(err error) string {
	switch e := err.(type) { //nolint:errorlint // a tree is walked, not a chain
	case openapi3.MultiError:
		return sayParameter(e[0])
	case *openapi3filter.RequestError:
		prefix := ""
		if e.Parameter != nil {
			prefix = fmt.Sprintf("%s parameter %q: ", e.Parameter.In, e.Parameter.Name)
		}
		if e.Err == nil {
			return prefix + e.Reason
		}
		return prefix + sayParameter(e.Err)
	case *openapi3.SchemaError:
		return e.Reason
	case *openapi3filter.ParseError:
		return "can't be read as its type"
	default:
		return "missing or malformed"
	}
}
