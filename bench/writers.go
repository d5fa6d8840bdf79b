package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/legivellum/metagate/bench/load"
	"github.com/legivellum/metagate/internal/test/testdb"
)

const (
	writersWidth = 64 // connections that bootstrap
	writersTurn  = 3 * time.Second
)

type writersCmd struct{}

// Run is the last part of table, by itself.
func (writersCmd) Run(ctx context.Context) error {
	return standUp(ctx, func(ctx context.Context, dir, binary string, cluster *testdb.Cluster) error {
		var engines []engine
		err := onEach(ctx, dir, cluster, func(name string, database func(string) (string, error)) error {
			url, err := database("writers")
			engines = append(engines, engine{name, url})
			return err
		})
		if err != nil {
			return err
		}
		return besideWriters(ctx, binary, engines)
	})
}

// besideWriters shows what admins who write without pause cost those who start.
func besideWriters(ctx context.Context, binary string, engines []engine) error {
	fmt.Println("\n| engine | writers | bootstraps/s | p50 ms | p99 ms | not 200 or 304 | stale | admin writes/s | p99 ms | not done |")
	fmt.Println("|---|---|---|---|---|---|---|---|---|---|")
	var stale int64
	for _, e := range engines {
		n, err := e.besideWriters(ctx, binary)
		if err != nil {
			return err
		}
		stale += n
	}
	if stale > 0 {
		return fmt.Errorf("%d answers were stale", stale)
	}
	return nil
}

func (e engine) besideWriters(ctx context.Context, binary string) (stale int64, err error) {
	s, err := start(ctx, binary, e.url)
	if err != nil {
		return 0, err
	}
	defer s.stop()
	t := load.Target{
		URL: s.url, APIKeyHeader: "X-Api-Key", APIKey: s.adminKey, Component: component, Concurrency: writersWidth, Duration: writersTurn,
	}
	for _, n := range []int{0, 1, 4, 16, 64} {
		progress("%s beside %d writers", e.name, n)
		r, err := t.BesideWriters(ctx, n)
		if err != nil {
			return stale, err
		}
		stale += r.Stale
		b, w := r.Bootstraps.Report(), r.Writes.Report()
		fmt.Printf("| %s | %d | %.0f | %.1f | %.1f | %s | %d | %.0f | %.1f | %s |\n", e.name, n,
			b.PerSecond, b.P50, b.P99, failures(b), r.Stale, w.PerSecond, w.P99, failures(w))
	}
	return stale, nil
}

// failures is how many there were, of how many, by status.
func failures(r load.Report) string {
	if r.Failed == 0 {
		return "0"
	}
	return fmt.Sprintf("%.1f %% (%s)", 100*float64(r.Failed)/float64(r.Failed+r.Requests), kinds(r.Failures))
}

// kinds are failures by status.
func kinds(failures map[string]int64) string {
	all := make([]string, 0, len(failures))
	for _, kind := range slices.Sorted(maps.Keys(failures)) {
		all = append(all, fmt.Sprintf("%s: %d", kind, failures[kind]))
	}
	return strings.Join(all, ", ")
}
