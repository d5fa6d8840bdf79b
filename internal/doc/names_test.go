package doc_test

import (
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/doc"
	"github.com/legivellum/metagate/internal/errs"
)

// names collects "name pointer" of each visit.
func names(t *testing.T, document string) []string {
	t.Helper()
	var got []string
	require.NoError(t, doc.Names([]byte(document), func(name []byte, at func() jsontext.Pointer) {
		got = append(got, string(name)+" "+string(at()))
	}))
	return got
}

func TestNamesVisitsEveryMemberInDocumentOrder(t *testing.T) {
	t.Parallel()
	require.Equal(t,
		[]string{"b /b", "c /b/c", "d /b/c/1/d", "a/~ /a~1~0", "  / ", "é /é"},
		names(t, `{"b":{"c":["x",{"d":"y"}]},"\u0061/~":"z"," ":1,"\u00e9":null}`))
}

func TestNamesVisitsNoStringValue(t *testing.T) {
	t.Parallel()
	require.Empty(t, names(t, `"a"`))
	require.Empty(t, names(t, `["a",["b"],{}]`))
}

func TestNamesHasNoDepthLimitOfItsOwn(t *testing.T) {
	t.Parallel()
	require.Len(t, names(t, strings.Repeat(`{"a":`, 500)+"1"+strings.Repeat("}", 500)), 500)
}

func TestNamesRefusesWhatIsNotStrictJSON(t *testing.T) {
	t.Parallel()
	for _, document := range []string{"", "{", `{"a":1,"a":2}`, `{} {}`, "\"\xff\"", `"\ud800"`, strings.Repeat("[", 20000)} {
		err := doc.Names([]byte(document), func([]byte, func() jsontext.Pointer) {})
		require.True(t, errs.Is(err, errs.InvalidRequest), "%.20s: %v", document, err)
		require.NotContains(t, err.Error(), "jsontext")
	}
}
