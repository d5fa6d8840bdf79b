package doc_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/doc"
)

func TestEscapesForHTMLAreTakenOutAndNoOthers(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		``: ``, `{"a":1}`: `{"a":1}`, `"\u0026"`: `"&"`, `"\u003Cb\u003e"`: `"<b>"`, `"\\u0026"`: `"\\u0026"`, `"\\\u0026"`: `"\\&"`,
		`"\u0027\u0022\u00e9\n\""`: `"\u0027\u0022\u00e9\n\""`, `{"\u0026":"\u2028\ud83d\ude00"}`: `{"&":"\u2028\ud83d\ude00"}`, `"\u0000`: `"\u0000`, `\u00\`: `\u00\`,
	} {
		require.Equal(t, want, string(doc.WithoutHTML([]byte(in))), in)
	}
}

func FuzzWithoutHTML(f *testing.F) {
	f.Add("<&>", []byte(`{"a\\":"\\\u0026"}`))
	f.Fuzz(func(t *testing.T, text string, document []byte) {
		escaped, err := json.Marshal(text)
		require.NoError(t, err)
		plain := doc.WithoutHTML(escaped)
		require.NotRegexp(t, `[^\\](\\\\)*\\u00(26|3c|3e)`, string(plain))
		require.True(t, doc.Equal(escaped, plain))
		if doc.Check(document) == nil {
			require.True(t, doc.Equal(document, doc.WithoutHTML(document)))
		}
	})
}
