package doc_test

import (
	"bytes"
	"encoding/json"
	"math/big"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func decode(t *testing.T, b []byte) (v any) {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	require.NoError(t, dec.Decode(&v))
	return v
}

func isObject(v any) bool { _, ok := v.(map[string]any); return ok }

// oracle is the pseudo-code of RFC 7396 section 2 on decoded values.
func oracle(target, patch any) any {
	changes, ok := patch.(map[string]any)
	if !ok {
		return patch
	}
	document, ok := target.(map[string]any)
	if !ok {
		document = map[string]any{}
	}
	for name, change := range changes {
		if change == nil {
			delete(document, name)
		} else {
			document[name] = oracle(document[name], change)
		}
	}
	return document
}

func hasNUL(v any) bool {
	text, _ := json.Marshal(v)
	return bytes.Contains(bytes.ReplaceAll(text, []byte(`\\`), nil), []byte(`\u0000`))
}

// requireSame compares numbers by value and the rest literally.
func requireSame(t *testing.T, want, got any) {
	t.Helper()
	switch want := want.(type) {
	case map[string]any:
		require.Len(t, got, len(want))
		for name, v := range want {
			requireSame(t, v, got.(map[string]any)[name])
		}
	case []any:
		require.Len(t, got, len(want))
		for i, v := range want {
			requireSame(t, v, got.([]any)[i])
		}
	case json.Number:
		requireSameNumber(t, string(want), string(got.(json.Number)))
	default:
		require.Equal(t, want, got)
	}
}

func requireSameNumber(t *testing.T, want, got string) {
	t.Helper()
	if want == got {
		return
	}
	mantissa, _, _ := strings.Cut(strings.ToLower(want), "e")
	if !strings.ContainsAny(mantissa, "123456789") {
		require.Equal(t, "0", got)
		return
	}
	f, err := strconv.ParseFloat(want, 64)
	require.NoError(t, err)
	require.NotZero(t, f, "%s became %s", want, got) // and big.Rat is slow beyond a double
	a, _ := new(big.Rat).SetString(want)
	b, _ := new(big.Rat).SetString(got)
	require.Zero(t, a.Cmp(b), "%s became %s", want, got)
}
