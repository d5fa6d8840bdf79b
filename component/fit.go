package component

import (
	"bytes"
	"encoding/json"
	"strings"
)

const (
	maxReport = 64 << 10 // bytes of a report that MetaGate takes
	maxText   = 16 << 10 // bytes of an error or a version in it
)

// truncated is in the place of details or a health that are too large.
var truncated = json.RawMessage(`{"truncated":true}`)

// fit is a report that MetaGate takes, and its text: how a startup ended counts for more
// than all that is said of it.
func fit(e ending) (ending, []byte, error) {
	if e.extra() != nil {
		extra, err := json.Marshal(e.extra())
		if err != nil {
			return nil, nil, err
		}
		e = e.with(withoutNUL(extra))
	}
	text, err := json.Marshal(e)
	if err == nil && len(text) > maxReport {
		e = e.with(truncated)
		text, err = json.Marshal(e)
	}
	return e, text, err
}

// clean is text that MetaGate takes: not too long, however much longer its escapes make
// it, and without U+0000. What is no UTF-8 encoding/json replaces.
func clean(text string) string {
	if len(text) > maxText {
		text = text[:maxText] + "…"
	}
	if escaped, _ := json.Marshal(text); len(escaped) > 3*maxText { // six bytes for one, at most
		text = text[:len(text)/2] + "…"
	}
	return strings.ReplaceAll(text, "\x00", "\uFFFD")
}

// withoutNUL is JSON with U+FFFD for U+0000, which is in no JSON text of MetaGate.
func withoutNUL(text []byte) json.RawMessage {
	if !bytes.Contains(text, []byte(`\u0000`)) { // nothing else spells it, but this may be a backslash before u0000
		return text
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return text
	}
	out, err := json.Marshal(replaceNUL(v))
	if err != nil {
		return text
	}
	return out
}

func replaceNUL(v any) any {
	switch v := v.(type) {
	case string:
		return strings.ReplaceAll(v, "\x00", "\uFFFD")
	case []any:
		for i, one := range v {
			v[i] = replaceNUL(one)
		}
	case map[string]any:
		out := make(map[string]any, len(v))
		for name, one := range v {
			out[strings.ReplaceAll(name, "\x00", "\uFFFD")] = replaceNUL(one)
		}
		return out
	}
	return v
}
