package main

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/legivellum/metagate/internal/bench"
)

// The machine may be noisy, and a ratio of figures that were taken one after the
// other is less so: the median of several rounds is told.
const (
	turns = 9
	turn  = time.Second / 2 // of each figure in each round
)

// figure is what was measured of one thing, in each round.
type figure struct {
	what    string
	run     func(context.Context, *atomic.Int64) (bench.Result, error)
	rates   []float64
	ratios  [3][]float64 // to each of the limits
	allocs  []float64
	latency bench.Result // of all rounds
}

// limitNames are this machine's own limits: what the figures are divided by.
var limitNames = [3]string{"single-row commits, three columns (PostgreSQL, pgx)", "single-row commits of the receipt", "bare Echo, the same bytes"}

// measure prints the engine's rows.
func (e engine) measure(ctx context.Context, binary, limitsURL string, connections int) error {
	s, err := start(ctx, binary, e.url)
	if err != nil {
		return err
	}
	defer s.stop()
	bare, err := startBare(ctx)
	if err != nil {
		return err
	}
	defer bare.stop()
	t := bench.Target{
		URL: s.url, APIKeyHeader: "X-Api-Key", APIKey: s.key, Component: component,
		Concurrency: connections, Duration: turn,
	}
	idle := t
	idle.URL = bare.url
	bootstraps := []*figure{{what: "bootstrap 200", run: t.Bootstraps}, {what: "bootstrap 304", run: t.NotModified}}
	reports := []*figure{{what: "ready", run: t.Ready}} // afterwards: PostgreSQL vacuums what reports leave
	var machine [3][]float64
	for round := range 2 * turns {
		progress("%s at %d connections: round %d of %d", e.name, connections, round+1, 2*turns)
		limits, err := measureLimits(ctx, limitsURL, idle)
		if err != nil {
			return err
		}
		for i, rate := range limits {
			machine[i] = append(machine[i], rate)
		}
		figures := bootstraps
		if round >= turns {
			figures = reports
		}
		for _, f := range figures {
			if err := f.measure(ctx, s, limits); err != nil {
				return fmt.Errorf("%s, %s: %w", e.name, f.what, err)
			}
		}
	}
	for i, name := range limitNames {
		fmt.Printf("| this machine | %d | %s | %.0f | | | | | | | | |\n", connections, name, median(machine[i]))
	}
	for _, f := range append(bootstraps, reports...) {
		p := f.latency.Report()
		allocs := fmt.Sprintf("%.0f", median(f.allocs))
		if f.what == "ready" {
			allocs = "" // its bootstraps are in it
		}
		fmt.Printf("| %s | %d | %s | %.0f | %.1f | %.1f | %.1f | %s | %.0f | %.2f | %.2f | %.2f |\n", e.name, connections, f.what, median(f.rates),
			p.P50, p.P99, p.P999, allocs, s.peakMiB(), median(f.ratios[0]), median(f.ratios[1]), median(f.ratios[2]))
	}
	return nil
}

func (f *figure) measure(ctx context.Context, s *server, limits [3]float64) error {
	allocs := s.mallocs(ctx)
	r, err := f.run(ctx, new(atomic.Int64))
	if err != nil {
		return err
	}
	if n := r.Report().Failed; n > 0 {
		return fmt.Errorf("%d requests failed %v", n, r.Failures)
	}
	f.allocs = append(f.allocs, (s.mallocs(ctx)-allocs)/float64(r.Requests))
	f.rates = append(f.rates, r.PerSecond())
	for i, limit := range limits {
		f.ratios[i] = append(f.ratios[i], r.PerSecond()/limit)
	}
	if f.latency.Histogram == nil {
		f.latency = r
		return nil
	}
	f.latency.Requests, f.latency.Took = f.latency.Requests+r.Requests, f.latency.Took+r.Took
	f.latency.Histogram.Merge(r.Histogram)
	return nil
}

func measureLimits(ctx context.Context, database string, bare bench.Target) (limits [3]float64, err error) {
	for i, row := range []bench.Row{bench.Narrow, bench.Receipt} {
		if limits[i], err = bench.SingleRowCommits(ctx, database, row, bare.Concurrency, turn); err != nil {
			return limits, err
		}
	}
	r, err := bare.Bootstraps(ctx, new(atomic.Int64))
	limits[2] = r.PerSecond()
	return limits, err
}
