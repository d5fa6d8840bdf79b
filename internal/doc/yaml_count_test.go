package doc

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/legivellum/metagate/internal/errs"
)

// values counts the items and pairs of a tree.
func values(n *yaml.Node) int {
	sum := 0
	for i, c := range n.Content {
		if n.Kind != yaml.MappingNode || i%2 == 1 {
			sum++
		}
		sum += values(c)
	}
	return sum
}

// FuzzMayHave: whatever tree the parser makes, it was counted before.
func FuzzMayHave(f *testing.F) {
	for _, seed := range []string{
		"", "a", "[1,1,1]", "{a,b,c}", "{a: b, c}", "a: 1\nb:\n  - x\n  -\n  - - y\n", "? a\n? b\n: c\n", ": a\n", "[a: b, ? c : d, ?, :, : e]", "[:,:,:]",
		"{\"a\":1,'b':2,[c]:3,{d}:4}", "&a b: *a", "[&a b, *a:c, *a :d]", "[&a:b]", "- !!str\n- !x y\n- |\n  a: b\n- >-\n  c\n", "http://x:8000", "[http://x:8000]",
		"a:\u00851\n-\u2028", "-\t1\n-\r\n", "\ufeff- a\n", "a: 1 # b: 2, [3\n", "a\n---\nb: [1]\n", "--- - a", "{a:,b:}", "[\"a\"::b]", "? - a\n: - b\n",
		"é: 1\n«:2", "{? a, ? b: c}", "!a:b c: d", "[!!str:a]", "%YAML 1.1\n---\n- 1", "a: 'b'\n'c':\n", "- -\n- -- -\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, document []byte) {
		var tree yaml.Node
		if yaml.Unmarshal(document, &tree) == nil && string(document[:min(2, len(document))]) != "\xff\xfe" && string(document[:min(2, len(document))]) != "\xfe\xff" {
			require.LessOrEqual(t, values(&tree), mayHave(document), "%q", document)
		}
	})
}

func TestYAMLOfMoreValuesThanJSONMayHaveIsRefusedBeforeATreeIsMade(t *testing.T) { // alone: it counts allocations
	const size = 8 << 20
	for _, document := range []string{
		"a: [" + strings.Repeat("1,", size/2-3) + "1]", strings.Repeat("- \n", size/3), strings.Repeat("a:\n", size/3), "{" + strings.Repeat("a,", size/2-1) + "}",
		strings.Repeat("-\n", size/2), "[" + strings.Repeat("*a,", size/3-1) + "]", strings.Repeat("- ", size/2), strings.Repeat("? ", size/2),
	} {
		allocated := testing.AllocsPerRun(1, func() {
			_, err := YAMLToJSON([]byte(document), size)
			require.True(t, errs.Is(err, errs.InvalidRequest), "%.20q", document)
			require.ErrorContains(t, err, fmt.Sprint(MaxValues))
		})
		require.Less(t, allocated, 1000.0, "%.20q", document)
	}
	_, err := YAMLToJSON([]byte("\xff\xfea\x00"), size)
	require.ErrorContains(t, err, "UTF-8", "in UTF-16 nothing would be counted")
}

func TestAnHonestWorldOfEightMebibytesIsNotRefused(t *testing.T) {
	t.Parallel()
	var principals, bindings, services strings.Builder
	for i := 0; principals.Len()+bindings.Len() < 8<<20-40; i++ {
		fmt.Fprintf(&principals, "- {principal_key: c-%05d, auth_subject: c-%05d}\n", i, i)
		fmt.Fprintf(&bindings, "- {principal: c-%05d, profile: gate, manifest: mesh}\n", i)
	}
	require.LessOrEqual(t, mayHave([]byte("principals:\n"+principals.String()+"bindings:\n"+bindings.String())), MaxValues)
	for i := 0; services.Len() < 8<<20; i++ {
		fmt.Fprintf(&services, "    svc-%05d: {type: gate, endpoint: \"http://svc-%05d:8000/mcp?a=1&b=2\", config: {auth: api_key, tags: [a, b, c], timeout_ms: 2500}}\n", i, i)
	}
	require.LessOrEqual(t, mayHave([]byte("manifests:\n- manifest_key: mesh\n  services:\n"+services.String())), MaxValues)
}
