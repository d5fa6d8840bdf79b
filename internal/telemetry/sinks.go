package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Sink is what this replica has done for a sink of events.
type Sink struct {
	Delivered, Refused, Failures, Dropped int64
	Lag                                   time.Duration // for how long the next event has waited
}

// Sink registers a sink of SINKS_FILE.
func (m *Metrics) Sink(name string, read func() Sink) {
	of := prometheus.Labels{"sink": name}
	count := func(name, help string, pick func(Sink) int64) {
		m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "metagate_sink_" + name, Help: help, ConstLabels: of},
			func() float64 { return float64(pick(read())) }))
	}
	count("events_delivered_total", "Events, and digests of them, that a sink has taken from this server.", func(s Sink) int64 { return s.Delivered })
	count("events_refused_total", "Events that a sink has refused for good.", func(s Sink) int64 { return s.Refused })
	count("events_dropped_total", "Events that were too old before a sink took them.", func(s Sink) int64 { return s.Dropped })
	count("failures_total", "Failed attempts to tell a sink of events.", func(s Sink) int64 { return s.Failures })
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "metagate_sink_lag_seconds", Help: "Age of the oldest event that a sink has not been told of; 0 on servers whose turn it isn't.", ConstLabels: of,
	}, func() float64 { return read().Lag.Seconds() }))
}
