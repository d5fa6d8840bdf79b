package apptest

import (
	"encoding/json"
	"fmt"

	"go.yaml.in/yaml/v3"
)

// yamlToJSON keeps the order of members and the digits of numbers.
func yamlToJSON(text []byte) ([]byte, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return nil, err
	}
	return appendNode(nil, &doc)
}

func appendNode(out []byte, n *yaml.Node) ([]byte, error) {
	switch n.Kind {
	case yaml.DocumentNode:
		return appendNode(out, n.Content[0])
	case yaml.MappingNode:
		return appendChildren(append(out, '{'), n.Content, ":,", '}')
	case yaml.SequenceNode:
		return appendChildren(append(out, '['), n.Content, ",,", ']')
	case yaml.ScalarNode:
		return appendScalar(out, n)
	default:
		return nil, fmt.Errorf("line %d: no alias is expected here", n.Line)
	}
}

// appendChildren puts the two separators between the children in turn.
func appendChildren(out []byte, nodes []*yaml.Node, separators string, end byte) ([]byte, error) {
	for i, n := range nodes {
		if i > 0 {
			out = append(out, separators[(i+1)%2])
		}
		var err error
		if out, err = appendNode(out, n); err != nil {
			return nil, err
		}
	}
	return append(out, end), nil
}

func appendScalar(out []byte, n *yaml.Node) ([]byte, error) {
	switch n.ShortTag() {
	case "!!null":
		return append(out, "null"...), nil
	case "!!bool", "!!int", "!!float":
		if !json.Valid([]byte(n.Value)) {
			return nil, fmt.Errorf("line %d: %s isn't written as JSON writes it", n.Line, n.Value)
		}
		return append(out, n.Value...), nil
	default:
		text, err := json.Marshal(n.Value)
		return append(out, text...), err
	}
}
