package bootstrap

import (
	"cmp"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	jsonv2 "github.com/go-json-experiment/json"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/store"
)

var errAllowed = errors.New("allowed_components must be a list of component keys or patterns with *")

// AllowedComponents reads capabilities.allowed_components; none means any. A
// value that is no list of texts is an error: read as "any" it would open what
// somebody meant to close.
func AllowedComponents(capabilities []byte) ([]string, error) {
	var c struct {
		Allowed json.RawMessage `json:"allowed_components"`
	}
	if err := jsonv2.Unmarshal(capabilities, &c); err != nil { // exact names
		return nil, err
	}
	if c.Allowed == nil || string(c.Allowed) == "null" {
		return nil, nil
	}
	var patterns []*string
	if err := json.Unmarshal(c.Allowed, &patterns); err != nil || slices.Contains(patterns, nil) {
		return nil, errAllowed
	}
	out := make([]string, len(patterns))
	for i, p := range patterns {
		out[i] = *p
	}
	return out, nil
}

// MatchAny reports whether a key is one of these, or like a pattern in which * stands for any
// characters, none too.
func MatchAny(patterns []string, key string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return match(p, key) })
}

// match compares key with a pattern in which * stands for any characters, none
// too. It takes time proportional to the lengths, whatever the pattern.
func match(pattern, key string) bool {
	first, rest, star := strings.Cut(pattern, "*")
	if !star {
		return pattern == key
	}
	if !strings.HasPrefix(key, first) {
		return false
	}
	key = key[len(first):]
	parts := strings.Split(rest, "*")
	last := parts[len(parts)-1]
	for _, part := range parts[:len(parts)-1] {
		i := strings.Index(key, part)
		if i < 0 {
			return false
		}
		key = key[i+len(part):]
	}
	return strings.HasSuffix(key, last)
}

// requiredEnv lists the secrets a component has to find, ordered by secret_key:
// all of them, or where policy.required_secrets is a list, only those.
func requiredEnv(secrets []store.SecretRef, policy []byte) ([]byte, error) {
	var p struct {
		Required json.RawMessage `json:"required_secrets"`
	}
	if err := jsonv2.Unmarshal(policy, &p); err != nil { // exact names
		return nil, err
	}
	var only []any
	isList := json.Unmarshal(p.Required, &only) == nil && only != nil
	// Sorted here: a database sorts by its own collation, which would show in the etag.
	secrets = slices.SortedFunc(slices.Values(secrets), func(a, b store.SecretRef) int { return cmp.Compare(a.SecretKey, b.SecretKey) })
	out := make([]model.RequiredEnv, 0, len(secrets))
	for _, s := range secrets {
		if isList && !slices.Contains(only, any(s.SecretKey)) {
			continue
		}
		out = append(out, model.RequiredEnv{
			SecretKey: s.SecretKey, RefKind: model.RefKind(s.RefKind), RefName: s.RefName, RefMeta: json.RawMessage(s.RefMeta),
		})
	}
	return json.Marshal(out)
}
