// Command table is `make bench`: it stands up PostgreSQL and the server, measures
// both engines beside this machine's own limits in one run, and prints a table.
// With -growth it is `make bench-growth`.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/legivellum/metagate/internal/bench"
	"github.com/legivellum/metagate/internal/testdb"
)

const (
	each      = 4 * time.Second // of each figure
	component = "memorygate_main"
	herd      = 10_000
	herdWidth = 256
)

func main() {
	if url := os.Getenv(bareEnv); url != "" {
		bare(url)
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1) //nolint:gocritic // stop only resets the signal handler
	}
}

func run(ctx context.Context) error {
	grow := flag.Bool("growth", false, "measure what principals and receipts cost instead")
	flag.Parse()
	dir, err := os.MkdirTemp("", "metagate-bench")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	cluster, err := testdb.Start(ctx, os.Stderr, testdb.Durable(), testdb.Private())
	if err != nil {
		return err
	}
	defer cluster.Stop() //nolint:errcheck // its directory goes with it
	binary := filepath.Join(dir, "metagate")
	if err := build(ctx, binary); err != nil {
		return err
	}
	if *grow {
		return growth(ctx, dir, binary, cluster)
	}
	for _, name := range []string{"bench", "limits", "worlds"} {
		if err := cluster.CreateDatabase(ctx, name, ""); err != nil {
			return err
		}
	}
	servers := []engine{{"PostgreSQL", cluster.URL("bench")}, {"SQLite", "sqlite:" + filepath.Join(dir, "bench.db")}}
	empty := []engine{{"PostgreSQL", cluster.URL("worlds")}, {"SQLite", "sqlite:" + filepath.Join(dir, "worlds.db")}}
	fmt.Println("| engine | connections | what | answers/s | p50 ms | p99 ms | p99.9 ms | allocations | peak RSS MiB | ÷ commits | ÷ bare HTTP |")
	fmt.Println("|---|---|---|---|---|---|---|---|---|---|---|")
	for _, connections := range []int{64, 256} {
		for _, e := range servers {
			if err := e.measure(ctx, binary, cluster.URL("limits"), connections); err != nil {
				return err
			}
		}
	}
	for _, e := range servers {
		if err := e.coldStart(ctx, binary); err != nil {
			return err
		}
	}
	for _, e := range empty {
		if err := e.world(ctx, binary); err != nil {
			return err
		}
	}
	return nil
}

type engine struct{ name, url string }

// measure prints the engine's rows, with this machine's limits taken just before
// and just after them: the machine may be noisy, a ratio is less so.
func (e engine) measure(ctx context.Context, binary, limits string, connections int) error {
	s, err := start(ctx, binary, e.url)
	if err != nil {
		return err
	}
	defer s.stop()
	t := bench.Target{
		URL: s.url, APIKeyHeader: "X-Api-Key", APIKey: s.key, Component: component,
		Concurrency: connections, Duration: each,
	}
	before, err := measureLimits(ctx, limits, t)
	if err != nil {
		return err
	}
	type row struct {
		what   string
		result bench.Result
		allocs float64
	}
	var rows []row
	for _, m := range []struct {
		what string
		run  func(context.Context, *atomic.Int64) (bench.Result, error)
	}{{"bootstrap 200", t.Bootstraps}, {"bootstrap 304", t.NotModified}, {"ready", t.Ready}} {
		allocs := s.mallocs(ctx)
		r, err := m.run(ctx, new(atomic.Int64))
		if err != nil {
			return err
		}
		if n := r.Report().Failed; n > 0 {
			return fmt.Errorf("%s, %s: %d requests failed %v", e.name, m.what, n, r.Failures)
		}
		rows = append(rows, row{m.what, r, (s.mallocs(ctx) - allocs) / float64(r.Requests)})
	}
	after, err := measureLimits(ctx, limits, t)
	if err != nil {
		return err
	}
	commits, http := (before.commits+after.commits)/2, (before.http+after.http)/2
	fmt.Printf("| this machine | %d | single-row commits (PostgreSQL, pgx) | %.0f | | | | | | 1 | |\n", connections, commits)
	fmt.Printf("| this machine | %d | bare Echo, the same bytes | %.0f | | | | | | | 1 |\n", connections, http)
	for _, r := range rows {
		p := r.result.Report()
		allocs := fmt.Sprintf("%.0f", r.allocs)
		if r.what == "ready" {
			allocs = "" // its bootstraps are in it
		}
		fmt.Printf("| %s | %d | %s | %.0f | %.1f | %.1f | %.1f | %s | %.0f | %.2f | %.2f |\n", e.name, connections, r.what,
			p.PerSecond, p.P50, p.P99, p.P999, allocs, s.peakMiB(), p.PerSecond/commits, p.PerSecond/http)
	}
	return nil
}

func (e engine) coldStart(ctx context.Context, binary string) error {
	s, err := start(ctx, binary, e.url)
	if err != nil {
		return err
	}
	defer s.stop()
	t := bench.Target{URL: s.url, APIKeyHeader: "X-Api-Key", APIKey: s.adminKey, Component: component, Concurrency: herdWidth}
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
	t := bench.Target{URL: s.url, APIKeyHeader: "X-Api-Key", APIKey: s.adminKey}
	first, again, err := t.Applies(ctx, herd)
	if err != nil {
		return err
	}
	fmt.Printf("world of %d principals with bindings, %s: applied in %.2f s, again unchanged in %.2f s; peak RSS %.0f MiB\n",
		herd, e.name, first.Seconds(), again.Seconds(), s.peakMiB())
	return nil
}
