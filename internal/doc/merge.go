package doc

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"
)

// MergePatch applies an RFC 7396 merge patch and returns the result without
// white space. An empty target counts as {}. Numbers, strings and empty
// objects stay as they were written; members keep the target's order and new
// ones follow in the patch's. The result nests no deeper than its inputs.
//
// The error is that of Check (less depth and U+0000) for either input.
func MergePatch(target, patch []byte) ([]byte, error) {
	if len(target) == 0 {
		target = []byte("{}")
	}
	doc, err := format(target, jsontext.PreserveRawStrings(true))
	if err != nil {
		return nil, err
	}
	changes, err := format(patch, jsontext.PreserveRawStrings(true))
	if err != nil {
		return nil, err
	}
	return merge(doc, changes), nil
}

// merge is the function of RFC 7396 section 2, on valid text.
func merge(target, patch jsontext.Value) jsontext.Value {
	if patch.Kind() != '{' {
		return patch
	}
	doc, changes := members(target), members(patch)
	for _, name := range changes.names {
		if change := changes.values[name]; change.Kind() == 'n' {
			delete(doc.values, name)
		} else {
			doc.set(name, merge(doc.values[name], change))
		}
	}
	return doc.text()
}

// object is a JSON object one level deep; a name without a value is gone.
type object struct {
	names  []string
	values map[string]jsontext.Value
}

func (o *object) set(name string, value jsontext.Value) {
	if _, ok := o.values[name]; !ok {
		o.names = append(o.names, name)
	}
	o.values[name] = value
}

func (o *object) text() jsontext.Value {
	out := []byte{'{'}
	for _, name := range o.names {
		value, ok := o.values[name]
		if !ok {
			continue
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out, _ = jsontext.AppendQuote(out, name)
		out = append(append(out, ':'), value...)
	}
	return append(out, '}')
}

// members splits an object; anything else has none, as RFC 7396 asks.
func members(v jsontext.Value) *object {
	o := &object{values: map[string]jsontext.Value{}}
	if v.Kind() != '{' {
		return o
	}
	dec := jsontext.NewDecoder(bytes.NewBuffer(v), unchecked)
	_, _ = dec.ReadToken()
	for dec.PeekKind() != '}' {
		name, _ := dec.ReadToken()
		text := name.String()
		value, _ := dec.ReadValue()
		end := dec.InputOffset()
		o.set(text, v[end-int64(len(value)):end])
	}
	return o
}
