package issuers

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// place is where a claim is: the names that lead there.
type place struct {
	text string // as the file has it
	path []string
}

// placeOf reads a claim's name, any text, or a JSON Pointer (RFC 6901), which begins
// with a slash: /kubernetes.io/pod/name is two objects down.
func placeOf(text string) (place, error) {
	if !strings.HasPrefix(text, "/") {
		if text == "" {
			return place{}, errors.New("a claim has no name")
		}
		return place{text: text, path: []string{text}}, nil
	}
	path := strings.Split(text[1:], "/")
	for i, step := range path {
		if strings.Contains(strings.NewReplacer("~0", "", "~1", "").Replace(step), "~") {
			return place{}, fmt.Errorf("%q is no JSON Pointer: write ~0 for ~, ~1 for /", text)
		}
		path[i] = strings.NewReplacer("~1", "/", "~0", "~").Replace(step)
	}
	return place{text: text, path: path}, nil
}

// parse reads claims whose signature is good.
func parse(payload []byte) (jsontext.Value, error) {
	v := jsontext.Value(payload)
	if v.Kind() != '{' {
		return nil, errors.New("jwt: the payload is not an object of claims")
	}
	return v, nil
}

// of finds the claim, nil where it isn't.
func (p place) of(v jsontext.Value) jsontext.Value {
	for _, step := range p.path {
		switch v.Kind() {
		case '{':
			var members map[string]jsontext.Value
			if json.Unmarshal(v, &members) != nil {
				return nil
			}
			v = members[step]
		case '[':
			var items []jsontext.Value
			n, err := strconv.Atoi(step)
			if err != nil || strconv.Itoa(n) != step || json.Unmarshal(v, &items) != nil || n < 0 || n >= len(items) {
				return nil
			}
			v = items[n]
		default:
			return nil
		}
	}
	return v
}

// scalar is a text, a number as it is written, true or false.
func scalar(v jsontext.Value) (text string, ok bool) {
	switch v.Kind() {
	case '"':
		return text, json.Unmarshal(v, &text) == nil
	case '0', 't', 'f':
		return string(v), true
	}
	return "", false
}

// requirement is what a claim must be.
type requirement struct {
	place
	anyOf []string // nil: there, and not null
}

// errNotClaimed tells the log the claim's name alone; its value may be anything.
func (r requirement) check(claims jsontext.Value) error {
	v := r.of(claims)
	if v == nil || v.Kind() == 'n' {
		return fmt.Errorf("jwt: the claim %s is missing", r.text)
	}
	if r.anyOf == nil {
		return nil
	}
	values := []jsontext.Value{v}
	if v.Kind() == '[' {
		if err := json.Unmarshal(v, &values); err != nil {
			return fmt.Errorf("jwt: the claim %s can't be read", r.text)
		}
	}
	for _, v := range values {
		if text, ok := scalar(v); ok && slices.Contains(r.anyOf, text) {
			return nil
		}
	}
	return fmt.Errorf("jwt: the claim %s is none of those that are required", r.text)
}

// requirementOf reads what the file wants of a claim: a value, a list of which it must
// be one, or {present: true}.
func requirementOf(claim string, want jsontext.Value) (requirement, error) {
	at, err := placeOf(claim)
	if err != nil {
		return requirement{}, err
	}
	r := requirement{place: at}
	if want.Kind() == '{' {
		var object struct {
			Present bool `json:"present"`
		}
		if json.Unmarshal(want, &object, json.RejectUnknownMembers(true)) != nil || !object.Present {
			return r, errors.New("must be a value, a list of values or {present: true}")
		}
		return r, nil
	}
	values := []jsontext.Value{want}
	if want.Kind() == '[' {
		if err := json.Unmarshal(want, &values); err != nil {
			return r, err
		}
		if len(values) == 0 {
			return r, errors.New("is an empty list, which no token could satisfy")
		}
	}
	for _, v := range values {
		text, ok := scalar(v)
		if !ok {
			return r, errors.New("must be a value, a list of values or {present: true}")
		}
		r.anyOf = append(r.anyOf, text)
	}
	return r, nil
}
