package cli

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// pages are what people read, by their names.
func pages(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	docs, err := filepath.Glob("../../docs/*.md")
	require.NoError(t, err)
	require.NotEmpty(t, docs)
	for _, name := range docs {
		name = "docs/" + filepath.Base(name)
		out[name] = read(t, name)
	}
	for _, name := range []string{"README.md", "CONTRIBUTING.md", "CHANGELOG.md", "internal/witness/HOTPATH.md"} {
		out[name] = read(t, name)
	}
	return out
}

var (
	fenced   = regexp.MustCompile("(?ms)^```(\\w*)\n(.*?)^```$")
	heading  = regexp.MustCompile(`(?m)^#+ (.*)$`)
	link     = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	unlinked = regexp.MustCompile(`[^\pL\pN _-]`)
)

// blocks are the code blocks of a text in one language.
func blocks(text, language string) []string {
	var out []string
	for _, m := range fenced.FindAllStringSubmatch(text, -1) {
		if m[1] == language {
			out = append(out, m[2])
		}
	}
	return out
}

// anchors are where links into a text may lead, as GitHub names them.
func anchors(text string) map[string]bool {
	out := map[string]bool{}
	for _, m := range heading.FindAllStringSubmatch(fenced.ReplaceAllString(text, ""), -1) {
		out[strings.ReplaceAll(unlinked.ReplaceAllString(strings.ToLower(m[1]), ""), " ", "-")] = true
	}
	return out
}

func TestTheReadmeIsShort(t *testing.T) {
	t.Parallel()
	require.LessOrEqual(t, strings.Count(read(t, "README.md"), "\n"), 200, "details belong to docs/")
}

func TestEveryLinkLeadsSomewhere(t *testing.T) {
	t.Parallel()
	all, links := pages(t), 0
	for name, text := range all {
		for _, m := range link.FindAllStringSubmatch(fenced.ReplaceAllString(text, ""), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			links++
			file, anchor, anchored := strings.Cut(m[1], "#")
			target := name
			if file != "" {
				target = path.Join(path.Dir(name), file)
				_, err := os.Stat("../../" + target)
				require.NoError(t, err, "%s: %s", name, m[1])
			}
			if anchored {
				require.Contains(t, anchors(all[target]), anchor, "%s: %s", name, m[1])
			}
		}
	}
	require.Greater(t, links, 30)
}

func TestTheReadmeLeadsToEveryPage(t *testing.T) {
	t.Parallel()
	for name := range pages(t) {
		if name != "README.md" {
			require.Contains(t, read(t, "README.md"), "]("+name+")")
		}
	}
}
