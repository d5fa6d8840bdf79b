package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Commits are those of receipts or of reports, each of which many requests share.
type Commits struct {
	rows, duration prometheus.Observer
	failed         prometheus.Counter
}

// Commits registers the commits of kinds, by their order.
func (m *Metrics) Commits(kinds ...string) []*Commits {
	label := []string{"of"}
	rows := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "metagate_commit_rows", Help: "Receipts, or reports, that one commit wrote together.",
		Buckets: []float64{1, 2, 4, 8, 16, 32, 64, 128, 256},
	}, label)
	duration := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "metagate_commit_duration_seconds", Help: "What commits of receipts, or reports, took; failed ones included.",
		Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1},
	}, label)
	failed := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "metagate_commits_failed_total", Help: "Commits of receipts, or reports, that failed.",
	}, label)
	m.Register(rows, duration, failed)
	out := make([]*Commits, len(kinds))
	for i, kind := range kinds {
		out[i] = &Commits{rows.WithLabelValues(kind), duration.WithLabelValues(kind), failed.WithLabelValues(kind)}
	}
	return out
}

// Committed counts a commit.
func (c *Commits) Committed(rows int, took time.Duration, err error) {
	c.rows.Observe(float64(rows))
	c.duration.Observe(took.Seconds())
	if err != nil {
		c.failed.Inc()
	}
}
