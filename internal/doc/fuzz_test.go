package doc_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/doc"
	"github.com/legivellum/metagate/internal/errs"
)

const nested = `{"a":{"b":null,"c":[{"d":null}]},"e":{}}`

var seeds = []string{
	"", " ", "{}", "[]", "null", `"a"`, "-0", "1.10", "1E5", "1e400", "12345678901234567890", "9007199254740993",
	nested, `{"a":1,"\u0061":2}`, `["\u0000","\\u0000"]`, `"\ud83d\ude00\ud800"`,
	"\"\xff\"", "{\"\ufb33\":1,\"\U0001F600\":2}", strings.Repeat("[", 65), `{"a":1} {}`, "{\"a\" :\t[ 1 , 2 ] }\n",
	"0.1000000000000000055511151231257827", "1e-999999999999999999999", "0E10000000000000000000",
	"[0.000001,1e-7,1e21,123e-2]",
}

func FuzzCheck(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		before := bytes.Clone(b)
		err := doc.Check(b)
		require.Equal(t, before, b, "the input was changed")
		if err != nil {
			message := errs.From(err).Message
			require.True(t, errs.Is(err, errs.InvalidRequest), message)
			require.NotContains(t, message, "\n")
			require.NotContains(t, message, "jsontext")
			require.True(t, utf8.ValidString(message))
			return
		}
		require.True(t, utf8.Valid(b))
		require.True(t, json.Valid(b))
		require.False(t, hasNUL(decode(t, b)))
		var want bytes.Buffer
		require.NoError(t, json.Compact(&want, b))
		require.Equal(t, want.String(), string(doc.Compact(b)))
	})
}

func FuzzCanonical(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		once, err := doc.Canonical(b)
		if err != nil {
			require.True(t, errs.Is(err, errs.InvalidRequest))
			require.Error(t, doc.Check(b))
			return
		}
		twice, err := doc.Canonical(once)
		require.NoError(t, err)
		require.Equal(t, string(once), string(twice))
		requireSame(t, decode(t, b), decode(t, once))
	})
}

func FuzzMergePatch(f *testing.F) {
	for i, s := range seeds {
		f.Add([]byte(s), []byte(seeds[len(seeds)-1-i]))
		f.Add([]byte(nested), []byte(s))
	}
	f.Fuzz(func(t *testing.T, target, patch []byte) {
		if doc.Check(target) != nil || doc.Check(patch) != nil {
			_, _ = doc.MergePatch(target, patch)
			return
		}
		got, err := doc.MergePatch(target, patch)
		require.NoError(t, err)
		require.NoError(t, doc.Check(got))
		require.Equal(t, oracle(decode(t, target), decode(t, patch)), decode(t, got))

		again, err := doc.MergePatch(got, patch)
		require.NoError(t, err)
		require.Equal(t, string(got), string(again), "a second time it changes nothing")
		if same, err := doc.MergePatch(target, []byte("{}")); isObject(decode(t, target)) {
			require.NoError(t, err)
			require.Equal(t, decode(t, target), decode(t, same), "the empty patch changes nothing")
		}
	})
}
