package telemetry

import (
	"bytes"
	"context"
	"log/slog"
	"runtime"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/common/expfmt"

	"github.com/legivellum/metagate/gen/model"
	"github.com/legivellum/metagate/internal/errs"
	"github.com/legivellum/metagate/internal/store"
)

// Metrics are the server's own; each server has its own registry.
type Metrics struct {
	store      *store.Store
	registry   *prometheus.Registry
	requests   *prometheus.HistogramVec
	answers    sync.Map // of requests, by answered: to look one up hashes its labels
	bootstraps *prometheus.CounterVec
	opened     prometheus.Counter // of bootstraps, OK
	reports    *prometheus.CounterVec
	backfilled *prometheus.CounterVec
	open       *prometheus.GaugeVec
	refusals   *prometheus.CounterVec
	looked     *looked
}

// bootstrapCodes are what a bootstrap may end with: a rate needs its zero.
var bootstrapCodes = []errs.Code{
	codeOK, errs.InvalidRequest, errs.Unauthenticated, errs.Forbidden, errs.NoBinding, errs.ComponentNotPermitted, errs.PrincipalMismatch,
	errs.IdempotencyKeyReused, errs.TooLarge, errs.UnsupportedMediaType, errs.TooManyRequests, errs.Internal, errs.Unavailable,
}

const codeOK errs.Code = "OK"

// NewMetrics registers the server's metrics and those of the process; build is the binary's version.
func NewMetrics(st *store.Store, build string) *Metrics {
	m := &Metrics{
		store:    st,
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "metagate_http_request_duration_seconds", Help: "Requests by operation and status.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 5},
		}, []string{"operation", "status"}),
		bootstraps: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "metagate_bootstraps_total", Help: "Bootstraps by result: OK or the error's code, refused credentials included.",
		}, []string{"code"}),
		reports: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "metagate_startup_reports_total", Help: "Accepted reports by the state they name.",
		}, []string{"state"}),
		backfilled: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "metagate_startups_backfilled_total", Help: "Starts without this server that were told of afterwards, by result.",
		}, []string{"result"}),
		open: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "metagate_startups", Help: "Startups that are OPEN, and those of them that are OVERDUE; counted now and then.",
		}, []string{"state"}),
	}
	m.refusals, m.looked = newRefusals(), newLooked(m)
	m.registry.MustRegister(m.requests, m.refusals, m.bootstraps, m.reports, m.backfilled, m.open, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.pool("max_connections", "Size of the database pool.", func(s store.Stats) float64 { return float64(s.Max) })
	m.pool("open_connections", "Open database connections.", func(s store.Stats) float64 { return float64(s.Open) })
	m.pool("in_use_connections", "Database connections in use.", func(s store.Stats) float64 { return float64(s.InUse) })
	m.count("waits_total", "Acquisitions that had to wait for a connection.", func(s store.Stats) float64 { return float64(s.Waits) })
	m.count("wait_seconds_total", "What acquisitions waited in all.", func(s store.Stats) float64 { return s.WaitTime.Seconds() })
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "metagate_build_info", Help: "1, with the version of this binary, the revision it was built of, and its Go.",
		ConstLabels: prometheus.Labels{"version": build, "revision": builtOf(), "goversion": runtime.Version()},
	}, func() float64 { return 1 }))
	for _, code := range bootstrapCodes {
		m.bootstraps.WithLabelValues(string(code))
	}
	for _, state := range []model.StartupStatus{model.StartupStatusREADY, model.StartupStatusFAILED} {
		m.reports.WithLabelValues(string(state))
	}
	for _, result := range []model.BackfillResultResult{
		model.BackfillResultResultRecorded, model.BackfillResultResultKnown, model.BackfillResultResultClosed, model.BackfillResultResultRefused,
	} {
		m.backfilled.WithLabelValues(string(result))
	}
	m.opened = m.bootstraps.WithLabelValues(string(codeOK))
	return m
}

func (m *Metrics) pool(name, help string, read func(store.Stats) float64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "metagate_db_" + name, Help: help},
		func() float64 { return read(m.store.Stats()) }))
}

// LogDrops registers how many lines of the log were dropped.
func (m *Metrics) LogDrops(read func() float64) {
	m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "metagate_log_lines_dropped_total", Help: "Log lines that were dropped: they were not read in time, or could not be written.",
	}, read))
}

