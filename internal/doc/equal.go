package doc

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"
)

// Equal reports whether two documents are the same but for white space and the
// order of members. Numbers are compared by their literals: 1.10 is not 1.1.
func Equal(a, b []byte) bool {
	x, errX := sorted(a)
	y, errY := sorted(b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}

func sorted(b []byte) (jsontext.Value, error) {
	v := jsontext.Value(bytes.Clone(b))
	err := v.Canonicalize(jsontext.CanonicalizeRawInts(false), jsontext.CanonicalizeRawFloats(false))
	return v, err
}
