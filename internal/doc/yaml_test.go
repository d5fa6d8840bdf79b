package doc_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/doc"
	"github.com/legivellum/metagate/internal/errs"
)

const limit = 1 << 20

func TestYAMLThatJSONCantSayIsRefusedWithItsLine(t *testing.T) {
	t.Parallel()
	for what, bad := range map[string]struct{ yaml, says string }{
		"nothing":                   {"", "empty"},
		"only a comment":            {"# nothing\n", "empty"},
		"no YAML":                   {"a: 1\nb: [\n", "line 2"},
		"a tab as indentation":      {"a:\n\tb: 1\n", "line 2"},
		"infinity":                  {"a: 1\nb: .inf\n", "line 2"},
		"minus infinity":            {"a: -.Inf", "line 1"},
		"not a number":              {"a: .NaN", "line 1"},
		"a hexadecimal number":      {"a: 0x1F", "quote it"},
		"an octal number":           {"a: 0o17", "quote it"},
		"an underscore":             {"a: 1_000", "quote it"},
		"a plus sign":               {"a: +1", "quote it"},
		"a leading zero":            {"a: 007", "quote it"},
		"a bare point":              {"a: .5", "quote it"},
		"a boolean that is none":    {"a: !!bool yes", "line 1"},
		"binary":                    {"a: !!binary aGk=", "!!binary"},
		"a tag of one's own":        {"a: 1\nb: !secret x", "line 2"},
		"a key that is a list":      {"a: 1\n? [x]\n: 1\n", "line 2"},
		"a key that is a map":       {"? {x: 1}\n: 1\n", "line 1"},
		"a key that is a map alias": {"a: &x {b: 1}\nc: {? *x : 1}\n", "must be a text"},
		"a merge key":               {"a: &x {b: 1}\nc:\n  <<: *x\n", "line 3"},
		"a key twice":               {"a: 1\n\"a\": 2\n", "line 2, column 1: \"a\" is a duplicate key"},
		"two documents":             {"a: 1\n---\nb: 2\n", "more than one document"},
		"a broken second document":  {"a: 1\n---\n[", "more than one document"},
		"an unknown anchor":         {"a: *x\n", "unknown anchor"},
		"no UTF-8":                  {"a: \"\xff\"\n", "UTF-8"},
		"U+0000":                    {"a: \x00\n", "control characters"},
	} {
		out, err := doc.YAMLToJSON([]byte(bad.yaml), limit)
		require.Nil(t, out, what)
		require.True(t, errs.Is(err, errs.InvalidRequest), "%s: %v", what, err)
		require.Contains(t, errs.From(err).Message, bad.says, what)
	}
}

func TestAnchorsThatBlowUpAreStoppedAtTheLimit(t *testing.T) {
	t.Parallel()
	laughs := "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n"
	for i := 1; i < 30; i++ {
		last := fmt.Sprintf("*a%d", i-1)
		laughs += fmt.Sprintf("a%d: &a%[1]d [%s%s]\n", i, strings.Repeat(last+", ", 8), last)
	}
	for what, bad := range map[string]string{
		"a billion laughs":           laughs,
		"an alias within its anchor": "a: &x [*x]\n",
		"two of them":                "a: &x [*x, *x]\n",
		"in a map":                   "&x {a: *x, b: 1}\n",
		"long texts":                 "a: &x " + strings.Repeat("x", 10_000) + "\nb: [" + strings.Repeat("*x, ", 1000) + "*x]\n",
	} {
		_, err := doc.YAMLToJSON([]byte(bad), limit)
		require.True(t, errs.Is(err, errs.InvalidRequest), "%s: %v", what, err)
		require.Regexp(t, "larger than 1048576 bytes or nested too deep", err.Error(), what)
	}
}

