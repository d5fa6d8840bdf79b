package doc

import (
	"bytes"
	"strings"
)

// WithoutHTML returns b with < > & as themselves, which encoding/json escapes. It
// changes no text, only how it is spelled; b may come back as it is.
func WithoutHTML(b []byte) []byte {
	if !bytes.Contains(b, []byte(`\u00`)) {
		return b
	}
	out := make([]byte, 0, len(b))
	for len(b) > 0 {
		at := bytes.IndexByte(b, '\\')
		if at < 0 || at+1 == len(b) {
			break
		}
		out, b = append(out, b[:at]...), b[at:]
		switch strings.ToLower(string(b[:min(6, len(b))])) {
		case `\u003c`:
			out, b = append(out, '<'), b[6:]
		case `\u003e`:
			out, b = append(out, '>'), b[6:]
		case `\u0026`:
			out, b = append(out, '&'), b[6:]
		default: // an escaped backslash before u0026 is none
			out, b = append(out, b[:2]...), b[2:]
		}
	}
	return append(out, b...)
}
