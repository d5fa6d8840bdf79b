package doc

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"sort"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// Document is a document as JSON that may have come as YAML.
type Document struct {
	JSON []byte
	at   []Position // of its values, in their order
}

// Position is where something begins in a text, from 1 on; the zero one isn't known.
type Position struct{ Line, Column int32 }

func (w *writer) note(n *yaml.Node) {
	if !w.named {
		w.at = append(w.at, Position{int32(n.Line), int32(n.Column)}) // of at most APPLY_MAX_BYTES
	}
}

// Positions tells where JSON Pointers lead in the YAML that it was: to a member's name
// or an item, or for what isn't there to what is around it.
func (d Document) Positions(pointers []string) []Position {
	found, deepest := map[string]Position{}, 0
	for _, p := range pointers {
		deepest = max(deepest, strings.Count(p, "/"))
		for ; p != ""; p = p[:strings.LastIndexByte(p, '/')] {
			found[p] = Position{}
		}
	}
	s, i := open(d.JSON, unchecked), 0
	defer s.close()
	for i < len(d.at) {
		kind, _, err := s.next()
		if err != nil {
			break
		}
		if kind == '}' || kind == ']' || kind == '"' && s.afterName() {
			continue
		}
		if at := string(s.dec.StackPointer()); strings.Count(at, "/") <= deepest {
			if _, wanted := found[at]; wanted || at == "" {
				found[at] = d.at[i]
			}
		}
		i++
	}
	out := make([]Position, len(pointers))
	for i, p := range pointers {
		for p != "" && found[p] == (Position{}) {
			p = p[:strings.LastIndexByte(p, '/')]
		}
		out[i] = found[p]
	}
	return out
}

// closely is how large a text may be to look for where it breaks.
const closely = 64 << 10

var lineOf = regexp.MustCompile(`^line \d+: `)

// located says where a text stops being YAML. The parser names the line on which the
// block around it begins, and no column: so that is where the shortest text ends that
// the parser complains about in the same words.
func located(b []byte, err error) string {
	said := strings.TrimPrefix(err.Error(), "yaml: ")
	what := lineOf.ReplaceAllString(said, "")
	if len(b) > closely {
		return said
	}
	n := sort.Search(len(b), func(n int) bool {
		err := yaml.NewDecoder(bytes.NewReader(b[:n])).Decode(new(yaml.Node))
		return err != nil && !errors.Is(err, io.EOF) && strings.HasSuffix(err.Error(), what)
	})
	head := b[:max(n-1, 0)]
	line := head[bytes.LastIndexByte(head, '\n')+1:]
	return fmt.Sprintf("line %d, column %d: %s", bytes.Count(head, []byte("\n"))+1, utf8.RuneCount(line)+1, what)
}
