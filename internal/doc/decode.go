package doc

import (
	"cmp"
	"errors"
	"reflect"
	"strconv"
	"strings"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/legivellum/metagate/internal/errs"
)

var errNotWhole = errors.New("must be a whole number")

// wholes reads 60.0 and 6e1 as the integers that they are (JSON Schema, section 4.2.3).
var wholes = jsonv2.WithUnmarshalers(jsonv2.UnmarshalFromFunc(func(dec *jsontext.Decoder, v *int64) error {
	if dec.PeekKind() != '0' {
		return errors.ErrUnsupported // a number is all this reads
	}
	literal, err := dec.ReadValue()
	if err != nil {
		return err
	}
	n, ok := whole(string(literal))
	if !ok {
		return errNotWhole
	}
	*v = n
	return nil
}))

// whole is the integer that a JSON number is, if it is one.
func whole(literal string) (int64, bool) {
	mantissa, exponent, _ := strings.Cut(strings.ToLower(literal), "e")
	integer, fraction, _ := strings.Cut(mantissa, ".")
	digits := strings.TrimRight(integer+fraction, "0")
	if digits == "" || digits == "-" {
		return 0, true
	}
	shift, err := strconv.Atoi(cmp.Or(exponent, "0"))
	zeros := shift + len(integer) - len(digits)
	if err != nil || zeros < 0 || zeros > maxZeros {
		return 0, false
	}
	n, err := strconv.ParseInt(digits+strings.Repeat("0", zeros), 10, 64)
	return n, err == nil
}

// maxZeros is how many zeros an int64 may end in.
const maxZeros = 18

// Decode reads a document into the zero value that v points to. Names match exactly,
// and an integer may be written as a fraction. What doesn't fit is an INVALID_REQUEST
// error with its place.
func Decode(b []byte, v any) error {
	if jsonv2.Unmarshal(b, v) == nil {
		return nil // almost always, and sooner than with wholes
	}
	reflect.ValueOf(v).Elem().SetZero()
	err := jsonv2.Unmarshal(b, v, wholes)
	if err == nil {
		return nil
	}
	out := errs.Wrap(err, errs.InvalidRequest, "the body is not as openapi.yaml says")
	if e, ok := errors.AsType[*jsonv2.SemanticError](err); ok && e.JSONPointer != "" {
		detail := "malformed"
		if errors.Is(err, errNotWhole) {
			detail = errNotWhole.Error()
		}
		out.Add(errs.Place{Pointer: string(e.JSONPointer), Detail: detail})
	}
	return out
}
