package app_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/test/scraped"
)

func text(t *testing.T, file string) string {
	t.Helper()
	got, err := os.ReadFile("../../" + file)
	require.NoError(t, err)
	return string(got)
}

// What else is wrong with an expression internal/test/alerts finds out, which has Prometheus' own parser.
func TestEveryMetricIsInTheTableAndWhatIsPackagedNamesNoOther(t *testing.T) {
	t.Parallel()
	live := scraped.Names(scraped.Text(t))
	table := text(t, "docs/operations.md")
	base := regexp.MustCompile(`_(bucket|count|sum)$`)
	for name := range live {
		if strings.HasPrefix(name, "metagate_") {
			require.Contains(t, table, "`"+base.ReplaceAllString(name, "")+"`")
		}
	}
	for _, m := range regexp.MustCompile("(?m)^\\| `metagate_.*? \\|").FindAllString(table, -1) {
		for _, name := range regexp.MustCompile(`metagate_\w+`).FindAllString(m, -1) {
			require.True(t, live[name] || live[name+"_count"], "%s is in the table, but no metric", name)
		}
	}
	for _, file := range []string{"packaging/prometheus/metagate.rules.yaml", "packaging/prometheus/metagate.rules_test.yaml", "packaging/grafana/metagate.json", "docs/operations.md", "docs/alerts.md"} {
		names := regexp.MustCompile(`(?:^|[^\w:])(metagate_[a-z_0-9]+)[{\[]`).FindAllStringSubmatch(text(t, file), -1)
		for _, m := range names {
			require.True(t, live[m[1]], "%s names %s, which is no metric", file, m[1])
		}
	}
}
