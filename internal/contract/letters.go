package contract

import (
	"regexp"
	"regexp/syntax"
	"unicode/utf8"
)

// letters are what a pattern allows of ASCII where it asks for one set of characters
// and no more, as those of keys do: each request has one, and regexp is ten times as dear.
type letters struct {
	set         [256]bool // by byte: none beyond ASCII
	least, most int       // most is -1 for any number
}

// key is a Key's pattern. A regexp of it would cost each command a quarter of a millisecond.
var key = letters{set: func() (set [256]bool) {
	for _, c := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:/@+-" {
		set[c] = true
	}
	return set
}(), least: 1, most: 255}

// IsKey reports whether a text is one of openapi.yaml's Key.
func IsKey(text string) bool { return key.spell([]byte(text)) }

// lettersOf returns nil for any other pattern.
func lettersOf(pattern *regexp.Regexp) *letters {
	if pattern == nil {
		return nil
	}
	p, err := syntax.Parse(pattern.String(), syntax.Perl)
	if err != nil || p.Op != syntax.OpConcat || len(p.Sub) != 3 || p.Sub[0].Op != syntax.OpBeginText || p.Sub[2].Op != syntax.OpEndText {
		return nil
	}
	repeated, l := p.Sub[1], &letters{most: -1}
	switch repeated.Op {
	case syntax.OpStar:
	case syntax.OpPlus:
		l.least = 1
	case syntax.OpRepeat:
		l.least, l.most = repeated.Min, repeated.Max
	default:
		return nil
	}
	class := repeated.Sub[0]
	if class.Op != syntax.OpCharClass {
		return nil
	}
	for i := 0; i < len(class.Rune); i += 2 {
		for r := class.Rune[i]; r <= class.Rune[i+1] && r < utf8.RuneSelf; r++ {
			l.set[r] = true
		}
	}
	return l
}

// spell reports whether an ASCII text is one of the pattern's.
func (l *letters) spell(text []byte) bool {
	for _, c := range text {
		if !l.set[c] {
			return false
		}
	}
	return len(text) >= l.least && (l.most < 0 || len(text) <= l.most)
}
