package doc

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
	"go.yaml.in/yaml/v3"

	"github.com/legivellum/metagate/internal/errs"
)

// number is a JSON number (RFC 8259, section 6).
var number = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)

// oldBool is what YAML 1.1, which many tools still read, takes for a boolean.
var oldBool = regexp.MustCompile(`^(?i:y|n|yes|no|on|off)$`)

// indented is a text of lines that the encoder gets wrong in a block of its own.
var indented = regexp.MustCompile(`(?s)^\s.*\n|^\n|\n[ \t\r]|\n\n$`)

// YAMLToJSON returns the one document of b as JSON: see ReadYAML.
func YAMLToJSON(b []byte, limit int64) ([]byte, error) {
	d, err := ReadYAML(b, limit)
	return d.JSON, err
}

// ReadYAML reads the one document of b as JSON of at most limit bytes: anchors are
// expanded, so a small document may mean a large one. What JSON can't say (.inf, keys
// that are no text, several documents) is an INVALID_REQUEST error that names line and
// column.
func ReadYAML(b []byte, limit int64) (Document, error) {
	if !utf8.Valid(b) {
		return Document{}, errs.New(errs.InvalidRequest, "invalid YAML: no valid UTF-8")
	}
	if mayHave(b) > MaxValues {
		return Document{}, errs.New(errs.InvalidRequest, "YAML with more than %d values, as its punctuation has it: send JSON, or a smaller document", MaxValues)
	}
	dec := yaml.NewDecoder(bytes.NewReader(b))
	var doc yaml.Node
	if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
		return Document{}, errs.New(errs.InvalidRequest, "invalid YAML: the document is empty")
	} else if err != nil {
		return Document{}, errs.Wrap(err, errs.InvalidRequest, "invalid YAML: %s", located(b, err))
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) { // a broken one, too
		return Document{}, errs.New(errs.InvalidRequest, "invalid YAML: more than one document")
	}
	w := writer{limit: limit}
	if err := w.node(&doc, 0); err != nil {
		return Document{}, err
	}
	return Document{JSON: w.out, at: w.at}, nil
}

// JSONToYAML returns b as block-style YAML, members in b's order.
func JSONToYAML(b []byte) ([]byte, error) {
	doc, err := nodeOf(jsontext.NewDecoder(bytes.NewBuffer(b)))
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	enc := yaml.NewEncoder(&out)
	enc.SetIndent(2)
	if err := enc.Encode(doc); err != nil {
		return nil, err
	}
	return out.Bytes(), enc.Close()
}

// nodeOf reads JSON itself: YAML's parser refuses long keys and DEL, which JSON has.
func nodeOf(dec *jsontext.Decoder) (*yaml.Node, error) {
	token, err := dec.ReadToken()
	if err != nil {
		return nil, err
	}
	n := &yaml.Node{Kind: yaml.ScalarNode, Value: token.String()}
	switch token.Kind() {
	case '{':
		n.Kind = yaml.MappingNode
	case '[':
		n.Kind = yaml.SequenceNode
	case '"':
		n.Tag = "!!str" // the encoder quotes what would be read as something else
		if number.MatchString(n.Value) || oldBool.MatchString(n.Value) || indented.MatchString(n.Value) {
			n.Style = yaml.DoubleQuotedStyle
		}
		return n, nil
	default:
		return n, nil
	}
	n.Value = ""
	for end := dec.PeekKind(); end != '}' && end != ']'; end = dec.PeekKind() {
		child, err := nodeOf(dec)
		if err != nil {
			return nil, err
		}
		n.Content = append(n.Content, child)
	}
	_, err = dec.ReadToken()
	return n, err
}

// maxExpansion stops an alias within its own anchor.
const maxExpansion = 200

type writer struct {
	out   []byte
	limit int64
	at    []Position // of each value, a member's of its name
	named bool       // the next value's is noted already
}

var errTooLarge = errors.New("expanded YAML is too large")

func (w *writer) node(n *yaml.Node, depth int) error {
	if int64(len(w.out)) > w.limit || depth > maxExpansion {
		return errs.Wrap(errTooLarge, errs.InvalidRequest, "YAML line %d, column %d: with its anchors expanded the document is larger than %d bytes or nested too deep", n.Line, n.Column, w.limit)
	}
	if n.Kind != yaml.DocumentNode && n.Kind != yaml.AliasNode {
		w.note(n)
		w.named = false
	}
	switch n.Kind {
	case yaml.DocumentNode:
		return w.node(n.Content[0], depth)
	case yaml.AliasNode:
		return w.node(n.Alias, depth+1)
	case yaml.MappingNode:
		return w.mapping(n, depth)
	case yaml.SequenceNode:
		w.out = append(w.out, '[')
		for i, c := range n.Content {
			w.comma(i)
			if err := w.node(c, depth+1); err != nil {
				return err
			}
		}
		w.out = append(w.out, ']')
		return nil
	default:
		return w.scalar(n)
	}
}

func (w *writer) mapping(n *yaml.Node, depth int) error {
	w.out = append(w.out, '{')
	seen := make(map[string]bool, len(n.Content)/2)
	for i := 0; i < len(n.Content); i += 2 {
		key := n.Content[i]
		if key.Kind == yaml.AliasNode {
			key = key.Alias
		}
		switch {
		case key.ShortTag() == "!!merge":
			return refuseYAML(key, "merge keys (<<) are not supported: use an alias for the whole value")
		case key.Kind != yaml.ScalarNode:
			return refuseYAML(key, "a key must be a text")
		case seen[key.Value]:
			return refuseYAML(n.Content[i], fmt.Sprintf("%q is a duplicate key", key.Value))
		}
		seen[key.Value] = true
		w.comma(i)
		if err := w.text(key); err != nil {
			return err
		}
		w.out = append(w.out, ':')
		w.note(n.Content[i])
		w.named = true
		if err := w.node(n.Content[i+1], depth+1); err != nil {
			return err
		}
	}
	w.out = append(w.out, '}')
	return nil
}

func (w *writer) scalar(n *yaml.Node) error {
	tag := n.ShortTag()
	if n.Style == 0 && number.MatchString(n.Value) {
		tag = "!!float" // 1e400 too, which YAML's own rules take for a text
	}
	switch tag {
	case "!!null":
		w.out = append(w.out, "null"...)
	case "!!bool":
		value := strings.ToLower(n.Value)
		if value != "true" && value != "false" { // tagged by hand
			return refuseYAML(n, n.Value+" is no JSON boolean: write true or false")
		}
		w.out = append(w.out, value...)
	case "!!int", "!!float":
		if !number.MatchString(n.Value) {
			return refuseYAML(n, fmt.Sprintf("%s is no JSON number: write it in decimal, or quote it", n.Value))
		}
		w.out = append(w.out, n.Value...)
	case "!!str", "!!timestamp":
		return w.text(n)
	default:
		return refuseYAML(n, "JSON has no "+tag)
	}
	return nil
}

func (w *writer) text(n *yaml.Node) error {
	out, err := jsontext.AppendQuote(w.out, n.Value)
	if err != nil {
		return refuseYAML(n, "a text that is no UTF-8")
	}
	w.out = out
	return nil
}

func (w *writer) comma(i int) {
	if i > 0 {
		w.out = append(w.out, ',')
	}
}

func refuseYAML(n *yaml.Node, what string) error {
	return errs.New(errs.InvalidRequest, "YAML line %d, column %d: %s", n.Line, n.Column, what)
}
