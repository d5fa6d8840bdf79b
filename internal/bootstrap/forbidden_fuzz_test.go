package bootstrap

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

func FuzzFindForbidden(f *testing.F) {
	for _, seed := range []string{
		`{}`, `"jobs"`, `{"jobs":{"a~/":[{" Tasks\t":1}]}}`, `[{"ｄｅｐｌｏｙ":1,"taſks":2}]`, `{"":{"scale":[[{"EXECUTE":1}]]}}`,
		`{"\u0077ork_items":null,"work\ufe4ditems":[]}`, `{"\u3000provision\u0085":1,"tas\u212as":2}`, `{"jobs":1,"jobs":2}`, `{"\u00a8jobs":1}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		places, err := FindForbidden(doc, "/p")
		if err != nil {
			return
		}
		var v any
		dec := json.NewDecoder(bytes.NewReader(doc))
		dec.UseNumber() // 1e400 is a fine number
		require.NoError(t, dec.Decode(&v))
		var want, got []string
		walk(v, "/p", &want)
		for _, p := range places {
			got = append(got, p.Pointer)
		}
		slices.Sort(want) // a decoded object has lost its order
		slices.Sort(got)
		require.Equal(t, want, got)
	})
}

// walk is the slow oracle: decoded values, and names normalised again and again.
func walk(v any, at string, found *[]string) {
	switch v := v.(type) {
	case []any:
		for i, item := range v {
			walk(item, at+"/"+strconv.Itoa(i), found)
		}
	case map[string]any:
		for name, item := range v {
			here := at + "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
			if slices.Contains(strings.Fields("tasks jobs work_items payloads deploy scale provision execute"), stable(name)) {
				*found = append(*found, here)
			}
			walk(item, here, found)
		}
	}
}

func stable(name string) string {
	for range 5 { // for Cherokee the library's folding never comes to rest
		name = strings.TrimSpace(norm.NFKC.String(cases.Fold().String(norm.NFKC.String(strings.TrimSpace(name)))))
	}
	return name
}

func BenchmarkFindForbidden(b *testing.B) {
	services := make([]string, 70)
	for i := range services {
		services[i] = fmt.Sprintf(`"svc-%d":{"url":"https://svc.internal:8443/v1","timeout_ms":2500,`+
			`"retry":{"max":5,"backoff":1.50},"tags":["a","b"]}`, i)
	}
	doc := []byte(`{"services":{` + strings.Join(services, ",") + `}}`)
	b.SetBytes(int64(len(doc)))
	b.ReportAllocs()
	for b.Loop() {
		if places, err := FindForbidden(doc, ""); err != nil || len(places) > 0 {
			b.Fatal(places, err)
		}
	}
}

func BenchmarkForbiddenKey(b *testing.B) {
	for _, name := range []string{"memory_map", "a_rather_long_member_name", "größe", "ｔａｓｋｓ"} {
		b.Run(name, func(b *testing.B) {
			key := []byte(name)
			b.ReportAllocs()
			for b.Loop() {
				forbiddenKey(key)
			}
		})
	}
}
