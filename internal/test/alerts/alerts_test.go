// Package alerts_test holds what is packaged for Prometheus and Grafana against a server, with
// Prometheus' own parser and promtool. It is a module of its own: MetaGate has no use for them.
package alerts_test

import (
	"cmp"
	"encoding/json"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/doc"
)

const packaging = "../../../packaging/"

func read(t *testing.T, file string) []byte {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	return text
}

// readYAML reads a document into a value, as JSON would be.
func readYAML(t *testing.T, file string, into any) {
	t.Helper()
	text, err := doc.YAMLToJSON(read(t, file), 1<<24)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, into))
}

// rule is one of metagate.rules.yaml.
type rule struct {
	Alert, Record, Expr string
	Labels, Annotations map[string]string
}

func rules(t *testing.T) (all []rule) {
	t.Helper()
	var file struct{ Groups []struct{ Rules []rule } }
	readYAML(t, packaging+"prometheus/metagate.rules.yaml", &file)
	for _, g := range file.Groups {
		all = append(all, g.Rules...)
	}
	require.Greater(t, len(all), 10)
	return all
}

// promtool is the one of PROMTOOL, or else of this module: to build that takes minutes, once.
func promtool(t *testing.T, args ...string) string {
	t.Helper()
	command := append(strings.Fields(cmp.Or(os.Getenv("PROMTOOL"), "go tool promtool")), args...)
	out, err := exec.CommandContext(t.Context(), command[0], command[1:]...).CombinedOutput()
	require.NoError(t, err, "%s", out)
	return string(out)
}

func TestPromtoolTakesTheRulesAndTheirTestsPass(t *testing.T) {
	t.Parallel()
	require.Contains(t, promtool(t, "check", "rules", packaging+"prometheus/metagate.rules.yaml"), "SUCCESS")
	require.Contains(t, promtool(t, "check", "config", packaging+"prometheus/prometheus.yml"), "SUCCESS")
	require.Contains(t, promtool(t, "test", "rules", packaging+"prometheus/metagate.rules_test.yaml"), "SUCCESS")
}

func TestEachAlertIsTriedFiringAndSilent(t *testing.T) {
	t.Parallel()
	var file struct {
		Tests []struct {
			Name   string
			Series []struct{ Series string } `json:"input_series"`
			Alerts []struct {
				Name string `json:"alertname"`
				Want []any  `json:"exp_alerts"`
			} `json:"alert_rule_test"`
		}
	}
	readYAML(t, packaging+"prometheus/metagate.rules_test.yaml", &file)
	fires, silent := map[string]bool{}, map[string]bool{}
	for _, test := range file.Tests {
		require.NotEmpty(t, test.Series, "%s: nothing is silent about no series", test.Name)
		for _, a := range test.Alerts {
			if len(a.Want) > 0 {
				fires[a.Name] = true
			} else {
				silent[a.Name] = true
			}
		}
	}
	for _, r := range rules(t) {
		if r.Alert != "" {
			require.True(t, fires[r.Alert], "%s is tried firing", r.Alert)
			require.True(t, silent[r.Alert], "%s is tried silent", r.Alert)
		}
	}
}

func TestEachAlertHasARunbookThatIsThere(t *testing.T) {
	t.Parallel()
	sections := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^## (\w+)$`).FindAllStringSubmatch(string(read(t, "../../../docs/alerts.md")), -1) {
		sections[m[1]] = true
	}
	for _, r := range rules(t) {
		if r.Alert == "" {
			continue
		}
		require.Contains(t, []string{"warning", "critical"}, r.Labels["severity"], r.Alert)
		require.NotEmpty(t, r.Annotations["summary"], r.Alert)
		require.NotEmpty(t, r.Annotations["description"], r.Alert)
		require.Equal(t, "https://github.com/legivellum/metagate/blob/main/docs/alerts.md#"+strings.ToLower(r.Alert), r.Annotations["runbook_url"])
		require.True(t, sections[r.Alert], "docs/alerts.md has a section ## %s", r.Alert)
		delete(sections, r.Alert)
	}
	require.Empty(t, sections, "docs/alerts.md has sections of alerts that there aren't")
}
