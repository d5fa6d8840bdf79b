// Package packet is what is stable in a Welcome Packet: its canonical text, the etag
// over that, and the signature.
package packet

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// unstable are the members that a signature leaves out.
var unstable = []string{"packet_id", "packet_etag", "issued_at", "startup", "manifest_version"}

// Stable is the canonical JSON (RFC 8785) of what is stable in a packet, where a number
// that is no double keeps its digits: what packet_etag and signature are over.
func Stable(raw []byte) ([]byte, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var members map[string]any
	if err := d.Decode(&members); err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("something follows the packet")
	}
	for _, name := range unstable {
		delete(members, name)
	}
	return appendValue(nil, members), nil
}

// Etag is the packet_etag over what Stable returns.
func Etag(stable []byte) string {
	sum := sha256.Sum256(stable)
	return hex.EncodeToString(sum[:])
}

func appendValue(out []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(out, "null"...)
	case bool:
		return strconv.AppendBool(out, v)
	case string:
		return appendText(out, v)
	case json.Number:
		return appendNumber(out, string(v))
	case []any:
		out = append(out, '[')
		for i, one := range v {
			if i > 0 {
				out = append(out, ',')
			}
			out = appendValue(out, one)
		}
		return append(out, ']')
	case map[string]any:
		names := make([]string, 0, len(v))
		for name := range v {
			names = append(names, name)
		}
		slices.SortFunc(names, func(a, b string) int { return slices.Compare(utf16.Encode([]rune(a)), utf16.Encode([]rune(b))) })
		out = append(out, '{')
		for i, name := range names {
			if i > 0 {
				out = append(out, ',')
			}
			out = appendValue(append(appendText(out, name), ':'), v[name])
		}
		return append(out, '}')
	}
	panic(fmt.Sprintf("encoding/json decoded a %T", v))
}

// appendText escapes what JSON demands, and nothing else.
func appendText(out []byte, s string) []byte {
	out = append(out, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			out = append(out, '\\', byte(r))
		case strings.ContainsRune("\b\t\n\f\r", r):
			out = append(out, '\\', "btn_fr"[r-'\b'])
		case r < ' ':
			out = fmt.Appendf(out, `\u%04x`, r)
		default:
			out = utf8.AppendRune(out, r)
		}
	}
	return append(out, '"')
}

// appendNumber writes a literal as ECMAScript does, where that denotes the same value.
func appendNumber(out []byte, literal string) []byte {
	f, err := strconv.ParseFloat(literal, 64)
	if err != nil { // beyond the largest double
		return append(out, literal...)
	}
	if text := ecmascript(f); decimalOf(text) == decimalOf(literal) {
		return append(out, text...)
	}
	return append(out, literal...)
}

func ecmascript(f float64) string {
	if f == 0 {
		return "0"
	}
	if a := math.Abs(f); a >= 1e-6 && a < 1e21 {
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	text := strconv.FormatFloat(f, 'e', -1, 64) // 1e-07, where ECMAScript has 1e-7
	mantissa, exponent, _ := strings.Cut(text, "e")
	return mantissa + "e" + exponent[:1] + strings.TrimLeft(exponent[1:], "0")
}

// decimal is ±digits × 10^exponent, without a zero at either end: equal values are equal.
type decimal struct {
	negative bool
	digits   string
	exponent int64
}

func decimalOf(literal string) (d decimal) {
	unsigned := strings.TrimPrefix(literal, "-")
	d.negative = unsigned != literal
	if i := strings.IndexAny(unsigned, "eE"); i >= 0 {
		d.exponent, _ = strconv.ParseInt(unsigned[i+1:], 10, 48) // saturates where no double is
		unsigned = unsigned[:i]
	}
	whole, fraction, _ := strings.Cut(unsigned, ".")
	all := strings.TrimLeft(whole+fraction, "0")
	d.digits = strings.TrimRight(all, "0")
	if d.digits == "" {
		return decimal{}
	}
	d.exponent += int64(len(all) - len(d.digits) - len(fraction))
	return d
}
