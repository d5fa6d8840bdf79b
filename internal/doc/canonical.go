package doc

import (
	"bytes"
	"io"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// Canonical returns the canonical form of RFC 8785 (members sorted by UTF-16
// code units, minimal string escapes, no white space), with one difference:
// a number gets its RFC 8785 text only where that denotes exactly the same
// decimal value, and keeps its literal otherwise (contract section 4). So 1.10
// becomes 1.1, 1E5 becomes 100000 and -0 becomes 0, while 9007199254740993
// and 1e400 stay. The result is its own canonical form.
//
// The error is that of Check (less depth and U+0000).
func Canonical(b []byte) ([]byte, error) {
	sorted, err := format(b, jsontext.ReorderRawObjects(true))
	if err != nil {
		return nil, err
	}
	s := open(sorted, unchecked)
	defer s.close()
	out, done := make([]byte, 0, len(sorted)), 0
	for {
		kind, raw, err := s.next()
		if err == io.EOF {
			return append(out, sorted[done:]...), nil
		}
		if err != nil {
			return nil, err
		}
		if kind == '0' {
			end := int(s.dec.InputOffset())
			out = append(out, sorted[done:end-len(raw)]...)
			out, done = appendNumber(out, raw), end
		}
	}
}

// appendNumber appends the canonical text of the number literal lit.
func appendNumber(dst, lit []byte) []byte {
	f, err := strconv.ParseFloat(string(lit), 64)
	if err != nil { // beyond the largest double
		return append(dst, lit...)
	}
	if f == 0 {
		f = 0 // RFC 8785 has no negative zero
	}
	start := len(dst)
	dst = jsontext.AppendFloat(dst, f, 64)
	if text := dst[start:]; bytes.Equal(text, lit) || decimalOf(text).equal(decimalOf(lit)) {
		return dst
	}
	return append(dst[:start], lit...)
}

// decimal is ± digits × 10^exp, with no zero at either end of digits, so that
// equal values have equal fields. Zero is the zero value.
type decimal struct {
	negative bool
	digits   []byte
	exp      int64
}

func decimalOf(lit []byte) decimal {
	unsigned := bytes.TrimPrefix(lit, []byte("-"))
	d := decimal{negative: len(unsigned) < len(lit)}
	if i := bytes.IndexAny(unsigned, "eE"); i >= 0 {
		// Out of range it saturates, where no double's exponent is either.
		d.exp, _ = strconv.ParseInt(string(unsigned[i+1:]), 10, 48)
		unsigned = unsigned[:i]
	}
	whole, fraction, _ := bytes.Cut(unsigned, []byte("."))
	all := bytes.TrimLeft(append(append(make([]byte, 0, 24), whole...), fraction...), "0")
	d.digits = bytes.TrimRight(all, "0")
	d.exp += int64(len(all) - len(d.digits) - len(fraction))
	if len(d.digits) == 0 {
		return decimal{}
	}
	return d
}

func (d decimal) equal(o decimal) bool {
	return d.negative == o.negative && d.exp == o.exp && bytes.Equal(d.digits, o.digits)
}
