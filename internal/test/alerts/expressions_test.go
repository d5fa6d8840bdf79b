package alerts_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/require"

	"github.com/legivellum/metagate/internal/test/scraped"
)

// ofPrometheus are the labels that a scrape gives every series.
var ofPrometheus = map[string]bool{"job": true, "instance": true}

// series are the labels of a metric and their values, as a server has them.
type series map[string]map[string]bool

// live are the series of a server that does all it can, and of Prometheus and the rules themselves.
func live(t *testing.T) map[string]series {
	t.Helper()
	text := scraped.Text(t)
	out := map[string]series{"up": {}}
	for name := range scraped.Names(text) {
		out[name] = series{}
	}
	label := regexp.MustCompile(`(\w+)="((?:[^"\\]|\\.)*)"`)
	for line := range strings.Lines(text) {
		name, rest, _ := strings.Cut(line, "{")
		if s := out[name]; s != nil {
			for _, m := range label.FindAllStringSubmatch(rest, -1) {
				if s[m[1]] == nil {
					s[m[1]] = map[string]bool{}
				}
				s[m[1]][m[2]] = true
			}
		}
	}
	for _, r := range rules(t) {
		if r.Record != "" {
			out[r.Record] = series{"manifest": {}, "version": {}, "profile": {}}
		}
	}
	return out
}

// panel is what may have expressions in a dashboard.
type panel struct {
	Title   string
	Targets []struct{ Expr string }
	Panels  []panel
}

func (p panel) expressions() (all []string) {
	for _, t := range p.Targets {
		all = append(all, t.Expr)
	}
	for _, inner := range p.Panels {
		all = append(all, inner.expressions()...)
	}
	return all
}

// expressions are all that are packaged, by where.
func expressions(t *testing.T) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	for _, r := range rules(t) {
		out["rule "+r.Alert+r.Record] = []string{r.Expr}
	}
	var board struct {
		Panels      []panel
		Annotations struct{ List []struct{ Expr string } }
		Templating  struct {
			List []struct{ Type, Definition string }
		}
	}
	require.NoError(t, json.Unmarshal(read(t, packaging+"grafana/metagate.json"), &board))
	require.Greater(t, len(board.Panels), 10)
	for _, p := range board.Panels {
		out["panel "+p.Title] = p.expressions()
	}
	for _, a := range board.Annotations.List {
		out["annotation"] = append(out["annotation"], a.Expr)
	}
	values := regexp.MustCompile(`^label_values\((.*), (\w+)\)$`)
	for _, v := range board.Templating.List {
		if v.Type == "query" {
			m := values.FindStringSubmatch(v.Definition)
			require.NotNil(t, m, v.Definition)
			out["variable"] = append(out["variable"], "count by ("+m[2]+") ("+m[1]+")")
		}
	}
	fences := regexp.MustCompile("(?s)```promql\n(.*?)```").FindAllStringSubmatch(string(read(t, "../../../docs/operations.md")), -1)
	require.NotEmpty(t, fences)
	for _, m := range fences {
		out["docs/operations.md"] = append(out["docs/operations.md"], strings.Split(strings.TrimSpace(m[1]), "\n")...)
	}
	return out
}

// grafana are its variables, as it would fill them in.
var grafana = strings.NewReplacer("$__rate_interval", "1m", "$job", "metagate", "$manifest", ".*")

func TestEveryExpressionNamesLiveMetricsAndTheirLabels(t *testing.T) {
	t.Parallel()
	all, known := expressions(t), live(t)
	for where, list := range all {
		for _, text := range list {
			expr, err := parser.NewParser(parser.Options{}).ParseExpr(grafana.Replace(text))
			require.NoError(t, err, "%s: %s", where, text)
			parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
				switch n := node.(type) {
				case *parser.VectorSelector:
					checkSelector(t, where, n, known)
				case *parser.AggregateExpr:
					checkLabels(t, where, n, known)
				}
				return nil
			})
		}
	}
}

// checkSelector holds a selector against what there is: the name, the labels, and the values that
// are named one by one.
func checkSelector(t *testing.T, where string, v *parser.VectorSelector, known map[string]series) {
	t.Helper()
	s, ok := known[v.Name]
	require.True(t, ok, "%s names %q, which is no metric", where, v.Name)
	for _, m := range v.LabelMatchers {
		if m.Name == "__name__" || ofPrometheus[m.Name] {
			continue
		}
		require.Contains(t, s, m.Name, "%s asks for a label that %s has not", where, v.Name)
		if m.Type == labels.MatchEqual {
			require.Contains(t, s[m.Name], m.Value, "%s asks for a value that label %s of %s never has", where, m.Name, v.Name)
		}
	}
}

// checkLabels holds what is aggregated by against the metrics beneath.
func checkLabels(t *testing.T, where string, a *parser.AggregateExpr, known map[string]series) {
	t.Helper()
	parser.Inspect(a.Expr, func(node parser.Node, _ []parser.Node) error {
		if v, ok := node.(*parser.VectorSelector); ok {
			for _, label := range a.Grouping {
				if !ofPrometheus[label] && v.Name != "up" {
					require.Contains(t, known[v.Name], label, "%s aggregates %s by a label that it has not", where, v.Name)
				}
			}
		}
		return nil
	})
}
