package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Issuer is what the keys of one issuer, and the fetches of them, come to.
type Issuer struct {
	Keys     int       // that are good now
	Renewed  time.Time // when they were last fetched; zero for never
	Fetches  int64     // all of them
	Failures int64
}

// issuers reads the issuers' metrics when they are scraped.
type issuers struct {
	names                            []string
	read                             func() []Issuer // by the order of names
	keys, renewed, fetches, failures *prometheus.Desc
}

// Issuers registers what is known of the issuers of these names; read gives it in their order.
func (m *Metrics) Issuers(names []string, read func() []Issuer) {
	desc := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc("metagate_issuer_"+name, help, []string{"issuer"}, nil)
	}
	m.registry.MustRegister(&issuers{
		names: names, read: read,
		keys:     desc("keys", "Keys of an issuer that are good now; 0: its tokens are answered with 503."),
		renewed:  desc("keys_renewed_timestamp_seconds", "When an issuer's keys were last fetched, in seconds since 1970; 0 for never."),
		fetches:  desc("fetches_total", "Fetches of an issuer's keys."),
		failures: desc("fetch_failures_total", "Those of them that failed."),
	})
}

// Describe implements prometheus.Collector.
func (i *issuers) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{i.keys, i.renewed, i.fetches, i.failures} {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (i *issuers) Collect(to chan<- prometheus.Metric) {
	for n, c := range i.read() {
		send := func(d *prometheus.Desc, kind prometheus.ValueType, value float64) {
			to <- prometheus.MustNewConstMetric(d, kind, value, i.names[n])
		}
		at := 0.0
		if !c.Renewed.IsZero() {
			at = float64(c.Renewed.Unix())
		}
		send(i.keys, prometheus.GaugeValue, float64(c.Keys))
		send(i.renewed, prometheus.GaugeValue, at)
		send(i.fetches, prometheus.CounterValue, float64(c.Fetches))
		send(i.failures, prometheus.CounterValue, float64(c.Failures))
	}
}
