package cli

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/oapi-codegen/nullable"
)

// printable is text as one line that can't move the cursor: components say what they like.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r):
			return unicode.ReplacementChar
		}
		return r
	}, text)
}

// clip is the beginning of a text, as much as a table has room for.
func clip(text string) string {
	const most = 60
	if r := []rune(text); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return text
}

// thousands is n as people read it: 19,990.
func thousands(n int) string {
	digits := strconv.Itoa(n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// stamp is a point in time, to the second.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05Z") }

// said is a text that may be null.
func said(v nullable.Nullable[string]) string {
	text, _ := v.Get()
	return text
}

// members is a document in one line, an object of texts as name=value.
func members(doc json.RawMessage, err error) string {
	if err != nil {
		return ""
	}
	var object map[string]any
	if json.Unmarshal(doc, &object) != nil {
		var text string
		if json.Unmarshal(doc, &text) == nil {
			return text
		}
		return string(doc)
	}
	var pairs []string
	for name, v := range object {
		text, ok := v.(string)
		if !ok {
			return string(doc)
		}
		pairs = append(pairs, name+"="+text)
	}
	slices.Sort(pairs)
	return strings.Join(pairs, " ")
}

// memberNames are the names of an object's members.
func memberNames(doc json.RawMessage) []string {
	var object map[string]json.RawMessage
	_ = json.Unmarshal(doc, &object) // no object has no members
	return slices.Sorted(maps.Keys(object))
}
