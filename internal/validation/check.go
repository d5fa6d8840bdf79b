package validation

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"github.com/legivellum/metagate/internal/errs"
)

// Document is a JSON document to be held against schemas.
type Document struct {
	value any
	big   []errs.Place
}

// Read reads a document.
func Read(text []byte) (Document, error) {
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	return Document{v, numbers(v, "")}, err
}

// Check returns every place where a document is not as the schema says, in the order of
// their pointers; none where it is. A document that takes too long to check is not.
// It also tells the steps that it took.
func (s *Schema) Check(d Document) (places []errs.Place, steps int) {
	if d.big != nil {
		return d.big, 1
	}
	return s.check(d.value)
}

func (s *Schema) check(v any) (places []errs.Place, steps int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer func() {
		steps = min(maxCost, maxCost-s.purse.left)
		switch r := recover(); r {
		case nil:
		case errSpent:
			places = []errs.Place{{Detail: fmt.Sprintf("takes more than %d steps to check: simplify the schema", maxCost)}}
		default:
			places = []errs.Place{{Detail: "can't be checked: the schema and the document are too unusual"}}
		}
	}()
	s.purse.left = maxCost
	err := s.compiled.Validate(v)
	var invalid *jsonschema.ValidationError
	if !errors.As(err, &invalid) {
		return nil, 0
	}
	places = flat(invalid, "")
	slices.SortFunc(places, func(a, b errs.Place) int {
		return cmp.Or(strings.Compare(a.Pointer, b.Pointer), strings.Compare(a.Detail, b.Detail))
	})
	return slices.Compact(places), 0
}

// circle is what refers to itself.
const circle = "refers to itself for the same value"

var english = message.NewPrinter(language.English)

// flat is an error's tree as places: alternatives that all fail are one.
func flat(e *jsonschema.ValidationError, at string) []errs.Place {
	here := at + pointer(e.InstanceLocation)
	switch k := e.ErrorKind.(type) {
	case *kind.Schema, *kind.Group, *kind.AllOf, *kind.Reference:
		var places []errs.Place
		for _, cause := range e.Causes {
			places = append(places, flat(cause, at)...)
		}
		return places
	case *kind.AdditionalProperties:
		places := make([]errs.Place, len(k.Properties))
		for i, name := range k.Properties {
			places[i] = errs.Place{Pointer: string(jsontext.Pointer(here).AppendToken(name)), Detail: "is not allowed here"}
		}
		return places
	case *kind.Required:
		places := make([]errs.Place, len(k.Missing))
		for i, name := range k.Missing {
			places[i] = errs.Place{Pointer: string(jsontext.Pointer(here).AppendToken(name)), Detail: "is missing"}
		}
		return places
	case *kind.FalseSchema:
		return []errs.Place{{Pointer: here, Detail: "is not allowed here"}}
	case *kind.RefCycle:
		return []errs.Place{{Pointer: here, Detail: strconv.Quote(below(k.URL)) + " of the schema " + circle}}
	case nil:
		return []errs.Place{{Pointer: here, Detail: "is not as the schema says"}}
	}
	detail := e.ErrorKind.LocalizedString(english)
	if len(e.Causes) > 0 {
		detail += ": " + causes(e, here, at)
	}
	return []errs.Place{{Pointer: here, Detail: detail}}
}

// alternatives is how many reasons one place tells.
const alternatives = 4

func causes(e *jsonschema.ValidationError, here, at string) string {
	var out []string
	for _, cause := range e.Causes {
		for _, p := range flat(cause, at) {
			if len(out) == alternatives {
				return strings.Join(append(out, "…"), "; ")
			}
			inner := strings.TrimPrefix(p.Pointer, here)
			if inner != "" {
				inner += " "
			}
			out = append(out, inner+p.Detail)
		}
	}
	return strings.Join(out, "; ")
}

func pointer(tokens []string) string {
	var p jsontext.Pointer
	for _, t := range tokens {
		p = p.AppendToken(t)
	}
	return string(p)
}

// maxDigits is how long a number may be, and how large its exponent: the library computes
// with fractions, of however many digits.
const maxDigits = 400

// numbers are the places of numbers that nobody should compute with.
func numbers(document any, at string) (places []errs.Place) {
	walk(document, at, func(pointer, _ string, v any) {
		n, ok := v.(json.Number)
		if !ok {
			return
		}
		_, exponent, scientific := strings.Cut(strings.ToLower(n.String()), "e")
		e, err := strconv.Atoi(exponent)
		if len(n) > maxDigits || scientific && (err != nil || e > maxDigits || e < -maxDigits) {
			places = append(places, errs.Place{Pointer: pointer, Detail: fmt.Sprintf("is a number of more than %d digits, which is not computed with", maxDigits)})
		}
	})
	return places
}

// walk visits every value below a document, with the name of the member that it is.
func walk(v any, at string, visit func(pointer, name string, v any)) {
	switch v := v.(type) {
	case map[string]any:
		for name, member := range v {
			below := string(jsontext.Pointer(at).AppendToken(name))
			visit(below, name, member)
			walk(member, below, visit)
		}
	case []any:
		for i, item := range v {
			below := at + "/" + strconv.Itoa(i)
			visit(below, "", item)
			walk(item, below, visit)
		}
	}
}

// nodes is how many objects and booleans there are: each may be a schema.
func nodes(document any) (n int) {
	count := func(_, _ string, v any) {
		switch v.(type) {
		case map[string]any, bool:
			n++
		}
	}
	count("", "", document)
	walk(document, "", count)
	return n
}
