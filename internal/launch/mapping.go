package launch

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Mapping is a variable of the command that comes out of the packet.
type Mapping struct {
	path     string
	variable string
	value    string // where the packet has none
	optional bool
}

var variable = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// ParseMapping reads services.memorygate.endpoint=MEMORYGATE_URL, with ?http://localhost:8001 behind it for what holds
// where the packet has no such member. A path is member names with dots between them or, where names have dots, a JSON
// Pointer (RFC 6901).
func ParseMapping(text string) (Mapping, error) {
	path, rest, found := strings.Cut(text, "=")
	name, value, optional := strings.Cut(rest, "?")
	if !found || path == "" || !variable.MatchString(name) {
		return Mapping{}, fmt.Errorf("%q: write it as services.memorygate.endpoint=MEMORYGATE_URL, with ?DEFAULT behind it where it may be missing", text)
	}
	return Mapping{path, name, value, optional}, nil
}

// MissingError is what the packet doesn't have, though the command needs it.
type MissingError struct{ Names []string }

// Error names it.
func (e *MissingError) Error() string {
	return "the packet has no " + strings.Join(e.Names, ", no ")
}

// missingOf are the names of what is missing; nil where that isn't what is wrong.
func missingOf(err error) []string {
	if e := (*MissingError)(nil); errors.As(err, &e) {
		return e.Names
	}
	return nil
}

// values are the variables that the packet gives, NAME=value.
func values(packet any, all []Mapping) ([]string, error) {
	var out []string
	var missing MissingError
	for _, m := range all {
		value, ok := at(packet, m.path)
		switch {
		case ok:
			text, err := text(value)
			if err != nil {
				return nil, err
			}
			out = append(out, m.variable+"="+text)
		case m.optional:
			out = append(out, m.variable+"="+m.value)
		default:
			missing.Names = append(missing.Names, m.path+" (for "+m.variable+")")
		}
	}
	if missing.Names != nil {
		return nil, &missing
	}
	return out, nil
}

// decode is the packet with its numbers digit by digit.
func decode(raw []byte) (packet any, err error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	err = d.Decode(&packet)
	return packet, err
}

// at is what is at a path; null is as good as nothing.
func at(value any, path string) (any, bool) {
	steps := strings.Split(path, ".")
	if pointer, is := strings.CutPrefix(path, "/"); is {
		steps = strings.Split(pointer, "/")
		for i, step := range steps {
			steps[i] = strings.ReplaceAll(strings.ReplaceAll(step, "~1", "/"), "~0", "~")
		}
	}
	for _, step := range steps {
		switch v := value.(type) {
		case map[string]any:
			value = v[step]
		case []any:
			i, err := strconv.ParseUint(step, 10, 31)
			if err != nil || int(i) >= len(v) {
				return nil, false
			}
			value = v[i]
		default:
			return nil, false
		}
	}
	return value, value != nil
}

// text is a value as a variable has it: a text as it is, anything else as JSON.
func text(value any) (string, error) {
	if s, ok := value.(string); ok {
		if strings.ContainsRune(s, 0) {
			return "", errors.New("a variable can't have U+0000 in it")
		}
		return s, nil
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(value)
	return strings.TrimSuffix(b.String(), "\n"), err
}
