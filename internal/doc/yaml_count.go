package doc

// mayHave is at least the number of values (items and pairs) that a parser would
// make of b. It is known before the parser runs, which makes a tree of a hundred
// times b's size, and so it can't know texts and comments from the rest: what
// looks like an indicator in them counts, too.
func mayHave(b []byte) int {
	values, opened := 1, false
	for i, c := range b {
		before, after := byte('\n'), byte('\n')
		if i > 0 {
			before = b[i-1]
		}
		if i+1 < len(b) {
			after = b[i+1]
		}
		within := word(before) && graphic(after) // a plain text, such as a URL
		switch c {
		case ',', '[', '{':
			values++
			opened = c == '{' // and the first pair counted with it
		case ']', '}':
			opened = false
		case '?':
			if !within {
				values++
			}
		case ':':
			if !within && !opened {
				values++
			}
			opened = opened && within
		case '*', '&': // in a flow a colon may follow the name at once
			if !word(before) {
				values++
			}
		case '-':
			if !graphic(after) {
				values++
			}
		}
	}
	return values
}

// graphic is false for white space of any kind, and what isn't ASCII.
func graphic(c byte) bool { return c > ' ' && c < 0x7f }

// word is true within a plain text, an alias or an anchor.
func word(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
}
