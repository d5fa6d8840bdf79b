package doc_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/doc"
	"github.com/legivellum/metagate/internal/errs"
)

func TestWhatIsNoYAMLIsRefusedWithLineAndColumn(t *testing.T) {
	t.Parallel()
	for text, says := range map[string]string{
		"profiles:\n  - profile_key: a\n    b: 1\n  c: 1\nmanifests: []\n": "line 4, column 4: did not find expected '-' indicator",
		"profiles:\n- profile_key: a\n policy: x\nmanifests: []\n":         "line 3, column 2: did not find expected key",
		"profiles:\n- profile_key: a\n   policy: x\nmanifests: []\n":       "line 3, column 10: mapping values",
		"a: 1\nb:\n\tc: 1\n":                   "line 3, column 1: ",
		"a: 1\nb: 2\nc: {x: 1}}\nd: 1\n":       "line 3, column 10: did not find expected key",
		"a: 1\nb:\n - x\n- y\nd: 1\n":          "line 4, column 1: did not find expected key",
		"a: ü\nb: ü ü: @x\n":                   "line 2, column 7: mapping values",
		"a: 1\nb: 2\nc: @x\nd: 1\n":            "line 3, column 4: found character that cannot start any token",
		"a: 1\nb: *nobody\n":                   "line 2, column 10: unknown anchor 'nobody'",
		"a: 1\nb:\n  x: .inf\n":                "line 3, column 6: .inf is no JSON number",
		"a: 1\nb: {x: 1, x: 2}\n":              "line 2, column 11: \"x\" is a duplicate key",
		"x: &x {a: 1}\ny:\n  <<: *x\n":         "line 3, column 3: merge keys",
		strings.Repeat("a: 1\n", 40_000) + "@": "line 40001: found character", // too large to look for it closely
	} {
		_, err := doc.YAMLToJSON([]byte(text), limit)
		require.True(t, errs.Is(err, errs.InvalidRequest), text)
		require.Contains(t, errs.From(err).Message, says, "%.200q", text)
	}
}

func TestAPlaceOfADocumentIsFoundInItsYAML(t *testing.T) {
	t.Parallel()
	const text = `# a world
profiles:
- {profile_key: a, policy: {}}
- profile_key: b
  policy:
    n: [1, {"x/y": 2}]
    ~: null
base: &base
  deep:
    er: 1
first: *base
"second": {ü: 1, v: *base}
`
	d, err := doc.ReadYAML([]byte(text), limit)
	require.NoError(t, err)
	for pointer, want := range map[string]doc.Position{
		"": {2, 1}, "/profiles": {2, 1}, "/profiles/0": {3, 3}, "/profiles/0/policy": {3, 20}, "/profiles/1": {4, 3}, "/profiles/1/policy": {5, 3},
		"/profiles/1/policy/n": {6, 5}, "/profiles/1/policy/n/0": {6, 9}, "/profiles/1/policy/n/1/x~1y": {6, 13}, "/profiles/1/policy/~0": {7, 5},
		"/base/deep/er": {10, 5}, "/first": {11, 1}, "/first/deep/er": {10, 5}, "/second": {12, 1}, "/second/v": {12, 18}, "/second/v/deep": {9, 3},
		// What isn't there is missing in what is around it.
		"/profiles/1/nothing/more": {4, 3}, "/nothing": {2, 1}, "/profiles/7": {2, 1}, "/profiles/0/policy/-": {3, 20},
	} {
		at := d.Positions([]string{"/other", pointer})
		require.Equal(t, want, at[1], pointer)
	}
	require.Equal(t, []doc.Position{{}, {}}, doc.Document{JSON: []byte(`{"a":1}`)}.Positions([]string{"/a", ""}), "of JSON nothing is known")
}
