// Package doc handles documents as the bytes they arrived in, so that numbers
// keep their digits and both database engines store the same text: JSON, YAML
// that becomes JSON and back, and the entity tags of both. Every function treats
// its input as read-only and returns memory of its own.
package doc

import (
	"bytes"
	"cmp"
	"io"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/legivellum/metagate/internal/errs"
)

// MaxDepth is how many objects and arrays may enclose one another in a
// document that Check accepts; the outermost one counts (contract section 8).
const MaxDepth = 64

// MaxValues is how many values a document may have: scalars, objects and arrays,
// but no member names.
const MaxValues = 1 << 20

// Check reports whether b may be taken in and stored: exactly one JSON value
// (RFC 8259) that is valid UTF-8, has no duplicate member names and no lone
// surrogates (RFC 7493), no U+0000 in a string or member name (contract
// section 2), and nests at most MaxDepth deep.
//
// It also counts: what has more than MaxValues values, which no honest document
// has, would cost far more memory once it is taken apart.
//
// The error is an *errs.Error with code INVALID_REQUEST, a one-line message
// and, inside an object or array, the JSON Pointer of the place.
func Check(b []byte) error { return CheckDepth(b, MaxDepth) }

// CheckDepth is Check with another bound on nesting.
func CheckDepth(b []byte, depth int) error {
	s := open(b)
	defer s.close()
	// Only this escape can spell U+0000, so almost no document pays for a closer look.
	mayHaveNUL := bytes.Contains(b, []byte(`\u0000`))
	values := 0
	for {
		kind, raw, err := s.next()
		if err == nil && kind != '}' && kind != ']' && (kind != '"' || !s.afterName()) {
			values++
		}
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		case values > MaxValues:
			return refuse(s.dec.InputOffset(), "", "JSON with more than %d values", MaxValues)
		case (kind == '{' || kind == '[') && s.dec.StackDepth() > depth:
			return refuse(s.dec.InputOffset()-1, s.dec.StackPointer(), "JSON nested deeper than %d levels", depth)
		case mayHaveNUL && kind == '"' && bytes.IndexByte(s.unquote(raw), 0) >= 0:
			return refuse(s.dec.InputOffset()-int64(len(raw)), s.dec.StackPointer(), "JSON string with U+0000")
		}
	}
}

// Names calls visit for every member name of b in document order, at any
// depth, in objects inside arrays too. The name is unescaped and valid during
// the call only; at gives the JSON Pointer (RFC 6901) of the member, and costs
// nothing until it is called.
//
// The error is that of Check for text that is not strict JSON; depth (up to
// 10000) and U+0000 are not looked at, so that what is composed of several
// checked documents passes.
func Names(b []byte, visit func(name []byte, at func() jsontext.Pointer)) error {
	s := open(b)
	defer s.close()
	at := s.dec.StackPointer
	for {
		kind, raw, err := s.next()
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		case kind == '"' && s.afterName():
			visit(s.unquote(raw), at)
		}
	}
}

// Compact returns b without insignificant white space; strings and numbers
// keep their literals. Text that is no JSON value comes back as it is.
func Compact(b []byte) []byte {
	out, _ := jsontext.AppendFormat(nil, b, unchecked, jsontext.PreserveRawStrings(true))
	return out
}

// format rewrites strict JSON. The library's error has its own words, so
// the scanner reads refused text again and says it in ours.
func format(b []byte, how jsontext.Options) ([]byte, error) {
	out, err := jsontext.AppendFormat(nil, b, how)
	if err != nil {
		return nil, cmp.Or(Names(b, func([]byte, func() jsontext.Pointer) {}), err)
	}
	return out, nil
}

// refuse makes the one error of this package. The message ends in the byte
// offset; the place is left out where it would be the whole document.
func refuse(offset int64, at jsontext.Pointer, format string, args ...any) error {
	err := errs.New(errs.InvalidRequest, format+" (byte %d)", append(args, offset)...)
	if at != "" {
		err.Add(errs.Place{Pointer: string(at), Detail: err.Message})
	}
	return err
}
