package validation

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// maxCost is what one check may take, in steps: about 0.1 s.
const maxCost = 200_000

// errSpent is thrown through the library, which can't be stopped otherwise.
var errSpent = errors.New("spent")

// purse is what is left of a check's steps.
type purse struct {
	left  int
	regex int                // instructions of the patterns so far
	known map[string]counted // the compiler asks for each more than once
}

func (p *purse) spend(steps int) {
	if p.left -= steps; p.left < 0 {
		panic(errSpent)
	}
}

// charge lets a schema pay for itself and for what of its children can fail before they
// pay. A format is what the library looks at before it goes down.
func (p *purse) charge(s *jsonschema.Schema) {
	told, once, each := s.Format, weight(s), 1+enums(ofMembers(s)...)
	counted := &jsonschema.Format{Validate: func(v any) error {
		p.spend(once + size(v)*each)
		if told != nil {
			return told.Validate(v)
		}
		return nil
	}}
	if told != nil {
		counted.Name = told.Name
	}
	s.Format = counted
}

// weight is what a schema looks at for one value, whatever the value.
func weight(s *jsonschema.Schema) int {
	beside := append(append(append([]*jsonschema.Schema{s.Not, s.If, s.Then, s.Else, s.Ref, s.RecursiveRef}, s.AllOf...), s.AnyOf...), s.OneOf...)
	for _, one := range s.DependentSchemas {
		beside = append(beside, one)
	}
	n := 1 + len(beside) + enums(beside...) + len(s.Required) + len(s.Dependencies)
	for _, names := range s.DependentRequired {
		n += 1 + len(names)
	}
	return n
}

// ofMembers are the schemas of a value's members or items.
func ofMembers(s *jsonschema.Schema) []*jsonschema.Schema {
	out := append([]*jsonschema.Schema{s.PropertyNames, s.UnevaluatedProperties, s.Contains, s.Items2020, s.UnevaluatedItems}, s.PrefixItems...)
	for _, one := range []any{s.AdditionalProperties, s.Items, s.AdditionalItems} {
		switch one := one.(type) {
		case *jsonschema.Schema:
			out = append(out, one)
		case []*jsonschema.Schema:
			out = append(out, one...)
		}
	}
	for _, one := range s.Properties {
		out = append(out, one)
	}
	for _, one := range s.PatternProperties {
		out = append(out, one)
	}
	return out
}

// enums is how many values these schemas compare at most, each of them with one.
func enums(all ...*jsonschema.Schema) (most int) {
	for _, s := range all {
		if s != nil && s.Enum != nil {
			most = max(most, len(s.Enum.Values))
		}
	}
	return most
}

func size(v any) int {
	switch v := v.(type) {
	case map[string]any:
		return len(v)
	case []any:
		return len(v)
	}
	return 0
}

// pattern compiles a regular expression of RE2, which takes time by the length of what it is
// matched with alone.
func (p *purse) pattern(text string) (jsonschema.Regexp, error) {
	if known, ok := p.known[text]; ok {
		return known, nil
	}
	tree, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return nil, err
	}
	length := instructions(tree)
	if p.regex += length; p.regex > maxRegex {
		return nil, fmt.Errorf("the patterns are too large: at most %d instructions in all", maxRegex)
	}
	compiled, err := regexp.Compile(text)
	if err != nil {
		return nil, err
	}
	p.known[text] = counted{compiled, p, length}
	return p.known[text], nil
}

// instructions is about how long a regular expression is once its repetitions are written out.
func instructions(r *syntax.Regexp) int {
	n := 1
	for _, sub := range r.Sub {
		n += instructions(sub)
	}
	switch r.Op {
	case syntax.OpRepeat:
		n *= max(r.Min, r.Max, 1)
	case syntax.OpLiteral:
		n += len(r.Rune)
	}
	return min(n, maxRegex+1)
}

// counted is a regular expression that pays for its use.
type counted struct {
	*regexp.Regexp

	purse *purse
	steps int // for each letter, at most
}

// MatchString implements jsonschema.Regexp.
func (c counted) MatchString(s string) bool {
	c.purse.spend(1 + len(s)*c.steps/64)
	return c.Regexp.MatchString(s)
}