func TestYAMLBecomesTheJSONItMeans(t *testing.T) {
	t.Parallel()
	for yaml, want := range map[string]string{
		"{a: 1.10, b: 12345678901234567890, c: 1e400, d: -0, e: 1E+2, f: -0.0}": `{"a":1.10,"b":12345678901234567890,"c":1e400,"d":-0,"e":1E+2,"f":-0.0}`,
		`{a: "1.10", b: '12', c: "1e400", d: "true", e: "null", f: "~"}`:        `{"a":"1.10","b":"12","c":"1e400","d":"true","e":"null","f":"~"}`,
		"[true, False, TRUE, null, ~, Null]":                                    `[true,false,true,null,null,null]`,
		"[yes, no, on, off, y, n, 2026-11-22, 12:30, 1.2.3, '']":                `["yes","no","on","off","y","n","2026-11-22","12:30","1.2.3",""]`,
		"a: |\n  x\n  y\nb: >-\n  x\n  y\n":                                     `{"a":"x\ny\n","b":"x y"}`,
		"a: &x {b: 1}\nc: *x\nd: [*x]\n":                                        `{"a":{"b":1},"c":{"b":1},"d":[{"b":1}]}`,
		"&k a: 1\nb: {*k : 2}\n":                                                `{"a":1,"b":{"a":2}}`,
		"1: a\n1.50: b\ntrue: c\n":                                              `{"1":"a","1.50":"b","true":"c"}`,
		"\"<<\": 1\n":                                                           `{"<<":1}`,
		"a:\nb: {}\nc: []\n":                                                    `{"a":null,"b":{},"c":[]}`,
		"---\n- ü\n...\n":                                                       `["ü"]`,
		"\"\\u0001\\t\\\\\": \"\\\"\"":                                          `{"\u0001\t\\":"\""}`,
	} {
		got, err := doc.YAMLToJSON([]byte(yaml), limit)
		require.NoError(t, err, yaml)
		require.Equal(t, want, string(got), yaml)
	}
}

// keptYAML are documents that must come back to the letter.
var keptYAML = []string{
	`{"a":1.10,"b":12345678901234567890,"c":1e400,"d":-0,"e":1E+2,"f":0.1e-400}`,
	`["1.10","12","1e400","1E400","true","yes","NO","on","y","null","~","","-","?",":","2026-11-22","2026-11-22T12:00:00Z","0x1f","0o7","1_000",".inf","-.Inf",".nan","<<","=","+1","012","12:30"]`,
	`[" a","a "," ","\n","\n\n","a\nb","a\n","\na"," a\nb","a\n\n","a\n b\n","a\t","\t","a\r\nb","\r","# a","a # b","a: b","- a","*a","&a","!a","%a","@a","{","[","'","\"","\\","|",">","---","...","--- a"]`,
	`{"a":{},"b":[],"c":[[],[{}],{"d":[[]]}],"":0,"<<":{"x":1},"null":null,"1":1,"true":true,"1.10":2}`,
	`["\u0001\u001b","` + "\u007f\u0080\u0085\u009f\u00a0\u2028\u2029\ufeff\ufffe\uffff\U0001f600\U0001ffff" + `","\ufeff"]`,
	`{"` + strings.Repeat("long", 1000) + `":"` + strings.Repeat("long text ", 1000) + `"}`,
	strings.Repeat(`{"a":[`, 30) + `1` + strings.Repeat(`]}`, 30),
	`"x"`, `1`, `null`,
}

func TestJSONComesBackFromYAMLToTheLetter(t *testing.T) {
	t.Parallel()
	for _, document := range keptYAML {
		text, err := doc.JSONToYAML([]byte(document))
		require.NoError(t, err, document)
		again, err := doc.YAMLToJSON(text, limit)
		require.NoError(t, err, "%s", text)
		requireSameYAML(t, document, string(again), string(text))
	}
}

func TestYAMLIsWrittenForPeople(t *testing.T) {
	t.Parallel()
	text, err := doc.JSONToYAML([]byte(`{"b":{"x":"plain text","rate":1.10,"e":{}},"a":[{"k":"1"},"no","two\nlines\n"]}`))
	require.NoError(t, err)
	require.Equal(t, "b:\n  x: plain text\n  rate: 1.10\n  e: {}\na:\n  - k: \"1\"\n  - \"no\"\n  - |\n    two\n    lines\n", string(text))
}

func TestWhatIsNoJSONIsNotWritten(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"", "{", `{"a":}`, "[1", "x"} {
		_, err := doc.JSONToYAML([]byte(bad))
		require.Error(t, err, bad)
	}
}
