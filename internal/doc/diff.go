package doc

import (
	"maps"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Change is one place where two documents differ. Before is nil where the place
// is new, After where it is gone.
type Change struct {
	Pointer       jsontext.Pointer // RFC 6901
	Before, After jsontext.Value
}

// Diff lists where two documents differ, sorted by pointer. It looks into
// objects; an array is one value. Numbers are compared by their literals.
func Diff(before, after []byte) []Change {
	return diff(nil, "", before, after)
}

func diff(out []Change, at jsontext.Pointer, before, after jsontext.Value) []Change {
	var b, a map[string]jsontext.Value
	if before.Kind() == '{' && after.Kind() == '{' &&
		json.Unmarshal(before, &b) == nil && json.Unmarshal(after, &a) == nil {
		for _, name := range slices.Sorted(maps.Keys(union(b, a))) {
			out = diff(out, at.AppendToken(name), b[name], a[name])
		}
		return out
	}
	if (before == nil) == (after == nil) && Equal(before, after) {
		return out
	}
	return append(out, Change{at, before, after})
}

func union(a, b map[string]jsontext.Value) map[string]jsontext.Value {
	u := maps.Clone(a)
	maps.Copy(u, b)
	return u
}
