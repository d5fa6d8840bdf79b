package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"github.com/legivellum/metagate/bench/load"
	"github.com/legivellum/metagate/internal/test/testdb"
)

const (
	crowdName  = "bench-growth"
	few, many  = 100, 100_000
	receipts   = 5_000_000
	due        = 1_000_000 // of them, for retention
	rounds     = 12
	slice      = 1500 * time.Millisecond // of each round
	keepHours  = "24"
	secret     = "a-secret-for-growing-as-long-as-its-hash"
	growWidth  = 64
	fullWidth  = 256
	calm       = 15 * time.Second // of bootstraps before retention sweeps
	tooLong    = 10 * time.Minute // for retention
	idleAfter  = 5 * time.Second  // when what the start took is given back
	pollDue    = 2 * time.Second
	retainNone = "RECEIPT_RETENTION_HOURS=0"
)

// grown is one database and what is in it.
type grown struct {
	what                 string
	database             database
	principals, receipts int
}

type growthCmd struct{}

func (growthCmd) Run(ctx context.Context) error { return standUp(ctx, growth) }

// growth measures what principals and receipts cost, on both engines.
func growth(ctx context.Context, dir, binary string, cluster *testdb.Cluster) error {
	fmt.Println("| engine | principals | receipts | bootstraps/s | cost ÷ first row | idle RSS MiB | peak RSS MiB at 256 connections |")
	fmt.Println("|---|---|---|---|---|---|---|")
	for _, empty := range []func(name string) (database, error){
		func(name string) (database, error) { return newPostgres(ctx, cluster, name) },
		func(name string) (database, error) { return newSQLite(filepath.Join(dir, name+".db")), nil },
	} {
		var all []grown
		for _, g := range []grown{{what: "few", principals: few}, {what: "many", principals: many}, {what: "old", principals: many, receipts: receipts}} {
			var err error
			if g.database, err = empty("growth_" + g.what); err != nil {
				return err
			}
			if err := g.fill(ctx, binary); err != nil {
				return err
			}
			all = append(all, g)
		}
		if err := compare(ctx, binary, all); err != nil {
			return err
		}
		if err := all[2].retention(ctx, binary); err != nil {
			return err
		}
	}
	return nil
}

func progress(format string, args ...any) { fmt.Fprintf(os.Stderr, "bench: "+format+"\n", args...) }

func (g grown) fill(ctx context.Context, binary string) error {
	progress("%s: %d principals, %d receipts", g.database.engine(), g.principals, g.receipts)
	s, err := g.start(ctx, binary)
	if err != nil {
		return err
	}
	err = g.crowd(s).Populate(ctx)
	s.stop()
	if err != nil || g.receipts == 0 {
		return err
	}
	return g.database.addReceipts(ctx, g.receipts, min(due, g.receipts))
}

func (g grown) start(ctx context.Context, binary string, settings ...string) (*server, error) {
	return start(ctx, binary, g.database.url(), append([]string{"JWT_SECRET=" + secret, retainNone}, settings...)...)
}

func (g grown) crowd(s *server) load.Crowd {
	return load.Crowd{
		Target: load.Target{
			URL: s.url, APIKeyHeader: "X-Api-Key", APIKey: s.adminKey, Component: component, Concurrency: growWidth, Duration: slice,
		},
		Name: crowdName, Principals: g.principals, Secret: secret,
	}
}

// compare lets the servers take turns, so that a noisy moment hits them all, and
// prints the medians.
func compare(ctx context.Context, binary string, all []grown) error {
	type running struct {
		*server
		crowd    load.Crowd
		requests [][]byte
		idle     float64
		rates    []float64
	}
	var servers []*running
	defer func() {
		for _, r := range servers {
			r.stop()
		}
	}()
	for _, g := range all {
		s, err := g.start(ctx, binary)
		if err != nil {
			return err
		}
		r := &running{server: s, crowd: g.crowd(s)}
		servers = append(servers, r)
		if r.requests, err = r.crowd.Requests(); err != nil {
			return err
		}
	}
	time.Sleep(idleAfter)
	for _, r := range servers {
		r.idle = r.residentMiB()
	}
	for _, r := range servers { // a cold start is another figure, in the other table
		if err := sound(r.crowd.EachOnce(ctx, r.requests, new(atomic.Int64))); err != nil {
			return err
		}
	}
	for range rounds {
		for _, r := range servers {
			result, err := r.crowd.Bootstraps(ctx, r.requests, new(atomic.Int64))
			if err := sound(result, err); err != nil {
				return err
			}
			r.rates = append(r.rates, result.PerSecond())
		}
	}
	for i, r := range servers {
		r.crowd.Concurrency, r.crowd.Duration = fullWidth, 4*slice
		if err := sound(r.crowd.Bootstraps(ctx, r.requests, new(atomic.Int64))); err != nil {
			return err
		}
		var cost []float64
		for round, rate := range r.rates {
			cost = append(cost, servers[0].rates[round]/rate)
		}
		fmt.Printf("| %s | %d | %d | %.0f | %.2f | %.0f | %.0f |\n", all[i].database.engine(), all[i].principals, all[i].receipts,
			median(r.rates), median(cost), r.idle, r.peakMiB())
	}
	return nil
}

func sound(r load.Result, err error) error {
	if n := r.Report().Failed; err == nil && n > 0 {
		err = fmt.Errorf("%d requests failed %v", n, r.Failures)
	}
	return err
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

// retention measures bootstraps beside a server that has nothing to remove, and
// then beside one that removes what is due.
func (g grown) retention(ctx context.Context, binary string) error {
	progress("%s: retention", g.database.engine())
	before, err := g.load(ctx, binary, func(ctx context.Context) error { return sleep(ctx, calm) })
	if err != nil {
		return err
	}
	began := time.Now()
	during, err := g.load(ctx, binary, func(ctx context.Context) error {
		for {
			n, err := g.database.due(ctx)
			if err != nil || n == 0 {
				return err
			}
			if time.Since(began) > tooLong {
				return fmt.Errorf("%d receipts are still due after %s", n, tooLong)
			}
			if err := sleep(ctx, pollDue); err != nil {
				return err
			}
		}
	}, "RECEIPT_RETENTION_HOURS="+keepHours)
	if err != nil {
		return err
	}
	a, b := before.Report(), during.Report()
	fmt.Printf("retention, %s: %d receipts removed in %.0f s beside %.0f bootstraps/s with p99 %.1f ms; without it %.0f/s with p99 %.1f ms: p99 × %.2f\n",
		g.database.engine(), due, during.Took.Seconds(), b.PerSecond, b.P99, a.PerSecond, a.P99, b.P99/a.P99)
	return nil
}

// load keeps a server busy until the function returns.
func (g grown) load(ctx context.Context, binary string, until func(context.Context) error, settings ...string) (load.Result, error) {
	s, err := g.start(ctx, binary, settings...)
	if err != nil {
		return load.Result{}, err
	}
	defer s.stop()
	c := g.crowd(s)
	requests, err := c.Requests()
	if err != nil {
		return load.Result{}, err
	}
	c.Duration = 0
	loaded, end := context.WithCancel(ctx)
	failed := make(chan error, 1)
	go func() {
		defer end()
		failed <- until(ctx)
	}()
	result, err := c.Bootstraps(loaded, requests, new(atomic.Int64))
	return result, errors.Join(<-failed, sound(result, err))
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
