package telemetry

import "github.com/prometheus/client_golang/prometheus"

// Gauge registers metagate_NAME, which read gives when it is scraped; it must not wait.
// So a room that has figures needs nothing of this one: whoever wires it registers them.
func (m *Metrics) Gauge(name, help string, read func() float64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "metagate_" + name, Help: help}, read))
}

// Counter registers metagate_NAME, which read gives when it is scraped: it only grows, from
// 0 at the start of the process, and the name ends in _total.
func (m *Metrics) Counter(name, help string, read func() float64) {
	m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "metagate_" + name, Help: help}, read))
}

// Register takes collectors whose figures have labels. These have to be bounded:
// what admins or callers name goes through names.
func (m *Metrics) Register(collectors ...prometheus.Collector) {
	m.registry.MustRegister(collectors...)
}

const (
	// maxSets is how many sets of labels that admins name a metric has.
	maxSets = 200
	// other is the label of all the rest. No key of a resource is written like that.
	other = "(other)"
)

// names bounds what admins name: who comes first is told apart.
type names[K comparable] map[K]bool

// room reports whether a name is one of those that are told apart.
func (n names[K]) room(name K) bool {
	if !n[name] && len(n) < maxSets {
		n[name] = true
	}
	return n[name]
}
