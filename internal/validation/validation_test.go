package validation_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/errs"
	"github.com/legivellum/metagate/internal/validation"
)

func TestASchemaThatDoesNotCompileIsRefusedByItsPlace(t *testing.T) {
	t.Parallel()
	beside := filepath.Join(t.TempDir(), "beside.json")
	require.NoError(t, os.WriteFile(beside, []byte(`{"type":"string"}`), 0o600))
	for schema, want := range map[string]string{
		`{`:                                    "/s is no JSON",
		`{"type":"sting"}`:                     "/s/type 'anyOf' failed: value must be one of",
		`{"properties":{"a":{"minimum":"1"}}}`: "/s/properties/a/minimum got string, want number",
		`{"properties":{"a/b":{"pattern":"(?=a)"}}}`:         `/s/properties/a~1b/pattern '(?=a)' is not valid regex`,
		`{"items":{"$ref":"file://` + beside + `"}}`:         `/s/items/$ref "file://` + beside + `" leads out of the schema`,
		`{"items":{"$ref":"` + beside + `"}}`:                `/s/items/$ref "` + beside + `" leads out of the schema`,
		`{"$ref":"file:///etc/passwd"}`:                      `/s/$ref "file:///etc/passwd" leads out of the schema`,
		`{"$ref":"http://127.0.0.1/s"}`:                      `/s/$ref "http://127.0.0.1/s" leads out of the schema`,
		`{"$id":"http://127.0.0.1/","items":{"$ref":"b#c"}}`: `/s/items/$ref "b#c" leads out of the schema`,
		`{"$schema":"http://127.0.0.1/meta"}`:                `/s/$schema "http://127.0.0.1/meta" leads out of the schema`,
		`{"$dynamicRef":"other.json"}`:                       `/s/$dynamicRef "other.json" leads out of the schema`,
		`{"$ref":"#/$defs/none"}`:                            `/s/$ref "#/$defs/none" leads nowhere`,
		`{"$ref":"#none"}`:                                   `/s/$ref "#none" leads nowhere`,
		`{"$ref":"#"}`:                                       "refers to itself for the same value",
		`{"allOf":[{"$ref":"#/$defs/a"}],"$defs":{"a":{"$ref":"#/$defs/b"},"b":{"$ref":"#/$defs/a"}}}`: "refers to itself for the same value",
		`{"maximum":1e999999999}`:                                "/s/maximum is a number of more than",
		`{"pattern":"((a{100}){100}){9}"}`:                       "/s/pattern",
		`{"description":"` + strings.Repeat("x", 300<<10) + `"}`: "/s is larger than 262144 bytes",
		`{"allOf":[` + strings.Repeat(`{},`, 2500) + `true]}`:    "/s has 2502 objects and booleans",
		`{"properties":{` + manyPatterns(300) + `}}`:             "the patterns are too large",
	} {
		_, err := validation.Compile([]byte(schema), "/s")
		require.True(t, errs.Is(err, errs.InvalidRequest), "%.80s: %v", schema, err)
		said := ""
		for _, p := range errs.From(err).Places {
			said += p.Pointer + " " + p.Detail + "\n"
		}
		require.Contains(t, said, want, "%.80s", schema)
		require.NotContains(t, said, "metagate:", "%.80s", schema)
	}
}

func manyPatterns(n int) string {
	var out []string
	for i := range n {
		out = append(out, fmt.Sprintf(`"p%d":{"pattern":"a{%d}"}`, i, 500+i%400))
	}
	return strings.Join(out, ",")
}

func places(t *testing.T, schema, document string) []string {
	t.Helper()
	s, err := validation.Compile([]byte(schema), "")
	require.NoError(t, err)
	d, err := validation.Read([]byte(document))
	require.NoError(t, err)
	out := []string{}
	found, _ := s.Check(d)
	for _, p := range found {
		out = append(out, p.Pointer+" "+p.Detail)
	}
	return out
}

func TestEveryViolationIsToldByItsPlace(t *testing.T) {
	t.Parallel()
	const schema = `{
		"type": "object", "required": ["owner", "services"], "additionalProperties": false,
		"properties": {
			"owner": true, "services": {"additionalProperties": {"required": ["endpoint"], "properties": {"endpoint": {"pattern": "^https://"}, "n": {"maximum": 3}}}},
			"a/b": {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "number"}}]},
			"no": false
		}}`
	require.Empty(t, places(t, schema, `{"owner":"x","services":{},"a/b":[1.10]}`))
	require.Equal(t, []string{
		"/a~1b 'anyOf' failed: got array, want string; /1 got null, want number",
		"/extra is not allowed here",
		"/more is not allowed here",
		"/no is not allowed here",
		"/owner is missing",
		"/services/q/endpoint is missing",
		"/services/x/endpoint 'http://x' does not match pattern '^https://'",
		"/services/x/n maximum: got 1.2345678901234567×10¹⁹, want 3",
	}, places(t, schema, `{"a/b":[1,null],"extra":1,"more":2,"no":null,"services":{"q":{},"x":{"endpoint":"http://x","n":12345678901234567890}}}`))
}

func TestASchemaMayBeRecursiveDownward(t *testing.T) {
	t.Parallel()
	const tree = `{"properties":{"name":{"type":"string"},"children":{"items":{"$ref":"#"}}},"required":["name"]}`
	require.Empty(t, places(t, tree, `{"name":"a","children":[{"name":"b","children":[{"name":"c"}]}]}`))
	require.Equal(t, []string{"/children/0/children/0/name is missing"}, places(t, tree, `{"name":"a","children":[{"name":"b","children":[{}]}]}`))
}

