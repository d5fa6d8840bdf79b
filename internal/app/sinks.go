package app

import (
	"errors"

	"github.com/legivellum/metagate/internal/feed"
	"github.com/legivellum/metagate/internal/store"
	"github.com/legivellum/metagate/internal/telemetry"
)

// sinks reads SINKS_FILE. A ledger that it names is that of RECEIPTGATE_ENDPOINT.
func (c *Config) sinks() (feed.Sinks, error) {
	if c.SinksFile == "" {
		return feed.Sinks{}, nil
	}
	s, err := feed.ReadSinks(c.SinksFile)
	if err != nil || s.Ledger == nil {
		return s, err
	}
	if c.Endpoint != "" {
		return s, errors.New("RECEIPTGATE_ENDPOINT is set, and SINKS_FILE has a sink of kind receiptgate: name the ledger once")
	}
	c.Endpoint, c.AuthToken = s.Ledger.Endpoint, s.Ledger.Token
	if s.Ledger.Source != "" {
		c.SourceSystem = s.Ledger.Source
	}
	return s, c.checkNetwork()
}

// tellSinks makes the sinks of events.
func (a *App) tellSinks(s feed.Sinks) {
	for _, w := range s.Webhooks {
		a.webhooks = append(a.webhooks, feed.NewWebhook(a.Store, store.Now, a.log, w))
	}
}

// watchSinks has the API and the metrics tell of them.
func (a *App) watchSinks() {
	a.options.Webhooks = map[string]bool{}
	for _, w := range a.webhooks {
		a.options.Webhooks[w.Name()] = true
		a.options.Metrics.Sink(w.Name(), func() telemetry.Sink {
			var s telemetry.Sink
			s.Delivered, s.Refused, s.Failures, s.Dropped, s.Lag = w.Counts()
			return s
		})
	}
}