// CertificateExpiry registers when the server's own certificate expires.
func (m *Metrics) CertificateExpiry(read func() time.Time) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "metagate_tls_certificate_expiry_timestamp_seconds", Help: "When the server's certificate expires, in seconds since 1970.",
	}, func() float64 { return float64(read().Unix()) }))
}

// Mirror registers what the mirror of this replica has done.
func (m *Metrics) Mirror(read func() (delivered, refused, failures int64, lag time.Duration)) {
	count := func(name, help string, of func() float64) {
		m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "metagate_mirror_" + name, Help: help}, of))
	}
	count("receipts_delivered_total", "Receipts that the ledger has taken from this server, replays included.", func() float64 { n, _, _, _ := read(); return float64(n) })
	count("receipts_refused_total", "Startups whose receipt the ledger has refused for good.", func() float64 { _, n, _, _ := read(); return float64(n) })
	count("failures_total", "Failed attempts to use the ledger.", func() float64 { _, _, n, _ := read(); return float64(n) })
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "metagate_mirror_lag_seconds", Help: "Age of the oldest change of a startup that the ledger has not been told of; 0 on servers whose turn it isn't.",
	}, func() float64 { _, _, _, lag := read(); return lag.Seconds() }))
}

// Outcomes registers how far the outcomes of this replica lag behind, and how many
// refusals were dropped.
func (m *Metrics) Outcomes(lag func() time.Duration, dropped func() int64) {
	m.registry.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "metagate_outcomes_lag_seconds", Help: "Age of the moment up to which outcomes are counted; 0 on servers whose turn it isn't.",
		}, func() float64 { return lag().Seconds() }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "metagate_refusals_dropped_total", Help: "Refusals that were not kept for the list: too many different ones at once.",
		}, func() float64 { return float64(dropped()) }))
}

func (m *Metrics) count(name, help string, read func(store.Stats) float64) {
	m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "metagate_db_" + name, Help: help},
		func() float64 { return read(m.store.Stats()) }))
}

// Request counts a request that was answered.
func (m *Metrics) Request(operation string, status int, took time.Duration) {
	key := answered{operation, status}
	o, known := m.answers.Load(key)
	if !known {
		o, _ = m.answers.LoadOrStore(key, m.requests.WithLabelValues(operation, strconv.Itoa(status)))
	}
	o.(prometheus.Observer).Observe(took.Seconds())
}

// answered is an operationId and what it was answered with.
type answered struct {
	operation string
	status    int
}

// Bootstrap counts a bootstrap, whoever refuses it: authentication, validation or
// the witness; an empty code is none that was refused.
func (m *Metrics) Bootstrap(code errs.Code) {
	if code == "" {
		m.opened.Inc()
		return
	}
	m.bootstraps.WithLabelValues(string(code)).Inc()
}

// Backfilled counts a start that was told of afterwards.
func (m *Metrics) Backfilled(r model.BackfillResultResult) {
	m.backfilled.WithLabelValues(string(r)).Inc()
}

// Report counts an accepted report.
func (m *Metrics) Report(s model.StartupStatus) { m.reports.WithLabelValues(string(s)).Inc() }

// Count counts the open startups until ctx ends: in the background, since a
// scrape must not wait for the database. Where there are so many that counting
// takes long, it is done more rarely, so that it never costs much.
func (m *Metrics) Count(ctx context.Context, now func() time.Time, every time.Duration) {
	const share, rarest = 50, 10 * time.Minute // one part of the time goes to counting
	for ctx.Err() == nil {
		began, wait := time.Now(), every
		if n, err := m.store.CountOpenStartups(ctx, now()); err == nil {
			m.open.WithLabelValues("OPEN").Set(float64(n.Open))
			m.open.WithLabelValues("OVERDUE").Set(float64(n.Overdue))
			wait = max(every, min(share*time.Since(began), rarest))
		} else if ctx.Err() == nil {
			slog.WarnContext(ctx, "open startups not counted, will try again", "error", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}

// Text is what a scrape is answered.
func (m *Metrics) Text() (body []byte, contentType string, err error) {
	families, err := m.registry.Gather()
	if err != nil {
		return nil, "", err
	}
	format := expfmt.NewFormat(expfmt.TypeTextPlain)
	var b bytes.Buffer
	enc := expfmt.NewEncoder(&b, format)
	for _, f := range families {
		if err := enc.Encode(f); err != nil {
			return nil, "", err
		}
	}
	return b.Bytes(), string(format), nil
}