// Each of these would take years.
func TestWhatWouldTakeForEverIsNotCheckedToItsEnd(t *testing.T) {
	t.Parallel()
	doubling := func(keyword, each, end string) string {
		var defs []string
		for i := range 40 {
			next := fmt.Sprintf(`{"$ref":"#/$defs/d%d"}`, i+1)
			defs = append(defs, fmt.Sprintf(`"d%d":{%q:%s}`, i, keyword, strings.ReplaceAll(each, "NEXT", next)))
		}
		return `{"not":{"not":{"$ref":"#/$defs/d0"}},"$defs":{` + strings.Join(append(defs, `"d40":`+end), ",") + `}}`
	}
	for name, schema := range map[string]string{
		"allOf":      doubling("allOf", `[NEXT,NEXT]`, `{"type":"object"}`),
		"anyOf":      doubling("anyOf", `[NEXT,NEXT]`, `{"type":"string"}`),
		"oneOf":      doubling("oneOf", `[NEXT,NEXT]`, `{"enum":[1,2]}`),
		"dependents": doubling("dependentSchemas", `{"a":NEXT,"b":NEXT}`, `{"required":["z"]}`),
		"required":   doubling("dependentSchemas", `{"a":NEXT,"b":NEXT}`, `false`),
		"if":         doubling("allOf", `[{"if":NEXT,"then":NEXT,"else":NEXT}]`, `{"type":"string"}`),
	} {
		got := places(t, schema, `{"a":1,"b":2}`)
		require.Len(t, got, 1, name)
		require.Contains(t, got[0], "takes more than 200000 steps to check", name)
	}
	names := make([]string, 20_000)
	for i := range names {
		names[i] = fmt.Sprintf(`"name-%d":%d`, i, i)
	}
	patterns := make([]string, 1000)
	for i := range patterns {
		patterns[i] = fmt.Sprintf(`"^x%d$":true`, i)
	}
	got := places(t, `{"patternProperties":{`+strings.Join(patterns, ",")+`}}`, `{`+strings.Join(names, ",")+`}`)
	require.Contains(t, got[0], "takes more than", "patterns")
	require.Empty(t, places(t, `{"additionalProperties":{"type":"integer","minimum":0},"minProperties":3}`, `{`+strings.Join(names, ",")+`}`), "much is not too much")
}

func TestANumberThatNobodyShouldComputeWithIsAViolation(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{"/n is a number of more than 400 digits, which is not computed with"}, places(t, `{"properties":{"n":{"multipleOf":3}}}`, `{"n":1e999999999}`))
	require.Len(t, places(t, `{}`, `[`+strings.Repeat("9", 401)+`]`), 1)
	require.Empty(t, places(t, `{"items":{"multipleOf":0.01}}`, `[1.10,12345678901234567890,1e300]`))
}

func TestAFormatIsAnAnnotation(t *testing.T) { // as draft 2020-12 says
	t.Parallel()
	require.Empty(t, places(t, `{"format":"email"}`, `"nobody"`))
}

func TestOneTextIsCompiledOnce(t *testing.T) {
	t.Parallel()
	var c validation.Cache
	a, err := c.Compile([]byte(`{"type":"object"}`), "")
	require.NoError(t, err)
	b, err := c.Compile([]byte(`{"type":"object"}`), "")
	require.NoError(t, err)
	require.Same(t, a, b)
	_, err = c.Compile([]byte(`{"type":"sting"}`), "")
	require.Error(t, err)
}

func BenchmarkCompileTheLargest(b *testing.B) {
	text := []byte(`{"properties":{` + strings.TrimSuffix(strings.Repeat(`"NAME":{"type":"string"},`, 1990), ",") + `}}`)
	for i := range 1990 {
		text = []byte(strings.Replace(string(text), "NAME", fmt.Sprint("n", i), 1))
	}
	for b.Loop() {
		if _, err := validation.Compile(text, ""); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCheckFortyServices(b *testing.B) {
	s, err := validation.Compile([]byte(`{"properties":{"services":{"additionalProperties":{"required":["endpoint"],"properties":{"endpoint":{"pattern":"^https://"}}}}}}`), "")
	require.NoError(b, err)
	var services []string
	for i := range 40 {
		services = append(services, fmt.Sprintf(`"s%d":{"endpoint":"https://s%d:8000/mcp","config":{"auth":"jwt"}}`, i, i))
	}
	for b.Loop() {
		d, err := validation.Read([]byte(`{"services":{` + strings.Join(services, ",") + `}}`))
		require.NoError(b, err)
		found, _ := s.Check(d)
		require.Empty(b, found)
	}
}

func BenchmarkCheckToTheEnd(b *testing.B) {
	var defs []string
	for i := range 40 {
		defs = append(defs, fmt.Sprintf(`"d%d":{"anyOf":[{"$ref":"#/$defs/d%d"},{"$ref":"#/$defs/d%d"}]}`, i, i+1, i+1))
	}
	s, err := validation.Compile([]byte(`{"$ref":"#/$defs/d0","$defs":{`+strings.Join(append(defs, `"d40":{"type":"string"}`), ",")+`}}`), "")
	require.NoError(b, err)
	d, err := validation.Read([]byte(`{"a":1}`))
	require.NoError(b, err)
	for b.Loop() {
		found, _ := s.Check(d)
		require.Len(b, found, 1)
	}
}
