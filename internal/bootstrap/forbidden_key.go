package bootstrap

import (
	"bytes"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// forbiddenKeys would make MetaGate control instead of truth (contract section 6).
var forbiddenKeys = [][]byte{
	[]byte("tasks"), []byte("jobs"), []byte("work_items"), []byte("payloads"),
	[]byte("deploy"), []byte("scale"), []byte("provision"), []byte("execute"),
}

// longestKey is the number of characters of the longest forbidden key. A name
// with more of them that aren't ignorable is none: neither NFKC nor folding makes
// ASCII of nothing.
const longestKey = len("work_items")

// forbiddenKey returns the forbidden key that name amounts to as an identifier
// (NFKC_Casefold) and trimmed, or "". Plain ASCII costs no allocation.
func forbiddenKey(name []byte) string {
	name = bytes.TrimSpace(name)
	if !ascii(name) {
		if name = visible(name); utf8.RuneCount(name) > longestKey {
			return ""
		}
		name = caseless(name)
	}
	for _, key := range forbiddenKeys {
		if len(key) == len(name) && bytes.EqualFold(key, name) {
			return string(key)
		}
	}
	return ""
}

// visible is name without what shows nothing, within and around it.
func visible(name []byte) []byte {
	return bytes.TrimSpace(bytes.Map(func(r rune) rune {
		if ignorable(r) {
			return -1
		}
		return r
	}, name))
}

// ignorable is Unicode's derived property Default_Ignorable_Code_Point, by the
// rule that DerivedCoreProperties.txt gives for it.
func ignorable(r rune) bool {
	return r >= utf8.RuneSelf && unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Cf, unicode.Variation_Selector) &&
		!unicode.In(r, unicode.White_Space, unicode.Prepended_Concatenation_Mark) &&
		(r < 0xFFF9 || r > 0xFFFB) && // interlinear annotations
		(r < 0x13430 || r > 0x13440) // Egyptian hieroglyphs' joiners
}

// caseless is the compatibility caseless form of the Unicode Standard (section
// 3.13, D146), which folds twice because normalising can bring back capitals.
func caseless(name []byte) []byte {
	fold := cases.Fold()
	for range 2 {
		name = fold.Bytes(norm.NFKC.Bytes(name))
	}
	return bytes.TrimSpace(norm.NFKC.Bytes(name))
}

func ascii(b []byte) bool {
	for _, c := range b {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
