package app

import (
	"sync/atomic"

	"github.com/legivellum/metagate/internal/feed"
	"github.com/legivellum/metagate/internal/outcomes"
	"github.com/legivellum/metagate/internal/store"
	"github.com/legivellum/metagate/internal/telemetry"
)

// measure has the metrics tell of the rooms that keep figures of their own, each here: what
// it registers is read when it is scraped.
func (a *App) measure() {
	m := a.options.Metrics
	m.LogDrops(func() float64 { return telemetry.DroppedLines(a.log) })
	m.Gauge("last_commit_failed", "1 where the last commit of receipts or reports failed, and no try has succeeded since.", func() float64 {
		return flag(a.options.Witness.LastWrite() != nil)
	})
	a.measureOutcomes(m)
	if a.options.Mirror != nil {
		m.Mirror(a.options.Mirror.Counts)
	}
	if a.retention != nil {
		a.measureRetention(m)
	}
}

func (a *App) measureOutcomes(m *telemetry.Metrics) {
	m.Outcomes(a.outcomes.Lag, a.options.Refusals.Dropped)
	m.Gauge("outcomes_leader", "1 on the replica whose turn it is to count outcomes.", func() float64 { return flag(a.outcomes.Leads()) })
	a.startups = m.Startups(outcomes.TimeBuckets)
	a.outcomes.Counted = func(all map[outcomes.Kind]*outcomes.Figures) {
		for k, f := range all {
			a.startups.Outcomes(k.Manifest, k.Version, f.Started, f.Ready, f.Failed)
			if f.Ready > 0 {
				a.startups.Ready(k.Profile, k.Manifest, f.Within, f.Seconds, f.Late)
			}
		}
	}
}

func (a *App) measureRetention(m *telemetry.Metrics) {
	var receipts, packets, failures, last atomic.Int64
	last.Store(store.Now().Unix()) // it is not late before it has begun
	a.retention.Swept = func(r, p int64, err error) {
		receipts.Add(r)
		packets.Add(p)
		if err != nil {
			failures.Add(1)
			return
		}
		last.Store(store.Now().Unix())
	}
	read := func(n *atomic.Int64) func() float64 { return func() float64 { return float64(n.Load()) } }
	m.Counter("retention_receipts_removed_total", "Receipts that were removed: they were too old (RECEIPT_RETENTION_HOURS).", read(&receipts))
	m.Counter("retention_packets_removed_total", "Bodies of packets that were removed: they were too old (PACKET_RETENTION_HOURS).", read(&packets))
	m.Counter("retention_failures_total", "Turns of removing what is too old that failed.", read(&failures))
	m.Gauge("retention_last_success_timestamp_seconds", "When what is too old was last removed, or the server started, in seconds since 1970.", read(&last))
}

// beside is what the metrics have to ask the database for.
func (a *App) beside() telemetry.Beside {
	return telemetry.Beside{
		Ready: a.options.Ready, Expect: a.startups.Expect,
		Sink: func(name string) bool {
			return a.options.Webhooks[name] || (name == feed.LedgerName && a.options.Mirror != nil)
		},
	}
}

func flag(is bool) float64 {
	if is {
		return 1
	}
	return 0
}
