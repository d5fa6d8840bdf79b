package doc_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/doc"
	"github.com/legivellum/metagate/internal/errs"
)

func TestMergePatchRefusesWhatIsNotStrictJSON(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{`{`, `{"a":1,"a":2}`, `{} {}`, "\"\xff\"", `["\ud800"]`, " "} {
		_, err := doc.MergePatch([]byte(`{}`), []byte(bad))
		require.True(t, errs.Is(err, errs.InvalidRequest), "patch %q: %v", bad, err)
		_, err = doc.MergePatch([]byte(bad), []byte(`{}`))
		require.True(t, errs.Is(err, errs.InvalidRequest), "target %q: %v", bad, err)
	}
	_, err := doc.MergePatch([]byte(`{}`), nil)
	require.True(t, errs.Is(err, errs.InvalidRequest), "an absent patch is the caller's mistake")
}

func TestMergePatchPassesTheVectorsOfRFC7396(t *testing.T) {
	t.Parallel()
	for _, v := range [][3]string{ // appendix A, in its order
		{`{"a":"b"}`, `{"a":"c"}`, `{"a":"c"}`},
		{`{"a":"b"}`, `{"b":"c"}`, `{"a":"b","b":"c"}`},
		{`{"a":"b"}`, `{"a":null}`, `{}`},
		{`{"a":"b","b":"c"}`, `{"a":null}`, `{"b":"c"}`},
		{`{"a":["b"]}`, `{"a":"c"}`, `{"a":"c"}`},
		{`{"a":"c"}`, `{"a":["b"]}`, `{"a":["b"]}`},
		{`{"a":{"b":"c"}}`, `{"a":{"b":"d","c":null}}`, `{"a":{"b":"d"}}`},
		{`{"a":[{"b":"c"}]}`, `{"a":[1]}`, `{"a":[1]}`},
		{`["a","b"]`, `["c","d"]`, `["c","d"]`},
		{`{"a":"b"}`, `["c"]`, `["c"]`},
		{`{"a":"foo"}`, `null`, `null`},
		{`{"a":"foo"}`, `"bar"`, `"bar"`},
		{`{"e":null}`, `{"a":1}`, `{"e":null,"a":1}`},
		{`[1,2]`, `{"a":"b","c":null}`, `{"a":"b"}`},
		{`{}`, `{"a":{"bb":{"ccc":null}}}`, `{"a":{"bb":{}}}`},
	} {
		got, err := doc.MergePatch([]byte(v[0]), []byte(v[1]))
		require.NoError(t, err)
		require.Equal(t, v[2], string(got), "%s patched with %s", v[0], v[1])
	}
}

func TestMergePatch(t *testing.T) {
	t.Parallel()
	for name, v := range map[string][3]string{
		"keeps number literals":                  {`{"a":1.10,"b":12345678901234567890}`, `{"c":1e400,"d":1.0}`, `{"a":1.10,"b":12345678901234567890,"c":1e400,"d":1.0}`},
		"keeps empty objects":                    {`{"a":{}}`, `{"b":{},"a":{}}`, `{"a":{},"b":{}}`},
		"keeps string literals":                  {`{"a":"\u003c<\/"}`, `{"b":"&\u00e9"}`, `{"a":"\u003c<\/","b":"&\u00e9"}`},
		"keeps the order of the target":          {`{"z":1,"m":2,"a":3}`, `{"y":4,"b":5,"m":6}`, `{"z":1,"m":6,"a":3,"y":4,"b":5}`},
		"keeps nulls inside arrays":              {`{}`, `{"a":[{"b":null},null]}`, `{"a":[{"b":null},null]}`},
		"strips nested nulls of new members":     {`{"a":1}`, `{"a":{"b":null,"c":{"d":null,"e":0}}}`, `{"a":{"c":{"e":0}}}`},
		"replaces an array by a stripped object": {`{"a":[1]}`, `{"a":{"b":null}}`, `{"a":{}}`},
		"treats an absent target as an object":   {``, `{"a":{"b":null,"c":1}}`, `{"a":{"c":1}}`},
		"treats a null target as an object":      {`null`, `{"a":1}`, `{"a":1}`},
		"ignores the removal of what is absent":  {`{"a":1}`, `{"b":null}`, `{"a":1}`},
		"matches names by text, not by literal":  {`{"\u0061":1,"\"":2}`, `{"a":3,"\u0022":null}`, `{"a":3}`},
		"removes white space":                    {` { "a" : [ 1 , 2 ] } `, " { \"b\" :\n{ \"c\" : 1 } } ", `{"a":[1,2],"b":{"c":1}}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := doc.MergePatch([]byte(v[0]), []byte(v[1]))
			require.NoError(t, err)
			require.Equal(t, v[2], string(got))
		})
	}
}

func TestMergePatchSharesNoMemoryWithItsInputs(t *testing.T) {
	t.Parallel()
	for _, patch := range []string{`{"b":2}`, `[3]`} {
		target, change := []byte(`{"a":1}`), []byte(patch)
		got, err := doc.MergePatch(target, change)
		require.NoError(t, err)
		want := string(got)
		clear(target)
		clear(change)
		require.Equal(t, want, string(got))
	}
}
