package doc_test

import (
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/doc"
)

func change(at jsontext.Pointer, before, after string) doc.Change {
	c := doc.Change{Pointer: at}
	if before != "" {
		c.Before = jsontext.Value(before)
	}
	if after != "" {
		c.After = jsontext.Value(after)
	}
	return c
}

func TestADiffNamesEachPlaceThatDiffers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		before, after string
		want          []doc.Change
	}{
		{`{}`, `{}`, nil},
		{`{"a":1,"b":2}`, `{ "b" : 2, "a" : 1 }`, nil},
		{`{"a":1.10}`, `{"a":1.1}`, []doc.Change{change("/a", "1.10", "1.1")}},
		{`{"a":12345678901234567890}`, `{"a":12345678901234567891}`, []doc.Change{change("/a", "12345678901234567890", "12345678901234567891")}},
		{`{"b":1,"a":{"y":1,"x":2}}`, `{"a":{"x":3,"z":4},"c":5}`, []doc.Change{
			change("/a/x", "2", "3"), change("/a/y", "1", ""), change("/a/z", "", "4"), change("/b", "1", ""), change("/c", "", "5"),
		}},
		{`{"a":null}`, `{}`, []doc.Change{change("/a", "null", "")}},
		{`{}`, `{"a":null}`, []doc.Change{change("/a", "", "null")}},
		{`{"a":null}`, `{"a":{}}`, []doc.Change{change("/a", "null", "{}")}},
		{`{"a":{}}`, `{"a":[]}`, []doc.Change{change("/a", "{}", "[]")}},
		{`{"a":[1,{"b":2}]}`, `{"a":[1,{"b":3}]}`, []doc.Change{change("/a", `[1,{"b":2}]`, `[1,{"b":3}]`)}},
		{`{"a":[{"x":1,"y":2}]}`, `{"a":[{"y":2,"x":1}]}`, nil},
		{`{"a/b~c":{"":1}}`, `{"a/b~c":{"":2}}`, []doc.Change{change("/a~1b~0c/", "1", "2")}},
		{`{"a":"\u0061"}`, `{"a":"a"}`, nil},
		{`1`, `2`, []doc.Change{change("", "1", "2")}},
	} {
		require.Equal(t, c.want, doc.Diff([]byte(c.before), []byte(c.after)), "%s %s", c.before, c.after)
	}
}

// FuzzDiff: there is no difference between equal documents, and one at least between others.
func FuzzDiff(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s), []byte(nested))
	}
	f.Fuzz(func(t *testing.T, before, after []byte) {
		if doc.Check(before) != nil || doc.Check(after) != nil {
			return
		}
		require.Empty(t, doc.Diff(before, before))
		require.Equal(t, doc.Equal(before, after), len(doc.Diff(before, after)) == 0)
		require.Len(t, doc.Diff(after, before), len(doc.Diff(before, after)))
	})
}
