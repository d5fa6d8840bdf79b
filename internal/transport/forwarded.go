package transport

import (
	"iter"
	"slices"
	"strings"
)

// forwardedFor are the nodes that Forwarded tells of, from the last to the first: for
// of each element, empty where there is none or where the element can't be read.
func forwardedFor(lines []string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, line := range slices.Backward(lines) {
			for _, node := range slices.Backward(nodes(line)) {
				if !yield(node) {
					return
				}
			}
		}
	}
}

// nodes reads a line of Forwarded (RFC 7239, section 4) from its beginning, as
// commas and semicolons may be quoted. What follows something broken can't be told
// from it: a client may open a quotation that the proxy's element closes.
func nodes(line string) (out []string) {
	node, seen := "", false
	for {
		name, value, rest, ok := pair(line)
		if !ok || seen && strings.EqualFold(name, "for") {
			return append(out, "")
		}
		if strings.EqualFold(name, "for") {
			node, seen = value, true
		}
		if rest == "" || rest[0] == ',' {
			out, node, seen = append(out, node), "", false
		}
		if rest == "" {
			return out
		}
		line = rest[1:]
	}
}

// pair reads "name=value" up to the semicolon or comma behind it, or the end; an empty
// one is none.
func pair(s string) (name, value, rest string, ok bool) {
	s = strings.TrimLeft(s, " \t")
	if s == "" || s[0] == ',' || s[0] == ';' {
		return "", "", s, true
	}
	name, s, found := strings.Cut(s, "=")
	if !found || !isToken(name) {
		return "", "", "", false
	}
	if strings.HasPrefix(s, `"`) {
		value, s, ok = quoted(s[1:])
	} else {
		end := strings.IndexAny(s, ";, \t")
		if end < 0 {
			end = len(s)
		}
		// A colon or bracket wants quotation marks, but not everybody gives them.
		value, s, ok = s[:end], s[end:], isToken(strings.NewReplacer(":", "", "[", "", "]", "").Replace(s[:end]))
	}
	s = strings.TrimLeft(s, " \t")
	return name, value, s, ok && (s == "" || s[0] == ';' || s[0] == ',')
}

// quoted reads the rest of a quoted-string (RFC 9110, section 5.6.4).
func quoted(s string) (value, rest string, ok bool) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '"':
			return b.String(), s[i+1:], true
		case '\\':
			if i++; i == len(s) {
				return "", "", false
			}
		}
		b.WriteByte(s[i])
	}
	return "", "", false
}

func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("!#$%&'*+-.^_`|~", r)
	})
}
