package main

import (
	"context"
	"fmt"
	"path/filepath"
	"sync/atomic"

	"github.com/legivellum/metagate/bench/load"
	"github.com/legivellum/metagate/internal/test/testdb"
)

const (
	component = "memorygate_main"
	herd      = 10_000
	herdWidth = 256
)

type tableCmd struct{}

func (tableCmd) Run(ctx context.Context) error { return standUp(ctx, everything) }

func everything(ctx context.Context, dir, binary string, cluster *testdb.Cluster) error {
	for _, name := range []string{"bench", "limits", "worlds", "writers"} {
		if err := cluster.CreateDatabase(ctx, name, ""); err != nil {
			return err
		}
	}
	servers := []engine{{"PostgreSQL", cluster.URL("bench")}, {"SQLite", "sqlite:" + filepath.Join(dir, "bench.db")}}
	empty := []engine{{"PostgreSQL", cluster.URL("worlds")}, {"SQLite", "sqlite:" + filepath.Join(dir, "worlds.db")}}
	written := []engine{{"PostgreSQL", cluster.URL("writers")}, {"SQLite", "sqlite:" + filepath.Join(dir, "writers.db")}}
	if err := prepareLimits(ctx, binary, cluster.URL("limits")); err != nil {
		return err
	}
	fmt.Println("| engine | connections | what | answers/s | p50 ms | p99 ms | p99.9 ms | CPU µs | allocations | peak RSS MiB | ÷ commits | ÷ receipt commits | ÷ bare HTTP |")
	fmt.Println("|---|---|---|---|---|---|---|---|---|---|---|---|---|")
	for _, connections := range []int{64, 256} {
		for _, e := range servers {
			if err := e.measure(ctx, binary, cluster.URL("limits"), connections); err != nil {
				return err
			}
		}
	}
	for _, e := range servers {
		if err := e.restart(ctx, binary); err != nil {
			return err
		}
		if err := e.coldStart(ctx, binary); err != nil {
			return err
		}
	}
	for _, e := range empty {
		if err := e.world(ctx, binary); err != nil {
			return err
		}
	}
	return besideWriters(ctx, binary, written)
}

type engine struct{ name, url string }

// restart is what a deployment waits for: the world and its receipts are there.
func (e engine) restart(ctx context.Context, binary string) error {
	s, err := start(ctx, binary, e.url)
	if err != nil {
		return err
	}
	defer func() { s.stop() }()
	took, err := s.restarts(ctx, 11)
	if err != nil {
		return err
	}
	fmt.Printf("start, %s: from exec to the first answered bootstrap %d ms (median of %d; %d–%d)\n",
		e.name, took[len(took)/2].Milliseconds(), len(took), took[0].Milliseconds(), took[len(took)-1].Milliseconds())
	return nil
}

func (e engine) coldStart(ctx context.Context, binary string) error {
	s, err := start(ctx, binary, e.url)
	if err != nil {
		return err
	}
	defer s.stop()
	t := load.Target{URL: s.url, APIKeyHeader: "X-Api-Key", APIKey: s.adminKey, Component: component, Concurrency: herdWidth}
	r, err := t.ColdStart(ctx, herd, new(atomic.Int64))
	if err != nil {
		return err
	}
	fmt.Printf("cold start, %s: %.2f s for %s; p99 %.0f ms, peak RSS %.0f MiB, failures %v\n",
		e.name, r.Took.Seconds(), r.Note, r.Report().P99, s.peakMiB(), r.Failures)
	return nil
}

func (e engine) world(ctx context.Context, binary string) error {
	s, err := start(ctx, binary, e.url)
	if err != nil {
		return err
	}
	defer s.stop()
	t := load.Target{URL: s.url, APIKeyHeader: "X-Api-Key", APIKey: s.adminKey}
	first, again, err := t.Applies(ctx, herd)
	if err != nil {
		return err
	}
	fmt.Printf("world of %d principals with bindings, %s: applied in %.2f s, again unchanged in %.2f s; peak RSS %.0f MiB\n",
		herd, e.name, first.Seconds(), again.Seconds(), s.peakMiB())
	return nil
}
