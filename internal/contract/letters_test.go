package contract

import (
	"regexp"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate"
)

func TestAKeyIsWhatTheContractSays(t *testing.T) {
	t.Parallel()
	d, err := openapi3.NewLoader().LoadFromData(metagate.OpenAPI)
	require.NoError(t, err)
	require.Equal(t, *lettersOf(regexp.MustCompile(d.Components.Schemas["Key"].Value.Pattern)), key)
	for text, is := range map[string]bool{
		"a": true, "A-z.0_9:/@+": true, strings.Repeat("k", 255): true,
		"": false, "a b": false, "é": false, "a\xff": false, "\x00": false, "日本": false, strings.Repeat("k", 256): false,
	} {
		require.Equal(t, is, IsKey(text), "%q", text)
	}
}

func TestLettersSpellWhatTheirPatternDoes(t *testing.T) {
	t.Parallel()
	for pattern, simple := range map[string]bool{
		`^[A-Za-z0-9._:/@+-]{1,255}$`:              true,
		`^[^\x{0000}-\x{001F}\x{007F}-\x{009F}]*$`: true,
		`^[a-c]+$`:                  true,
		`^[a-c]{2,}$`:               true,
		`^[a-c]?$`:                  false,
		`[a-c]+`:                    false,
		`^(a|[b-c])+$`:              false,
		`^(ab)+$`:                   false,
		`^[A-Za-z0-9_-]{21}[AQgw]$`: false,
		`(?m)^[a-c]+$`:              false,
	} {
		re := regexp.MustCompile(pattern)
		l := lettersOf(re)
		require.Equal(t, simple, l != nil, pattern)
		if l == nil {
			continue
		}
		texts := []string{"", "a", "ab", "abc\n", "\nab", "a b", "d", "\x7f", "\x00", string(make([]byte, 300))}
		for _, n := range []int{254, 255, 256} {
			text := make([]byte, n)
			for i := range text {
				text[i] = 'b'
			}
			texts = append(texts, string(text))
		}
		for _, text := range texts {
			require.Equal(t, re.MatchString(text), l.spell([]byte(text)), "%s: %q", pattern, text)
		}
	}
}
