package doc

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// ETag returns a strong entity tag (RFC 9110, section 8.8.3), quotes included, of the parts.
func ETag(parts ...[]byte) string {
	h := sha256.New()
	for _, p := range parts {
		h.Write(p)
		h.Write([]byte{0})
	}
	return QuoteETag(hex.EncodeToString(h.Sum(nil)[:16]))
}

// QuoteETag makes a strong entity tag of an opaque text.
func QuoteETag(opaque string) string { return `"` + opaque + `"` }

// MatchStrong reports whether an If-Match field names tag, or any ("*"). Weak
// tags never match.
func MatchStrong(field, tag string) bool {
	return match(field, func(t string) bool { return t == tag })
}

// MatchWeak reports whether an If-None-Match field names tag, or any ("*").
func MatchWeak(field, tag string) bool {
	return match(field, func(t string) bool { return strings.TrimPrefix(t, "W/") == tag })
}

func match(field string, equal func(string) bool) bool {
	for t := range strings.SplitSeq(field, ",") {
		if t = strings.TrimSpace(t); t == "*" || equal(t) {
			return true
		}
	}
	return false
}
