package telemetry

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/legivellum/metagate/internal/errs"
	"github.com/legivellum/metagate/internal/store"
)

// refusalCodes are what components are turned away with: an increase needs its zero.
var refusalCodes = []errs.Code{
	errs.InvalidRequest, errs.Unauthenticated, errs.Forbidden, errs.NoBinding, errs.ComponentNotPermitted, errs.NotFound, errs.SessionNotFound,
	errs.InvalidState, errs.IdempotencyKeyReused, errs.PrincipalMismatch, errs.TooLarge, errs.RequestTimeout, errs.UnsupportedMediaType, errs.TooManyRequests,
}

func newRefusals() *prometheus.CounterVec {
	v := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "metagate_refusals_total", Help: "Bootstraps and reports that were turned away, by the error's code, whichever door they came by.",
	}, []string{"code"})
	for _, code := range refusalCodes {
		v.WithLabelValues(string(code))
	}
	return v
}

// Refused counts a bootstrap or a report that was turned away.
func (m *Metrics) Refused(code errs.Code) { m.refusals.WithLabelValues(string(code)).Inc() }

// looked is what is looked up beside the scrapes, which must not wait for the database.
type looked struct {
	ready, database, binary     prometheus.Gauge
	delivered, failing, pending *prometheus.GaugeVec
}

func newLooked(m *Metrics) *looked {
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Name: "metagate_" + name, Help: help})
	}
	sinks := func(name, help string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "metagate_sink_" + name, Help: help}, []string{"sink"})
	}
	l := &looked{
		ready:     gauge("ready", "1 where /ready is 200, 0 where it is 503; asked now and then."),
		database:  gauge("db_migration", "Number of the database's last migration."),
		binary:    gauge("db_migration_wanted", "Number of the last migration that this binary has."),
		delivered: sinks("last_delivery_timestamp_seconds", "When a sink last took something, from whichever server, in seconds since 1970; 0 for never."),
		failing:   sinks("failing_since_timestamp_seconds", "Since when a sink can't be used, in seconds since 1970; 0: it can."),
		pending:   sinks("pending", "Startups with changes, or events, that a sink has not been told of; 10,000 for that many or more."),
	}
	m.Register(l.ready, l.database, l.binary, l.delivered, l.failing, l.pending)
	return l
}

// toldOfStartups is the kind of sink that is told of startups themselves, and not of events.
const toldOfStartups = "receiptgate"

// mostPending is as far as is counted what waits for a sink.
const mostPending = 10_000

// lookTime bounds a look.
const lookTime = 10 * time.Second

// Beside is what Look looks at, and for whom.
type Beside struct {
	Ready  func(context.Context) error          // nil where /ready is 200
	Expect func(manifest string, version int64) // is told what startups may be of
	Sink   func(name string) bool               // is it one of this server's configuration?
}

// Look finds out, until ctx ends, whether this server is ready, what its sinks do and which
// versions manifests have.
func (m *Metrics) Look(ctx context.Context, every time.Duration, b Beside) {
	for failing := false; ctx.Err() == nil; {
		err := m.look(ctx, b)
		if err != nil && !failing && ctx.Err() == nil {
			slog.WarnContext(ctx, "what the metrics tell of the database is not renewed, will try again", "error", err)
		}
		failing = err != nil
		select {
		case <-ctx.Done():
		case <-time.After(every):
		}
	}
}

func (m *Metrics) look(ctx context.Context, b Beside) error {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	l := m.looked
	is := 1.0
	if b.Ready(ctx) != nil {
		is = 0
	}
	l.ready.Set(is)
	database, binary, err := m.store.Schema(ctx)
	if err != nil {
		return err
	}
	l.database.Set(float64(database))
	l.binary.Set(float64(binary))
	manifests, err := m.store.ListManifestVersions(ctx, maxSets)
	if err != nil {
		return err
	}
	for _, one := range manifests {
		b.Expect(one.ManifestKey, one.Version)
	}
	return l.sinks(ctx, m.store, b.Sink)
}

func (l *looked) sinks(ctx context.Context, st *store.Store, ours func(string) bool) error {
	all, err := st.ListSinks(ctx)
	if err != nil {
		return err
	}
	events, err := st.EventBounds(ctx)
	if err != nil {
		return err
	}
	for _, s := range all {
		if !ours(s.Name) {
			continue
		}
		pending := min(events.Newest-s.Position, mostPending) // events have numbers without holes
		if s.Kind == toldOfStartups {
			pending, err = st.CountChanges(ctx, store.CountChangesParams{FromChange: s.Position, RowLimit: mostPending})
			if err != nil {
				return err
			}
		}
		l.delivered.WithLabelValues(s.Name).Set(seconds(s.DeliveredAt))
		l.failing.WithLabelValues(s.Name).Set(seconds(s.FailingSince))
		l.pending.WithLabelValues(s.Name).Set(float64(pending))
	}
	return nil
}

// seconds is a time in seconds since 1970; 0 for none.
func seconds(t *time.Time) float64 {
	if t == nil {
		return 0
	}
	return float64(t.UnixMicro()) / 1e6
}
