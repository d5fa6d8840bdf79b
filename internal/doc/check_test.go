package doc_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/doc"
	"github.com/legivellum/metagate/internal/errs"
)

func TestCheckRefuses(t *testing.T) {
	t.Parallel()
	const early, after = "invalid JSON: the document ends too early", "invalid JSON: text after the value"
	deep := strings.Repeat("/0", doc.MaxDepth)
	for name, tc := range map[string]struct{ document, message, pointer string }{
		"an empty body":                    {"", "invalid JSON: the document is empty (byte 0)", ""},
		"a body of white space":            {" \r\n\t", "invalid JSON: the document is empty (byte 0)", ""},
		"a cut-off object":                 {`{"a":{"b":`, early + " (byte 10)", "/a/b"},
		"a cut-off number":                 {`-12.`, early + " (byte 4)", ""},
		"a cut-off string":                 {`"abc`, early + " (byte 4)", ""},
		"a missing value":                  {`{"a":}`, "invalid JSON: missing value after object name (byte 5)", "/a"},
		"a trailing comma":                 {`[1,]`, "invalid JSON: invalid character ',' at start of value (byte 2)", ""},
		"a bare member name":               {`{a:1}`, "invalid JSON: invalid character 'a' at start of value (byte 1)", ""},
		"a number as member name":          {`{1:2}`, "invalid JSON: object member name must be a string (byte 1)", ""},
		"a raw line feed in a string":      {"[\"\n\"]", `invalid JSON: invalid character '\n' in string (expecting non-control character) (byte 2)`, "/0"},
		"NaN":                              {`NaN`, "invalid JSON: invalid character 'N' at start of value (byte 0)", ""},
		"a byte order mark":                {"\uFEFF{}", `invalid JSON: invalid character '\ufeff' at start of value (byte 0)`, ""},
		"two values":                       {"{} \n{}", after + " (byte 4)", ""},
		"rubbish after the value":          {`{},`, after + " (byte 2)", ""},
		"a leading zero":                   {`01`, after + " (byte 1)", ""},
		"invalid UTF-8 in a string":        {"{\"a\":[1,\"\xff\"]}", "invalid JSON: invalid UTF-8 (byte 9)", "/a/1"},
		"an overlong encoding":             {"\"\xc0\x80\"", "invalid JSON: invalid UTF-8 (byte 1)", ""},
		"an encoded surrogate":             {"\"\xed\xa0\x80\"", "invalid JSON: invalid UTF-8 (byte 1)", ""},
		"a lone high surrogate":            {`["\ud800"]`, "invalid JSON: invalid surrogate pair `\\ud800\"]` in string (byte 2)", "/0"},
		"a lone low surrogate":             {`["\udc00\ud800"]`, "invalid JSON: invalid surrogate pair `\\udc00\\ud800` in string (byte 2)", "/0"},
		"a lone surrogate as name":         {`{"\ud800x":1}`, "invalid JSON: invalid surrogate pair `\\ud800x\":1}` in string (byte 2)", ""},
		"a duplicate name":                 {`{"a":1,"a":1}`, "invalid JSON: duplicate member name (byte 7)", "/a"},
		"a duplicate name, deep, escaped":  {`{"x/y":[{"a~":1,"\u0061~":2}]}`, "invalid JSON: duplicate member name (byte 16)", "/x~1y/0/a~0"},
		"a duplicate empty name":           {`{"":1,"":1}`, "invalid JSON: duplicate member name (byte 6)", "/"},
		"U+0000 in a string":               {`{"a":["x","\\\u0000"]}`, "JSON string with U+0000 (byte 10)", "/a/1"},
		"U+0000 as the document":           {`"\u0000"`, "JSON string with U+0000 (byte 0)", ""},
		"U+0000 in a member name":          {`{"a\u0000":1}`, "JSON string with U+0000 (byte 1)", "/a\x00"},
		"65 arrays":                        {strings.Repeat("[", 65) + strings.Repeat("]", 65), "JSON nested deeper than 64 levels (byte 64)", deep},
		"an object in 64 arrays":           {strings.Repeat("[", 64) + "{}" + strings.Repeat("]", 64), "JSON nested deeper than 64 levels (byte 64)", deep},
		"a million open brackets, at once": {strings.Repeat("[", 1e6), "JSON nested deeper than 64 levels (byte 64)", deep},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := doc.Check([]byte(tc.document))
			require.Error(t, err)
			refused := errs.From(err)
			require.Equal(t, errs.InvalidRequest, refused.Code)
			require.Equal(t, tc.message, refused.Message)
			require.NotContains(t, err.Error(), "jsontext")
			if tc.pointer == "" {
				require.Empty(t, refused.Places)
				return
			}
			require.Equal(t, []errs.Place{{Pointer: tc.pointer, Detail: tc.message}}, refused.Places)
		})
	}
}

func TestCheckAccepts(t *testing.T) {
	t.Parallel()
	for name, document := range map[string]string{
		"white space around the value":     " \r\n\t{ } \n",
		"a scalar":                         `0`,
		"any number literal":               `[12345678901234567890,1.10,1e400,-0,1E+5,1e999999999]`,
		"an escaped backslash before u000": `"\\u0000"`,
		"a surrogate pair":                 `"\ud83d\ude00 \uD83D\uDE00 😀"`,
		"every escape":                     `"\"\\\/\b\f\n\r\t\u0001"`,
		"one name in several objects":      `{"a":{"a":[{"a":1},{"a":2}]}}`,
		"names that differ in case":        `{"a":1,"A":2}`,
		"exactly 64 levels":                strings.Repeat(`{"a":[`, 32) + strings.Repeat("]}", 32),
		"brackets in a string":             `"` + strings.Repeat("[{", 100) + `"`,
		"many containers, none deep":       "[" + strings.Repeat("[],{},", 100) + "[]]",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.NoError(t, doc.Check([]byte(document)))
		})
	}
}

func TestCheckCountsValuesAndNoNames(t *testing.T) {
	t.Parallel()
	pairs := strings.Repeat(`{"a":"b"},`, doc.MaxValues/2-1) // and two of the array
	require.NoError(t, doc.Check([]byte("["+pairs+"1]")))
	require.ErrorContains(t, doc.Check([]byte("["+pairs+"1,2]")), "more than 1048576 values")
}

func TestCheckRecoversFromTheDocumentBefore(t *testing.T) {
	t.Parallel()
	require.Error(t, doc.Check([]byte(`{"a":[{"a":`)))
	require.NoError(t, doc.Check([]byte(`{"a":1}`)), "state of a refused document leaked")
}

func TestCompactKeepsEveryLiteral(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		" { \"b\" : [ 1.10 , 1e400 ] ,\n\"a\" : { } , \"\\u0061\\/\" : \"<\u2028 \\u003c\" } ": "{\"b\":[1.10,1e400],\"a\":{},\"\\u0061\\/\":\"<\u2028 \\u003c\"}",
		`12345678901234567890`: `12345678901234567890`,
		`{"broken" : `:         `{"broken" : `,
		"":                     "",
	} {
		source := []byte(in)
		got := doc.Compact(source)
		require.Equal(t, want, string(got))
		require.Equal(t, in, string(source), "the input was changed")
	}
}
