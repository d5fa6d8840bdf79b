package bootstrap

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"github.com/legivellum/metagate/internal/errs"
)

func FuzzFindForbidden(f *testing.F) {
	for _, seed := range []string{
		`{}`, `"jobs"`, `{"jobs":{"a~/":[{" Tasks\t":1}]}}`, `[{"ｄｅｐｌｏｙ":1,"taſks":2}]`, `{"":{"scale":[[{"EXECUTE":1}]]}}`,
		`{"de\u00adploy":1,"\u200b\u3164scale":[{"ta\ufe0fsks":2}]}`, `{"\u0077ork_items":null,"work\ufe4ditems":[]}`, `{"\u3000provision\u0085":1,"tas\u212as":2}`, `{"jobs":1,"jobs":2}`, `{"\u00a8jobs":1}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		places, err := FindForbidden(doc, "/p")
		if err != nil || len(places) == errs.MaxPlaces {
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

// hidden is what no reader sees, spelled by hand.
var hidden = regexp.MustCompile(`[\x{AD}\x{34F}\x{61C}\x{115F}\x{1160}\x{17B4}\x{17B5}\x{180B}-\x{180F}\x{200B}-\x{200F}\x{202A}-\x{202E}\x{2060}-\x{206F}` +
	`\x{3164}\x{FE00}-\x{FE0F}\x{FEFF}\x{FFA0}\x{FFF0}-\x{FFF8}\x{1BCA0}-\x{1BCA3}\x{1D173}-\x{1D17A}\x{E0000}-\x{E0FFF}]`)

func stable(name string) string {
	name = hidden.ReplaceAllString(name, "")
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
