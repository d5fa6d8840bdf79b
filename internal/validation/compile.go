// Package validation holds documents against JSON Schemas that operators write. A schema is
// compiled without reading anything from anywhere, and what a check may cost is counted and
// not timed: the same document is judged alike on every machine.
package validation

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/legivellum/metagate/internal/errs"
)

// What a schema may be.
const (
	MaxBytes = 256 << 10
	maxNodes = 2_000  // objects and booleans in it: compiling takes their square
	maxRegex = 20_000 // instructions of all its patterns
)

// home is where the schema stands in the eyes of the compiler: a relative $ref leads to
// another address there, where nothing is.
const home = "metagate:///schema"

// Schema is a compiled JSON Schema. It may be used by many at a time, who take turns.
type Schema struct {
	mu       sync.Mutex
	compiled *jsonschema.Schema
	purse    *purse
}

// Compile compiles a JSON Schema of draft 2020-12, or of the one that its $schema names. The
// error is an INVALID_REQUEST with places below at, a JSON Pointer.
func Compile(text []byte, at string) (*Schema, error) {
	if len(text) > MaxBytes {
		return nil, refuse(at, fmt.Sprintf("is larger than %d bytes", MaxBytes))
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, refuse(at, "is no JSON")
	}
	if big := numbers(document, at); big != nil {
		return nil, errs.At(errs.InvalidRequest, "the schema does not compile", big...)
	}
	if n := nodes(document); n > maxNodes {
		return nil, refuse(at, fmt.Sprintf("has %d objects and booleans: at most %d may be", n, maxNodes))
	}
	s := &Schema{purse: &purse{known: map[string]counted{}}}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.UseLoader(jsonschema.SchemeURLLoader{}) // none: the default one opens files
	c.UseRegexpEngine(s.purse.pattern)
	c.AssertVocabs()
	var all []*jsonschema.Schema
	c.RegisterVocabulary(&jsonschema.Vocabulary{URL: home + "/cost", Compile: func(ctx *jsonschema.CompilerContext, _ map[string]any) (jsonschema.SchemaExt, error) {
		all = append(all, ctx.Enqueue(nil)) // itself
		return nil, nil
	}})
	if err := c.AddResource(home, document); err != nil {
		return nil, refuse(at, plain(err.Error()))
	}
	if s.compiled, err = c.Compile(home); err != nil {
		return nil, explained(document, at, err)
	}
	for _, one := range all {
		s.purse.charge(one)
	}
	s.purse.known = nil
	return s, s.turns(at)
}

// turns refuses a schema that refers to itself for the same value, and so holds nothing.
func (s *Schema) turns(at string) error {
	for _, v := range []any{map[string]any{}, []any{}, "", nil} {
		places, _ := s.check(v)
		for _, p := range places {
			if strings.Contains(p.Detail, circle) {
				return refuse(at, p.Detail)
			}
		}
	}
	return nil
}

func refuse(at, detail string) error {
	return errs.At(errs.InvalidRequest, "the schema does not compile", errs.Place{Pointer: at, Detail: detail})
}

// explained says in places what a compiler's error says in its own way.
func explained(document any, at string, err error) error {
	var places []errs.Place
	var invalid *jsonschema.SchemaValidationError
	var remote *jsonschema.LoadURLError
	var anchor *jsonschema.AnchorNotFoundError
	var pointer *jsonschema.JSONPointerNotFoundError
	switch {
	case errors.As(err, &invalid):
		if v, ok := errors.AsType[*jsonschema.ValidationError](invalid.Err); ok {
			places = flat(v, at)
		}
	case errors.As(err, &remote):
		places = referring(document, at, remote.URL, "leads out of the schema: nothing is read from elsewhere, put it under $defs")
	case errors.As(err, &anchor):
		places = referring(document, at, anchor.Reference, "leads nowhere")
	case errors.As(err, &pointer):
		places = referring(document, at, pointer.URL, "leads nowhere")
	}
	if len(places) == 0 {
		places = []errs.Place{{Pointer: at, Detail: plain(err.Error())}}
	}
	return errs.At(errs.InvalidRequest, "the schema does not compile", places...)
}

// plain is a compiler's text without the address that it gave the schema.
func plain(text string) string {
	return strings.ReplaceAll(strings.Join(strings.Fields(text), " "), home, "")
}

// below is the JSON Pointer in an address's fragment.
func below(address string) string {
	_, fragment, _ := strings.Cut(address, "#")
	if decoded, err := url.PathUnescape(fragment); err == nil {
		return decoded
	}
	return fragment
}

// referring finds the members that a reference to an address may be of.
func referring(document any, at, address, detail string) (places []errs.Place) {
	short := strings.TrimPrefix(address, home)
	walk(document, at, func(pointer, name string, v any) {
		ref, ok := v.(string)
		if !ok || name != "$ref" && name != "$dynamicRef" && name != "$schema" {
			return
		}
		target, _, _ := strings.Cut(ref, "#")
		if ref == short || ref == address || target != "" && strings.HasSuffix(address, target) {
			places = append(places, errs.Place{Pointer: pointer, Detail: fmt.Sprintf("%q %s", ref, detail)})
		}
	})
	if places == nil {
		places = []errs.Place{{Pointer: at, Detail: fmt.Sprintf("%q %s", plain(address), detail)}}
	}
	return places
}
