package bootstrap

import (
	"bytes"
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
// with more of them is none: neither NFKC nor folding makes ASCII of nothing.
const longestKey = len("work_items")

// forbiddenKey returns the forbidden key that name amounts to after trimming,
// NFKC and case folding, or "". Plain ASCII costs no allocation.
func forbiddenKey(name []byte) string {
	name = bytes.TrimSpace(name)
	if utf8.RuneCount(name) > longestKey {
		return ""
	}
	if !ascii(name) {
		name = caseless(name)
	}
	for _, key := range forbiddenKeys {
		if len(key) == len(name) && bytes.EqualFold(key, name) {
			return string(key)
		}
	}
	return ""
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
