package doc_test

import (
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/doc"
	"github.com/legivellum/metagate/internal/errs"
)

// requireSame compares two JSON texts but for how strings are escaped.
func requireSameYAML(t *testing.T, want, got, text string) {
	t.Helper()
	a, err := jsontext.AppendFormat(nil, []byte(want), jsontext.ReorderRawObjects(false))
	require.NoError(t, err)
	b, err := jsontext.AppendFormat(nil, []byte(got), jsontext.ReorderRawObjects(false))
	require.NoError(t, err)
	require.Equal(t, string(a), string(b), text)
}

// FuzzToJSON: whatever is sent ends in JSON within the limit, or in a refusal.
func FuzzToJSON(f *testing.F) {
	for _, seed := range append([]string{
		"a: &x [*x, *x]", "a: 1\n---\n[", "<<: {}", "? [a]\n: b", "!!bool yes", "!!int x", "!!float .inf", "!!null x", "!!str 1", "a: !!timestamp x",
		"- - - 1\n", "a: |+\n  x\n\n", "{a: b, *c : d}", "&a a: *a", "\xff\xfea\x00", "!<!!binary> x",
	}, keptYAML...) {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, document []byte) {
		const limit = 1 << 16
		out, err := doc.YAMLToJSON(document, limit)
		if err != nil {
			require.True(t, errs.Is(err, errs.InvalidRequest), "%v", err)
			return
		}
		require.LessOrEqual(t, len(out), limit+6*len(document)+400, "one value more than the limit at most")
		require.True(t, jsontext.Value(out).IsValid(jsontext.AllowDuplicateNames(true)), "%s", out)
	})
}

// FuzzFromJSON: JSON that MetaGate takes comes back from YAML to the letter.
func FuzzFromJSON(f *testing.F) {
	for _, document := range keptYAML {
		f.Add([]byte(document))
	}
	f.Fuzz(func(t *testing.T, document []byte) {
		if doc.Check(document) != nil || len(document) > 1<<16 {
			return
		}
		text, err := doc.JSONToYAML(document)
		require.NoError(t, err)
		again, err := doc.YAMLToJSON(text, 1<<20)
		require.NoError(t, err, "%q", text)
		requireSameYAML(t, string(document), string(again), string(text))
	})
}
