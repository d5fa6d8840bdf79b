package main

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/legivellum/metagate/bench/load"
)

// The machine may be noisy, and a ratio of figures that were taken one after the
// other is less so: the median of several rounds is told.
const (
	turns    = 9
	turnTime = time.Second / 2 // of each figure in each round
)

// Turns is how often those that are compared are measured.
type Turns struct {
	Rounds int `default:"11" help:"How often each takes its turn."`
}

// Validate is asked by the CLI's parser.
func (t Turns) Validate() error {
	if t.Rounds < 1 {
		return errors.New("--rounds wants a positive number")
	}
	return nil
}

// turn is one load. What has to be there first is prepared beforehand, unmeasured.
type turn func(context.Context) (load.Result, error)

func bootstraps(t load.Target) turn {
	return func(ctx context.Context) (load.Result, error) { return t.Bootstraps(ctx, new(atomic.Int64)) }
}

func notModified(t load.Target) turn {
	return func(ctx context.Context) (load.Result, error) { return t.NotModified(ctx, new(atomic.Int64)) }
}

// ready opens for a turn the startups that the load then reports.
func ready(ctx context.Context, t load.Target) (turn, error) {
	t.Opened = load.NewOpened(t.Concurrency)
	return func(ctx context.Context) (load.Result, error) { return t.Opened.Ready(ctx, t, new(atomic.Int64)) },
		sound(t.Bootstraps(ctx, new(atomic.Int64)))
}

// figure is what was measured of one thing, in each round.
type figure struct {
	engine, what string
	server       *server
	prepare      func(context.Context) (turn, error)
	rates        []float64
	ratios       [3][]float64 // to each of the limits
	allocs       []float64
	cpu          time.Duration // of all rounds
	latency      load.Result   // of all rounds
}

func prepared(l turn) func(context.Context) (turn, error) {
	return func(context.Context) (turn, error) { return l, nil }
}

// limitNames are this machine's own limits: what the figures are divided by. The
// third is a bare Echo.
var limitNames = [2]string{"single-row commits, three columns (PostgreSQL, pgx)", "single-row commits of the receipt"}

// measure prints the engine's rows.
func (e engine) measure(ctx context.Context, binary, limitsURL string, connections int) error {
	s, err := start(ctx, binary, e.url)
	if err != nil {
		return err
	}
	defer s.stop()
	t := load.Target{
		URL: s.url, APIKeyHeader: "X-Api-Key", APIKey: s.key, Component: component,
		Concurrency: connections, Duration: turnTime,
	}
	var bares []*figure
	defer func() {
		for _, f := range bares {
			f.server.stop()
		}
	}()
	for _, kind := range []string{"echo", "http"} {
		s, err := startBare(ctx, kind)
		if err != nil {
			return err
		}
		idle := t
		idle.URL = s.url
		bares = append(bares, &figure{engine: "this machine", what: "bare " + kind + ", the same bytes", server: s, prepare: prepared(bootstraps(idle))})
	}
	starts := []*figure{
		{engine: e.name, what: "bootstrap 200", server: s, prepare: prepared(bootstraps(t))},
		{engine: e.name, what: "bootstrap 304", server: s, prepare: prepared(notModified(t))},
	}
	reports := []*figure{ // afterwards: PostgreSQL vacuums what reports leave
		{engine: e.name, what: "ready", server: s, prepare: func(ctx context.Context) (turn, error) { return ready(ctx, t) }},
	}
	var commits [2][]float64
	for round := range 2 * turns {
		progress("%s at %d connections: round %d of %d", e.name, connections, round+1, 2*turns)
		var limits [3]float64
		for i, row := range []load.Row{load.Narrow, load.Receipt} {
			if limits[i], err = load.SingleRowCommits(ctx, limitsURL, row, connections, turnTime); err != nil {
				return err
			}
			commits[i] = append(commits[i], limits[i])
		}
		for _, f := range bares {
			if err := f.measure(ctx, nil); err != nil {
				return err
			}
		}
		limits[2] = bares[0].rates[round]
		figures := starts
		if round >= turns {
			figures = reports
		}
		for _, f := range figures {
			if err := f.measure(ctx, limits[:]); err != nil {
				return err
			}
		}
	}
	for i, name := range limitNames {
		fmt.Printf("| this machine | %d | %s | %.0f | | | | | | | | | |\n", connections, name, median(commits[i]))
	}
	for _, f := range append(append(bares, starts...), reports...) {
		f.print(connections)
	}
	return nil
}

// measure takes the figure's turn.
func (f *figure) measure(ctx context.Context, limits []float64) error {
	run, err := f.prepare(ctx)
	if err != nil {
		return fmt.Errorf("%s, %s: %w", f.engine, f.what, err)
	}
	allocs, cpu := f.server.mallocs(ctx), f.server.cpu()
	r, err := run(ctx)
	f.cpu += f.server.cpu() - cpu
	if err := sound(r, err); err != nil {
		return fmt.Errorf("%s, %s: %w", f.engine, f.what, err)
	}
	f.allocs = append(f.allocs, (f.server.mallocs(ctx)-allocs)/float64(r.Requests))
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

func (f *figure) print(connections int) {
	p := f.latency.Report()
	fmt.Printf("| %s | %d | %s | %.0f | %.1f | %.1f | %.1f | %.1f |", f.engine, connections, f.what, median(f.rates),
		p.P50, p.P99, p.P999, perRequest(f.cpu, f.latency))
	if f.ratios[0] == nil { // of the machine itself
		fmt.Println(" | | | | |")
		return
	}
	fmt.Printf(" %.0f | %.0f | %.2f | %.2f | %.2f |\n", median(f.allocs), f.server.peakMiB(), median(f.ratios[0]), median(f.ratios[1]), median(f.ratios[2]))
}

// perRequest is the processor time of a request, in microseconds.
func perRequest(cpu time.Duration, r load.Result) float64 {
	return float64(cpu.Nanoseconds()) / 1000 / float64(r.Requests)
}
